"""The form of a search, and asking the PACS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.errors import NotAllowed
from models.domain.pacs_search import Criteria
from models.domain.permissions import Function
from models.searches import ask, search_of, searchable
from models.tables import now
from web.asking import command_token, token, tried
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.requests.form import MODALITIES
from web.send.blueprint import blueprint
from web.send.criteria import read_criteria, typed, written
from web.send.from_request import answered_by, request_asked, sought


@blueprint.get("")
@needs(Function.SEND_STUDIES)
def looking() -> ResponseReturnValue:
    """An empty form; ?request=REFERENCE fills it from a request, ?search=ID with what was looked for before."""
    institution_id, content = person().viewer.institution_id, {}
    with here().database.begin() as session:
        if reference := request.args.get("request", ""):
            asked = request_asked(session, institution_id, reference)
            content = sought(asked) if asked else abort(404)
        elif search_id := request.args.get("search", ""):
            before = search_of(session, institution_id, search_id)
            if before is None:
                abort(404)
            answered = answered_by(session, before)
            content = written(before.criteria) | {"node": before.node_id}
            content |= {"request": answered.transaction.reference} if answered else {}
    return _form(content, token())


@blueprint.post("")
@needs(Function.SEND_STUDIES)
def asked() -> ResponseReturnValue:
    """Have the PACS asked; most of them answer before the next page is there."""
    who, content, command_id = person(), typed(request.form), command_token()
    criteria, wrong = read_criteria(content, now().astimezone(ZoneInfo(who.time_zone)).date())
    if not wrong:
        try:
            search_id = _asked(content, criteria, command_id)
        except NotAllowed as refusal:
            wrong = [Wrong("node", str(refusal))]
        else:
            await_answer(command_id, search_id)
            return redirect(url_for(".show", search_id=search_id), 303)
    return _form(content, command_id, wrong), 422


def await_answer(command_id: str, search_id: str) -> None:
    """Let the engine ask, and wait a few seconds for what the PACS answers."""
    if said := tried(command_id):
        flash(said, "saved")
    else:
        here().gateway.await_end(f"search-{search_id}")


def _asked(content: Mapping[str, str], criteria: Criteria, command_id: str) -> str:
    who = person()
    institution_id = who.viewer.institution_id
    with here().database.begin() as session:
        nodes = searchable(session, institution_id)
        answered = request_asked(session, institution_id, content.get("request", ""))
        return ask(
            session,
            institution_id=institution_id,
            account_id=who.id,
            node_id=content.get("node") or (nodes[0].id if nodes else ""),
            criteria=criteria,
            command_id=command_id,
            request_id=answered.id if answered else None,
        )


def _form(content: Mapping[str, str], command_id: str, wrong: Sequence[Wrong] = ()) -> str:
    with here().database.begin() as session:
        nodes = searchable(session, person().viewer.institution_id)
    return render_template(
        "send/looking.html",
        title="Send studies",
        content=content,
        command_id=command_id,
        nodes=nodes,
        wrong=wrong,
        errors={one.field: str(one) for one in reversed(wrong)},
        modalities=MODALITIES,
    )
