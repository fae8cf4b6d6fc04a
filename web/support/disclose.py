"""Seeing whom a transaction is about: for a reason, for half an hour, and the Institutions read who looked and why."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.support import SHOWN_FOR, disclose, shown_until
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.reasons import reason_about
from web.support.blueprint import blueprint
from web.support.show import found, shown


@blueprint.post("/support/<reference>/disclose")
@needs(Function.DISCLOSE_PATIENT)
def disclose_patient(reference: str) -> ResponseReturnValue:
    try:
        reason = reason_about(reference, "disclose_reason")
    except Wrong as wrong:
        return shown(reference, wrong), 422
    with here().database.begin() as session:
        one = found(session, reference)
        # A second click looks no second time.
        if shown_until(session, one.id, person().id) is None:
            disclose(session, one, person().id, reason, SHOWN_FOR)
    return redirect(url_for("support.show", reference=one.reference) + "#patient", 303)
