"""Forwarding a study that was delivered here to a third Institution, as the agreements allow."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.errors import NotAllowed, NotFound
from models.domain.permissions import Function
from models.forwarding import forward as forward_on
from models.forwarding import thirds, why_not
from models.queries.transaction import DeliveryFacts, TransactionPage
from models.tables import Delivery
from web.asking import command_token, token
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.reasons import reason_about
from web.transactions.blueprint import blueprint
from web.transactions.show import found


@blueprint.get("/<reference>/forward")
@needs(Function.FORWARD)
def forward(reference: str) -> ResponseReturnValue:
    page = found(reference)
    return _shown(page, _delivered_here(page))


@blueprint.post("/<reference>/forward")
@needs(Function.FORWARD)
def forwarded(reference: str) -> ResponseReturnValue:
    """The new transaction's page; the form again, with what must be put right, or why it cannot be."""
    page, who = found(reference), person()
    delivery, command_id = _delivered_here(page), command_token()
    try:
        reason = reason_about(page.reference, "reason")
        if not request.form.get("worklist_id"):
            raise Wrong("worklist_id", "Choose where it is forwarded to.")
        with here().database.begin() as session:
            onward = forward_on(
                session,
                institution_id=who.viewer.institution_id,
                account_id=who.id,
                delivery_id=delivery.id,
                worklist_id=request.form["worklist_id"],
                reason=reason,
                command_id=command_id,
            )
    except Wrong as wrong:
        return _shown(page, delivery, wrong), 422
    except NotAllowed as refused:
        return _shown(page, delivery, Wrong("worklist_id", str(refused))), 422
    except NotFound:
        abort(400)
    said = here().gateway.try_now(here().database, command_id)
    flash(said or f"Forwarded. It goes on by itself; {page.source.ods_code} is told.", "saved" if said else "done")
    return redirect(url_for("transactions.show", reference=onward), 303)


def _delivered_here(page: TransactionPage) -> DeliveryFacts:
    """The delivery to this Institution: only what one was sent can one forward."""
    if page.delivery is None or page.delivery.institution_id != person().viewer.institution_id:
        abort(403)
    return page.delivery


def _shown(page: TransactionPage, delivery: DeliveryFacts, wrong: Wrong | None = None) -> str:
    with here().database.begin() as session:
        row = session.get_one(Delivery, delivery.id)
        refused, choices = why_not(session, row), thirds(session, row)
    return render_template(
        "transactions/forward.html",
        title=f"Forward {page.reference}",
        page=page,
        refused=refused,
        choices=choices,
        wrong=wrong,
        token=token,
    )
