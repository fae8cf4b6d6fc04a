"""Sending again what a destination lacks, for the Institutions concerned."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.timeline import parts
from web import entries
from web.entries import Wrong
from web.here import here
from web.permission import needs
from web.support.acting import act
from web.support.blueprint import blueprint
from web.support.show import found, shown


@blueprint.post("/support/<reference>/resend")
@needs(Function.USE_SUPPORT_DESK)
def resend(reference: str) -> ResponseReturnValue:
    try:
        reason = entries.reason(request.form.get("reason", ""), "resend_reason")
    except Wrong as wrong:
        return shown(reference, wrong), 422
    with here().database.begin() as session:
        one = found(session, reference)
        deliveries = [part for part in parts(session, one.id) if part.prefix == "delivery"]
    if not deliveries:
        flash("Nothing of it is being delivered, so nothing can be sent again.", "refused")
        return redirect(url_for("support.show", reference=one.reference), 303)
    latest = deliveries[-1]
    category, said = act(CommandKind.RETRY_DELIVERY, latest.id, latest.institution_id, one.id, reason)
    flash(said or "What is missing is sent again.", category)
    return redirect(url_for("support.show", reference=one.reference), 303)
