"""The steps that all decisions on a transaction have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.decisions import RULES
from models.queries.transaction import TransactionPage
from web.asking import ask, asked_before
from web.entries import Wrong
from web.here import here
from web.permission import person
from web.times import at_length
from web.transactions.offers import is_possible, must_be_permitted
from web.transactions.show import found, shown
from web.words import phrase


def decide(
    reference: str, kind: CommandKind, entries: Callable[[TransactionPage], dict[str, Any]], done: str
) -> ResponseReturnValue:
    """Ask the engine for `kind` with what `entries` reads from the form, and show the page again.

    A transaction that is not this Institution's answers "not found", one that is but not to be decided by this person
    "forbidden". A wrong entry shows the form again; a step that is too late says so and changes nothing.
    """
    page = found(reference)
    must_be_permitted(kind, page, person().viewer)
    with here().database.begin() as session:
        content = asked_before(session)
    if content is None and not is_possible(kind, page):
        flash(f"Too late: {page.sentence} {_who_was_first(page)}".rstrip(), "refused")
        return redirect(url_for("transactions.show", reference=page.reference), 303)
    if content is None:
        # What was right when it was first sent may be no choice any more; a second click answers like the first.
        try:
            content = entries(page)
        except Wrong as wrong:
            return shown(page, wrong), 422
    subject = {"request": page.request, "arrival": page.arrival, "delivery": page.delivery}[RULES[kind].lifecycle]
    if subject is None:
        abort(404)
    if RULES[kind].lifecycle == "request":
        # What was decided in view of another state than the present one counts as too late.
        content = {**content, "seen": request.form.get("seen", "")}
    ask(kind, subject.id, subject.institution_id, content, done)
    return redirect(url_for("transactions.show", reference=page.reference), 303)


def _who_was_first(page: TransactionPage) -> str:
    """What a person did last about it, and when; empty where nobody did anything."""
    step = next((step for step in reversed(page.steps) if step.who != "the exchange"), None)
    return f"{phrase(step.event)} by {step.who} on {at_length(step.at, person().time_zone)}." if step else ""
