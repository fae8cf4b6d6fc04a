"""The page of a search, and the part of it that waits for the answer."""

from __future__ import annotations

from flask import make_response, render_template
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from web.here import here
from web.permission import needs
from web.send.blueprint import blueprint
from web.send.page import own_search, page_of, shown


@blueprint.get("/<search_id>")
@needs(Function.SEND_STUDIES)
def show(search_id: str) -> ResponseReturnValue:
    with here().database.begin() as session:
        page = page_of(session, own_search(session, search_id))
    return shown(page)


@blueprint.get("/<search_id>/live")
@needs(Function.SEND_STUDIES)
def live(search_id: str) -> ResponseReturnValue:
    """While the PACS is asked; once it has answered the whole page is loaded anew: nothing was typed on it yet."""
    with here().database.begin() as session:
        page = page_of(session, own_search(session, search_id))
    answer = make_response(render_template("send/asking.html", page=page, dicom_port=here().dicom_port))
    if not page.is_asking:
        answer.headers["HX-Refresh"] = "true"
    return answer
