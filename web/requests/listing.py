"""The requests that others ask of one's Institution, and those that it has placed."""

from __future__ import annotations

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.decisions import Side
from models.domain.lifecycles import REQUEST
from models.domain.permissions import Function
from models.drafts import own_drafts
from models.queries.transactions import Page, Sought, how_many_wait, page
from web.here import here
from web.pages import after, written
from web.permission import needs, person
from web.requests.blueprint import blueprint

SIZE = 15
STATES = tuple(state.value for state in REQUEST.states)


@blueprint.get("")
@needs(Function.PLACE_REQUEST)
def listing() -> ResponseReturnValue:
    who, state = person(), request.args.get("state", "")
    if state and state not in STATES:
        abort(404)
    sides = [side for side in _sides() if side.value == request.args.get("side", side.value)]
    if not sides:
        abort(404)
    with here().database.begin() as session:
        lists = {
            side.value: page(session, who.viewer, Sought(REQUEST.name, state or None, side=side), after(), SIZE)
            for side in sides
        }
        waiting, urgent = how_many_wait(session, who.viewer, REQUEST.name)
        drafts = [(draft.id, draft.content, draft.saved_at) for draft in own_drafts(session, who.id)]
    return render_template(
        "requests/listing.html",
        title="Requests",
        lists=lists,
        older={side: _older(side, found, state) for side, found in lists.items()},
        waiting=waiting,
        urgent=urgent,
        drafts=drafts,
        states=STATES,
        state=state,
        is_first="after" not in request.args,
    )


def _sides() -> list[Side]:
    return [Side.SOURCE, Side.DESTINATION] if person().viewer.may(Function.ANSWER_REQUEST) else [Side.DESTINATION]


def _older(side: str, found: Page, state: str) -> str:
    if found.next is None:
        return ""
    return url_for(".listing", side=side, state=state or None, after=written(found.next))
