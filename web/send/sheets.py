"""Bulk sheets: the list of one's own Institution's, the form that takes a new one, and the one to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from flask import Response, abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from models.bulk import upload
from models.bulk_retention import KEPT_FOR
from models.domain.bulk_sheet import MOST_ROWS, Column, Sheet, read_sheet
from models.domain.errors import NotAllowed
from models.domain.permissions import Function
from models.queries.sheets import latest
from models.searches import searchable
from models.sheet_files import CSV, MOST_BYTES, XLSX, read_file, template
from web.asking import command_token, token, tried
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.send.blueprint import blueprint

FORMS = {
    # Flask adds how text is encoded: UTF-8.
    CSV: "text/csv",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@blueprint.get("/sheets")
@needs(Function.SEND_STUDIES)
def sheets() -> ResponseReturnValue:
    return _form(token())


@blueprint.post("/sheets")
@needs(Function.SEND_STUDIES)
def uploaded() -> ResponseReturnValue:
    """Keep the sheet and have its rows sent; one that cannot be read at all is not kept."""
    command_id, given = command_token(), request.files.get("file")
    try:
        if given is None or not given.filename:
            raise NotAllowed("Choose the sheet, a CSV or XLSX file.")
        sheet = read_sheet(read_file(given.stream.read(MOST_BYTES + 1)))
        sheet_id = _kept(sheet, given.filename, command_id)
    except NotAllowed as refusal:
        return _form(command_id, [Wrong("file", str(refusal))]), 422
    if sheet.done:
        left_out = "1 row is" if sheet.done == 1 else f"{sheet.done} rows are"
        flash(f"{left_out} left out: only rows that failed are sent again.", "done")
    if said := tried(command_id):
        flash(said, "saved")
    return redirect(url_for(".sheet", sheet_id=sheet_id), 303)


@blueprint.get("/sheets/template.<kind>")
@needs(Function.SEND_STUDIES)
def blank(kind: str) -> ResponseReturnValue:
    if kind not in FORMS:
        abort(404)
    return handed_out(template(kind), kind, f"studies-to-send.{kind}")


def handed_out(content: bytes, kind: str, name: str) -> Response:
    """A file to keep, never shown by the browser itself."""
    return send_file(BytesIO(content), mimetype=FORMS[kind], as_attachment=True, download_name=name)


def _kept(sheet: Sheet, file_name: str, command_id: str) -> str:
    who = person()
    institution_id = who.viewer.institution_id
    with here().database.begin() as session:
        nodes = searchable(session, institution_id)
        return upload(
            session,
            institution_id=institution_id,
            account_id=who.id,
            node_id=request.form.get("node") or (nodes[0].id if nodes else ""),
            file_name=file_name,
            sheet=sheet,
            command_id=command_id,
        )


def _form(command_id: str, wrong: Sequence[Wrong] = ()) -> str:
    institution_id = person().viewer.institution_id
    with here().database.begin() as session:
        return render_template(
            "send/sheets.html",
            title="Send from a sheet",
            command_id=command_id,
            nodes=searchable(session, institution_id),
            sheets=latest(session, institution_id),
            wrong=wrong,
            Column=Column,
            kept_for=KEPT_FOR,
            most=MOST_ROWS,
        )
