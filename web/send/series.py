"""The series of one study of a search: asked for when somebody wants to see them."""

from __future__ import annotations

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.searches import ask_for_series, search_of
from models.tables import PacsHit, new_id
from web.here import here
from web.permission import needs, person
from web.requests.form import number
from web.send.blueprint import blueprint
from web.send.entry import typed
from web.send.looking import await_answer
from web.send.page import own_search, series_part


@blueprint.post("/<search_id>/series")
@needs(Function.SEND_STUDIES)
def series(search_id: str) -> ResponseReturnValue:
    """Ask for the series of the study whose button was pressed; what was ticked and typed stays."""
    command_id, position = new_id(), number(request.form.get("open", ""))
    with here().database.begin() as session:
        search = own_search(session, search_id)
        hit = session.get(PacsHit, (search_id, position or 0))
        if hit is None:
            abort(404)
        search.typed = typed(request.form)
        series_id, is_new = ask_for_series(session, search, hit, account_id=person().id, command_id=command_id)
    if is_new:
        await_answer(command_id, series_id)
    return redirect(url_for(".show", search_id=search_id, _anchor=f"study-{position}"), 303)


@blueprint.get("/<search_id>/series/<series_id>/<position>")
@needs(Function.SEND_STUDIES)
def series_live(search_id: str, series_id: str, position: str) -> ResponseReturnValue:
    """The part of the page that waits for them."""
    with here().database.begin() as session:
        found = search_of(session, person().viewer.institution_id, series_id)
        if found is None or found.search_id != search_id or number(position) is None:
            abort(404)
        part = series_part(found)
        node = found.node.name
    return render_template(
        "send/series.html", series=part, position=position, search_id=search_id, node=node, ticked=()
    )
