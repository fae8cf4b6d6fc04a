"""Signing out."""

from __future__ import annotations

from flask import flash, make_response, redirect, request
from flask import session as page_session
from flask.typing import ResponseReturnValue

from models.audit import record_act
from web.account.blueprint import blueprint
from web.here import here
from web.permission import for_everybody_signed_in, person
from web.sessions import end_session


@blueprint.post("/sign-out")
@for_everybody_signed_in
def sign_out() -> ResponseReturnValue:
    response = make_response(redirect("/sign-in", 303))
    who = person()
    with here().database.begin() as session:
        end_session(session, request, response)
        record_act(
            session,
            institution_id=who.viewer.institution_id,
            actor=who.id,
            act="account.signed-out",
            subject=who.id,
        )
    page_session.clear()
    flash("You are signed out.", "quiet")
    return response
