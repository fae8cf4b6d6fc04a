"""The status banner: one sentence for all users, on every page."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.shift import set_banner
from web import entries
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.support import desk
from web.support.blueprint import blueprint


@blueprint.post("/support/banner")
@needs(Function.USE_SUPPORT_DESK)
def tell_all() -> ResponseReturnValue:
    try:
        text = entries.sentence(request.form.get("text", ""), "banner_text", "a sentence", "all users read it")
    except Wrong as wrong:
        return desk.shown(wrong), 422
    with here().database.begin() as session:
        set_banner(session, text, person().id)
    flash("All users read that now.", "done")
    return redirect(url_for("support.desk"), 303)


@blueprint.post("/support/banner/clear")
@needs(Function.USE_SUPPORT_DESK)
def tell_nothing() -> ResponseReturnValue:
    with here().database.begin() as session:
        set_banner(session, "", person().id)
    flash("The banner is gone.", "done")
    return redirect(url_for("support.desk"), 303)
