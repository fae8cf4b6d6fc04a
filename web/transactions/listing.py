"""The list of transactions, newest first."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.lifecycles import ARRIVAL, DELIVERY, REQUEST
from models.domain.permissions import Function
from models.queries.transactions import Sought, page, reference_exists
from models.references import reference_in
from web.here import here
from web.pages import after, written
from web.permission import needs, person
from web.transactions.blueprint import blueprint

STATES = {
    f"{lifecycle.name}.{state.value}": state.value
    for lifecycle in (REQUEST, ARRIVAL, DELIVERY)
    for state in lifecycle.states
    # A routed or matched arrival is listed by its delivery.
    if (lifecycle.name, state.value) not in (("arrival", "routed"), ("arrival", "matched"))
}


@blueprint.get("")
@needs(Function.VIEW_TRANSACTIONS)
def listing() -> ResponseReturnValue:
    state, mine = request.args.get("state", ""), "mine" in request.args
    lifecycle, _, name = state.partition(".")
    if state and state not in STATES:
        abort(404)
    with here().database.begin() as session:
        shown = page(session, person().viewer, Sought(lifecycle or None, name or None, mine), after())
    kept: dict[str, Any] = {"state": state or None, "mine": "1" if mine else None}
    return render_template(
        "transactions/listing.html",
        title="Transactions",
        page=shown,
        states=STATES,
        state=state,
        mine=mine,
        is_first="after" not in request.args,
        next=url_for(".listing", after=written(shown.next), **kept) if shown.next else "",
        first=url_for(".listing", **kept),
    )


@blueprint.post("/find")
@needs(Function.VIEW_TRANSACTIONS)
def find() -> ResponseReturnValue:
    """By the reference as somebody said it.

    Sent, never part of an address, and told again only where it looks like a reference: people enter NHS numbers, too.
    """
    sought = reference_in(request.form.get("reference", ""))
    if sought:
        with here().database.begin() as session:
            if reference_exists(session, person().viewer, sought):
                return redirect(url_for("transactions.show", reference=sought), 303)
    flash(f"No transaction {sought or 'like that'} of yours; check the reference. It looks like T-7F3K-2QM.", "refused")
    return redirect(url_for(".listing"), 303)
