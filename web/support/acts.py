"""What support did and saw, for the Institution concerned: a second person signs, and its officer ticks off."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from models.domain.errors import NotAllowed, NotFound
from models.domain.permissions import Function
from models.queries.oversight import act_of, acts, look_of, looks
from models.queries.support import handed_to
from models.support import say_no, see, sign
from web.asking import category_of, tried
from web.here import here
from web.permission import needs, person
from web.support.blueprint import blueprint


@blueprint.get("/support-acts")
@needs(Function.COUNTERSIGN)
def support_acts() -> ResponseReturnValue:
    who = person()
    with here().database.begin() as session:
        facts = {
            "acts": acts(session, who.viewer, who.id),
            "looks": looks(session, who.viewer),
            "handed": handed_to(session, who.viewer),
        }
    return render_template("support/acts.html", title="Support acts", **facts)


@blueprint.post("/support-acts/<act_id>/sign")
@needs(Function.COUNTERSIGN)
def sign_act(act_id: str) -> ResponseReturnValue:
    """A second person has looked; what waited for that is done now. A second click changes nothing."""
    who = person()
    try:
        with here().database.begin() as session:
            waited = act_of(session, who.viewer, act_id).done_at is None
            sign(session, act_id, who.id)
    except NotFound:
        abort(404)
    except NotAllowed as refusal:
        flash(str(refusal), "refused")
        return redirect(url_for("support.support_acts"), 303)
    said = tried(act_id) if waited else ""
    flash(said or ("Signed, and done." if waited else "Signed."), category_of(said))
    return redirect(url_for("support.support_acts"), 303)


@blueprint.post("/support-acts/<act_id>/refuse")
@needs(Function.COUNTERSIGN)
def refuse_act(act_id: str) -> ResponseReturnValue:
    """What waits for a second person is not done."""
    who = person()
    try:
        with here().database.begin() as session:
            say_no(session, act_of(session, who.viewer, act_id).id, who.id)
    except NotFound:
        abort(404)
    except NotAllowed as refusal:
        flash(str(refusal), "refused")
    else:
        flash("It is not done; that is on record.", "done")
    return redirect(url_for("support.support_acts"), 303)


@blueprint.post("/support-acts/<disclosure_id>/seen")
@needs(Function.COUNTERSIGN)
def seen(disclosure_id: str) -> ResponseReturnValue:
    who = person()
    try:
        with here().database.begin() as session:
            see(session, look_of(session, who.viewer, disclosure_id), who.id)
    except NotFound:
        abort(404)
    flash("Ticked off.", "done")
    return redirect(url_for("support.support_acts"), 303)
