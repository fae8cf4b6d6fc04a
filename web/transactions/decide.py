"""The steps that all decisions on a transaction have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.decisions import RULES
from models.domain.seen import Seen
from models.queries.transaction import TransactionPage
from web.asking import ask, asked_before
from web.entries import Wrong
from web.here import here
from web.permission import person
from web.seen import delivery_seen
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
    seen = _seen(RULES[kind].lifecycle)
    if content is None and (not is_possible(kind, page) or _has_moved_on(seen, page)):
        # The page that follows says how it stands.
        said = ("Too late:", *_who_was_first(page), _where_it_waits(page))
        flash(" ".join(part for part in said if part), "refused")
        return redirect(url_for("transactions.show", reference=page.reference), 303)
    if content is None:
        # What was right when it was first sent may be no choice any more; a second click answers like the first.
        try:
            content = entries(page)
        except Wrong as wrong:
            return shown(page, wrong), 422
    subject = {"request": page.request, "transfer": page.transfer, "arrival": page.arrival, "delivery": page.delivery}[
        RULES[kind].lifecycle
    ]
    if subject is None:
        abort(404)
    if seen is not None:
        # What was decided in view of another state than the present one counts as too late.
        content = {**content, "seen": seen}
    ask(kind, subject.id, subject.institution_id, content, done)
    return redirect(url_for("transactions.show", reference=page.reference), 303)


def _seen(lifecycle: str) -> str | None:
    """In view of what it was decided, as the form says; None where that does not matter."""
    if lifecycle == "delivery":
        return delivery_seen()
    return request.form.get("seen", "") if lifecycle in ("request", "transfer") else None


def _has_moved_on(seen: str | None, page: TransactionPage) -> bool:
    """Whether a delivery is not where the form says any more; a request's own workflow says so itself."""
    return seen is not None and page.lifecycle == "delivery" and Seen.of(seen).is_past(page.seen)


def _who_was_first(page: TransactionPage) -> Iterator[str]:
    """What a person did about it last, and when; how it stands, if the exchange alone did or has moved it on since."""
    by_a_person = [step for step in page.steps if step.who != "the exchange"]
    if by_a_person:
        step = by_a_person[-1]
        yield f"it was {phrase(step.event).lower()} by {step.who} on {at_length(step.at, person().time_zone)}."
    if not by_a_person or page.steps[-1] is not by_a_person[-1]:
        yield page.sentence


def _where_it_waits(page: TransactionPage) -> str:
    """On which worklist it is, and so to which Node it would go; empty where it is on none."""
    on = page.delivery if page.seen.worklist_id else None
    return f"It waits on {on.worklist} now, for {on.node}." if on else ""
