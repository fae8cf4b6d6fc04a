"""Shift notes: what one shift tells the next, and what is handed over to an Institution."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.queries.timeline import parts
from models.shift import hand_over, write_note
from web import entries
from web.asking import command_token
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.reasons import whom
from web.support import desk
from web.support.blueprint import blueprint
from web.support.show import found, shown


@blueprint.post("/support/notes")
@needs(Function.USE_SUPPORT_DESK)
def note() -> ResponseReturnValue:
    try:
        text = entries.sentence(request.form.get("text", ""), "note_text", "a note", "the next shift reads it")
    except Wrong as wrong:
        return desk.shown(wrong), 422
    with here().database.begin() as session:
        write_note(session, command_token(), text, person().id)
    flash("Noted for the next shift.", "done")
    return redirect(url_for("support.desk") + "#notes", 303)


@blueprint.post("/support/<reference>/note")
@needs(Function.USE_SUPPORT_DESK)
def note_on(reference: str) -> ResponseReturnValue:
    """About one transaction; with an Institution chosen it is handed over to that one."""
    try:
        given = request.form.get("text", "")
        text = entries.sentence(given, "note_text", "a note", "the next shift reads it", whom(reference))
    except Wrong as wrong:
        return shown(reference, wrong), 422
    to = request.form.get("to", "")
    with here().database.begin() as session:
        one = found(session, reference)
        concerned = to in {"", one.institution_id, one.destination_id}
        if concerned:
            worked_on = parts(session, one.id)
            if to and worked_on:
                subject_id = worked_on[-1].id
                hand_over(session, command_token(), text, person().id, transaction=one, subject_id=subject_id, to=to)
            else:
                write_note(session, command_token(), text, person().id, transaction_id=one.id, to=to or None)
    if not concerned:
        return shown(reference, Wrong("to", "Choose one of the two Institutions concerned.")), 422
    if to and worked_on:
        # A mail that cannot go out now goes out by itself.
        here().gateway.try_now(here().database, command_token())
    flash(f"Handed over to {to}, which is mailed." if to else "Noted for the next shift.", "done")
    return redirect(url_for("support.show", reference=one.reference), 303)
