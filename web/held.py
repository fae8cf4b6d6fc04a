"""Held: what waits for a person because the exchange never guesses."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.errors import NotFound
from models.domain.permissions import Function
from models.held import Outcome, resolve
from models.queries.held import held_alone, held_arrivals, reference_of
from web.asking import token
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.reasons import reason_about

blueprint = Blueprint("held", __name__)


@blueprint.get("/held")
@needs(Function.VIEW_TRANSACTIONS)
def held() -> ResponseReturnValue:
    return _shown()


@blueprint.post("/held/<held_id>/resolve")
@needs(Function.ASSIGN_HELD)
def resolved(held_id: str) -> ResponseReturnValue:
    """Somebody of the source has looked at an object that is held apart."""
    return _resolve(held_id, person().viewer.institution_id)


@blueprint.post("/held/<held_id>/resolve-of-nobody")
@needs(Function.USE_SUPPORT_DESK)
def resolved_of_nobody(held_id: str) -> ResponseReturnValue:
    """What came from no Institution is looked at by support."""
    return _resolve(held_id, None)


def _resolve(held_id: str, institution_id: str | None) -> ResponseReturnValue:
    """It needs no engine, and a second click changes nothing."""
    try:
        outcome = Outcome(request.form.get("outcome", ""))
    except ValueError:
        abort(404)
    try:
        with here().database.begin() as session:
            reference = reference_of(session, held_id, institution_id)
        resolution = reason_about(reference, f"reason-{held_id}")
    except Wrong as wrong:
        return _shown(wrong), 422
    try:
        with here().database.begin() as session:
            resolve(
                session,
                held_id,
                institution_id=institution_id,
                actor=person().id,
                outcome=outcome,
                resolution=resolution,
            )
    except NotFound:
        abort(404)
    flash("Noted. The object stays kept, and is no longer listed.", "done")
    return redirect(url_for("held.held"), 303)


def _shown(wrong: Wrong | None = None) -> str:
    viewer = person().viewer
    with here().database.begin() as session:
        arrivals, alone = held_arrivals(session, viewer), held_alone(session, viewer)
    return render_template("held.html", title="Held", arrivals=arrivals, alone=alone, wrong=wrong, token=token)
