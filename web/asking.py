"""How a person's decision reaches the engine: saved with its content and audit entry first, then tried at once."""

from __future__ import annotations

import re
from typing import Any

from flask import abort, flash, request
from sqlalchemy.orm import Session

from models.domain.contracts import CommandKind
from models.outbox import post
from models.queries.decided import Decided, contrary_to
from models.queries.people import with_names
from models.tables import OutboxCommand, new_id, now
from temporal.gateway import SAVED
from web.here import here
from web.permission import person
from web.times import at_length, with_local_times

FIELD = "command"
TOKEN = re.compile(r"[0-9a-f]{32}")


def token() -> str:
    """A form's own command: sent twice, it is done once."""
    return new_id()


def asked_before(session: Session) -> dict[str, Any] | None:
    """What this very form asked when it was sent before; None when it has not been."""
    first = session.get(OutboxCommand, command_token())
    return None if first is None else first.payload


def ask(kind: CommandKind, subject_id: str, institution_id: str, content: dict[str, Any], done: str) -> None:
    """Save the command, try it, and leave a message: `done`, why it was refused, or that it will go on by itself."""
    said = answer_to(kind, subject_id, institution_id, content, command_token())
    flash(said or done, category_of(said))


def answer_to(kind: CommandKind, subject_id: str, institution_id: str, content: dict[str, Any], command_id: str) -> str:
    """Save the command and try it; empty when it is done, else why it was refused, or SAVED: it goes on by itself.

    What somebody else decided and waits for the engine is not contradicted: it would be dropped when its turn comes.
    """
    who = person()
    with here().database.begin() as session:
        contrary = contrary_to(session, command_id, kind, subject_id, content)
        if contrary is not None and session.get(OutboxCommand, command_id) is None:
            return _decided_already(contrary)
        is_new = post(
            session,
            command_id,
            institution_id=institution_id,
            kind=kind,
            subject_id=subject_id,
            actor=who.id,
            content=content,
        )
        if not is_new:
            # A token is no key to what somebody else has asked, or to what something else was asked for.
            first = session.get_one(OutboxCommand, command_id)
            if (first.kind, first.subject_id, first.actor) != (kind.value, subject_id, who.id):
                abort(400)
    return tried(command_id)


def _decided_already(first: Decided) -> str:
    what = f"{first.who} decided on {at_length(first.at, person().time_zone)}: {first.words}."
    return f"Too late: {what} That is saved and goes on by itself; look here again then."


def tried(command_id: str) -> str:
    """Try a saved command now; empty when it is done, else why it was refused, or SAVED."""
    said = here().gateway.try_now(here().database, command_id)
    with here().database.begin() as session:
        return with_local_times(with_names(session, said), person().time_zone, now())


def category_of(said: str) -> str:
    """Of the message about a command that was tried: done, saved or refused."""
    return "done" if not said else "saved" if said == SAVED else "refused"


def command_token() -> str:
    """The token of the form that was sent; "bad request" for a form without one."""
    given = request.form.get(FIELD, "")
    if not TOKEN.fullmatch(given):
        abort(400)
    return given
