"""The page of one bulk sheet: how each row stands, the same sheet to take home, and the failed rows once more."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models.bulk import send_again
from models.domain.errors import NotAllowed
from models.domain.permissions import Function
from models.queries.sheets import facts, rows_of, sheet_of
from models.sheet_files import kind_of, with_states, written
from models.tables import BulkSheet
from web.asking import command_token, token, tried
from web.here import here
from web.permission import needs, person
from web.send.blueprint import blueprint
from web.send.sheets import handed_out
from web.words import phrase

ON_A_PAGE = 100
POSITION = re.compile(r"[0-9]{1,6}")
STOP_POLLING = 286


@blueprint.get("/sheets/<sheet_id>")
@needs(Function.SEND_STUDIES)
def sheet(sheet_id: str) -> ResponseReturnValue:
    with here().database.begin() as session:
        return render_template("send/sheet.html", **_content(session, sheet_id))


@blueprint.get("/sheets/<sheet_id>/live")
@needs(Function.SEND_STUDIES)
def sheet_live(sheet_id: str) -> ResponseReturnValue:
    """The part that moves; once every row has come to its end it is not asked for any more."""
    with here().database.begin() as session:
        content = _content(session, sheet_id)
    return render_template("send/sheet_live.html", **content), STOP_POLLING if content["page"].has_ended else 200


@blueprint.get("/sheets/<sheet_id>/file")
@needs(Function.SEND_STUDIES)
def sheet_file(sheet_id: str) -> ResponseReturnValue:
    """The sheet as it came, with how each row stands and why."""
    with here().database.begin() as session:
        found = _own(session, sheet_id)
        if found.emptied_at:
            abort(404)
        rows = [(row.cells, phrase(row.state), row.reason) for row in rows_of(session, found.id)]
        kind = kind_of(found.file_name)
        content = written(kind, with_states([str(name) for name in found.columns], rows))
        name = f"{PurePath(found.file_name).stem or 'sheet'}-states.{kind}"
    return handed_out(content, kind, name)


@blueprint.post("/sheets/<sheet_id>/again")
@needs(Function.SEND_STUDIES)
def again(sheet_id: str) -> ResponseReturnValue:
    command_id = command_token()
    try:
        with here().database.begin() as session:
            count = send_again(session, _own(session, sheet_id), account_id=person().id, command_id=command_id)
    except NotAllowed as refusal:
        flash(str(refusal), "refused")
        return redirect(url_for(".sheet", sheet_id=sheet_id), 303)
    said = tried(command_id)
    if count:
        flash(said or f"{count} {'row is' if count == 1 else 'rows are'} sent again.", "saved" if said else "done")
    elif count == 0:
        flash("Nothing is sent again: download the sheet, put right what is wrong in it and upload it.", "refused")
    # Else a double click: what the first one did is on the page.
    return redirect(url_for(".sheet", sheet_id=sheet_id), 303)


def _own(session: Session, sheet_id: str) -> BulkSheet:
    found = sheet_of(session, person().viewer.institution_id, sheet_id)
    return found if found is not None else abort(404)


def _content(session: Session, sheet_id: str) -> dict[str, Any]:
    found, begin = _own(session, sheet_id), request.args.get("from", "")
    first = int(begin) if POSITION.fullmatch(begin) else 0
    rows = rows_of(session, found.id, first, ON_A_PAGE + 1)
    return {
        "title": "A sheet of studies",
        "page": facts(session, [found])[0],
        "rows": rows[:ON_A_PAGE],
        "first": first,
        "next": rows[ON_A_PAGE].position if len(rows) > ON_A_PAGE else None,
        "command_id": token(),
    }
