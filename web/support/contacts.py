"""Whom to ring at each Institution, always or for an on-call span."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.errors import NotAllowed
from models.domain.permissions import Function
from models.shift import add_contact, remove_contact
from web.asking import command_token
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.support import desk
from web.support.blueprint import blueprint

LONGEST = 80


@blueprint.post("/support/contacts")
@needs(Function.USE_SUPPORT_DESK)
def add() -> ResponseReturnValue:
    try:
        given = {name: _line(name) for name in ("name", "phone")}
        began, ended = _time("on_call_from"), _time("on_call_to")
        with here().database.begin() as session:
            add_contact(
                session,
                person().id,
                institution_id=request.form.get("institution_id", "").strip().upper(),
                duty=" ".join(request.form.get("duty", "").split())[:LONGEST],
                on_call_from=began,
                on_call_to=ended,
                contact_id=command_token(),
                **given,
            )
    except NotAllowed as refusal:
        return desk.shown(
            Wrong("institution_id" if "Institution" in str(refusal) else "on_call_from", str(refusal))
        ), 422
    except Wrong as wrong:
        return desk.shown(wrong), 422
    flash("Added.", "done")
    return redirect(url_for("support.desk") + "#numbers", 303)


@blueprint.post("/support/contacts/<contact_id>/remove")
@needs(Function.USE_SUPPORT_DESK)
def remove(contact_id: str) -> ResponseReturnValue:
    with here().database.begin() as session:
        remove_contact(session, contact_id, person().id)
    flash("Removed.", "done")
    return redirect(url_for("support.desk") + "#numbers", 303)


def _line(field: str) -> str:
    text = " ".join(request.form.get(field, "").split())
    if not text or len(text) > LONGEST or not text.isprintable():
        raise Wrong(field, f"Enter the {field}, in {LONGEST} characters at most.")
    return text


def _time(field: str) -> datetime | None:
    """A time as the person's own clocks show it; None when it was left empty."""
    text = request.form.get(field, "").strip()
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise Wrong(field, "Enter day and time, like 2026-05-03 22:00.") from None
    return (local if local.tzinfo else local.replace(tzinfo=ZoneInfo(person().time_zone))).astimezone(UTC)
