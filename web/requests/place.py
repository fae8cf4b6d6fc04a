"""Placing a request: the form, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from zoneinfo import ZoneInfo

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.errors import NotAllowed
from models.domain.permissions import Function
from models.drafts import discard
from models.queries.partners import askable
from models.queries.requested import descriptions
from models.requests import RequestEntry, place, same_study_requested
from models.tables import OutboxCommand, new_id, now
from web.asking import category_of, command_token, tried
from web.entries import Wrong
from web.here import here
from web.permission import needs, person, rescued_by
from web.requests.again import said_before
from web.requests.blueprint import blueprint
from web.requests.drafts import kept, rescue
from web.requests.form import number, of_study, read_entry, typed, with_row, without_row
from web.requests.page import shown


@blueprint.get("/new")
@needs(Function.PLACE_REQUEST)
def new() -> ResponseReturnValue:
    """An empty form; ?source=ZX1 says whom to ask, ?again=REFERENCE fills it with an earlier request."""
    with here().database.begin() as session:
        content = said_before(session, person().viewer.institution_id, request.args.get("again", ""))
    return shown(content or {"source": request.args.get("source", "")[:100], "rows": "1"}, new_id())


@blueprint.post("/new")
@needs(Function.PLACE_REQUEST)
@rescued_by(rescue)
def sent() -> ResponseReturnValue:
    """One of the form's buttons: a study more or less, keep it as a draft, or place it."""
    who, content, command_id, focus = person(), typed(request.form), command_token(), ""
    if "add" in request.form:
        content = with_row(content)
        focus = of_study(int(content["rows"]) - 1, "description")
    elif (gone := number(request.form.get("remove", ""))) is not None:
        content = without_row(content, gone)
    else:
        return _keep(content, command_id) if "keep" in request.form else _place(content, command_id)
    kept(content, command_id, who.id, who.viewer.institution_id)
    return shown(content, command_id, focus=focus)


def _keep(content: Mapping[str, str], command_id: str) -> ResponseReturnValue:
    who = person()
    if kept(content, command_id, who.id, who.viewer.institution_id):
        flash("Kept as a draft; nobody has been asked yet.", "done")
    else:
        flash("Nothing was kept: the form is empty, or was placed already.", "refused")
    return redirect(url_for(".listing"), 303)


def _place(content: Mapping[str, str], command_id: str) -> ResponseReturnValue:
    who = person()
    institution_id = who.viewer.institution_id
    with here().database.begin() as session:
        entry, wrong = read_entry(content, askable(session, institution_id), _today(who.time_zone), who.time_zone)
        sent_before = session.get(OutboxCommand, command_id) is not None
        already = {}
        if not (wrong or sent_before):
            already = descriptions(session, same_study_requested(session, institution_id, entry))
    if not wrong and already and "all_the_same" not in request.form:
        kept(content, command_id, who.id, who.viewer.institution_id)
        return shown(content, command_id, asked_already=already), 422
    if not wrong:
        try:
            return _placed(entry, command_id)
        except NotAllowed as refusal:
            wrong = [Wrong("source", str(refusal))]
    kept(content, command_id, who.id, who.viewer.institution_id)
    return shown(content, command_id, wrong), 422


def _placed(entry: RequestEntry, command_id: str) -> ResponseReturnValue:
    who = person()
    with here().database.begin() as session:
        before = session.get(OutboxCommand, command_id) is not None
        reference = place(
            session,
            institution_id=who.viewer.institution_id,
            account_id=who.id,
            entry=entry,
            command_id=command_id,
        )
        discard(session, who.id, command_id)
    if before:
        # What was typed into it since is asked of nobody.
        flash(f"This form was placed already as {reference}; open a new one to ask anew.", "refused")
        return redirect(url_for("transactions.show", reference=reference), 303)
    said = tried(command_id)
    flash(said or f"Placed. {entry.source_id} is told.", category_of(said))
    return redirect(url_for("transactions.show", reference=reference), 303)


def _today(zone: str) -> date:
    return now().astimezone(ZoneInfo(zone)).date()
