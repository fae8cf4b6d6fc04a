"""Drafts: kept at every pause in typing, opened again, discarded."""

from __future__ import annotations

from collections.abc import Mapping

from flask import abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.drafts import discard, keep, own_draft
from models.queries.partners import askable
from models.tables import Account, ImageRequest, OutboxCommand
from web.asking import command_token
from web.here import here
from web.permission import needs, person, rescued_by
from web.requests.blueprint import blueprint
from web.requests.form import is_empty, typed
from web.requests.page import hours, shown
from web.requests.partners import meant


def rescue(account: Account) -> str:
    """Keep the form of somebody whose session has ended, as a draft of that account; where it is found again."""
    content = typed(request.form)
    if kept(content, command_token(), account.id, account.institution_id):
        flash("Your session has ended. What you typed is kept as a draft; sign in to go on with it.", "saved")
    return url_for("requests.new") if is_empty(content) else _path()


@blueprint.post("/drafts")
@needs(Function.PLACE_REQUEST)
@rescued_by(rescue)
def autosave() -> ResponseReturnValue:
    """What is typed by now; answers the line below the form, and the address at which a reload finds it again."""
    who, content = person(), typed(request.form)
    is_kept = kept(content, command_token(), who.id, who.viewer.institution_id)
    with here().database.begin() as session:
        asked = meant(content.get("source", ""), askable(session, who.viewer.institution_id))
    answer = make_response(
        render_template(
            "requests/kept.html", asked=asked, hours=hours(asked), is_kept=is_kept, is_empty=is_empty(content)
        )
    )
    if is_kept:
        answer.headers["HX-Replace-Url"] = _path()
    return answer


@blueprint.get("/drafts/<draft_id>")
@needs(Function.PLACE_REQUEST)
def opened(draft_id: str) -> ResponseReturnValue:
    """The form as it was left; what has become a request meanwhile leads there."""
    with here().database.begin() as session:
        draft = own_draft(session, person().id, draft_id)
        command = session.get(OutboxCommand, draft_id) if draft is None else None
        if command is not None and command.actor == person().id:
            placed = session.get(ImageRequest, command.subject_id)
            if placed is not None:
                return redirect(url_for("transactions.show", reference=placed.transaction.reference), 303)
        content = draft.content if draft else None
    if content is None:
        abort(404)
    return shown(content, draft_id)


@blueprint.post("/drafts/<draft_id>/discard")
@needs(Function.PLACE_REQUEST)
def discarded(draft_id: str) -> ResponseReturnValue:
    """NotFound for another's; a second click finds it gone and says the same."""
    with here().database.begin() as session:
        if own_draft(session, person().id, draft_id) is None:
            abort(404)
        discard(session, person().id, draft_id)
    flash("The draft is discarded.", "done")
    return redirect(url_for(".listing"), 303)


def kept(content: Mapping[str, str], draft_id: str, account_id: str, institution_id: str) -> bool:
    """Whether there was anything to keep, and it is kept: what was placed already is no draft any more."""
    if is_empty(content):
        return False
    with here().database.begin() as session:
        return keep(session, draft_id, institution_id=institution_id, account_id=account_id, content=dict(content))


def _path() -> str:
    return url_for("requests.opened", draft_id=command_token())
