"""Comparing a held study again with what is asked of its source: a request may have come after it."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from models.domain.lifecycles.arrival import State
from models.domain.permissions import Function
from models.queries.timeline import parts
from models.support import match_again
from models.tables import Arrival
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.reasons import reason_about
from web.support.acting import act_id_of
from web.support.blueprint import blueprint
from web.support.show import found, shown


@blueprint.post("/support/<reference>/match-again")
@needs(Function.USE_SUPPORT_DESK)
def match(reference: str) -> ResponseReturnValue:
    try:
        reason = reason_about(reference, "match_reason")
    except Wrong as wrong:
        return shown(reference, wrong), 422
    with here().database.begin() as session:
        one = found(session, reference)
        held = [part.id for part in parts(session, one.id) if part.prefix == "arrival" and part.state == State.HELD]
        count = sum(
            match_again(
                session,
                act_id_of("match-again", arrival_id),
                session.get_one(Arrival, arrival_id),
                account_id=person().id,
                reason=reason,
            )
            for arrival_id in held
        )
    if not held:
        flash("Too late: nothing of it is held any more.", "refused")
    elif count:
        flash(f"It may be {'a study' if count == 1 else f'{count} studies'} asked for; the source chooses.", "done")
    else:
        flash("It fits nothing that is asked of its source now.", "done")
    return redirect(url_for("support.show", reference=one.reference), 303)
