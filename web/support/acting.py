"""How an act of support is done: saved with its reason, countersigned before or afterwards, then tried at once."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import abort

from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.queries.people import with_names
from models.support import ask_act
from temporal.gateway import SAVED
from web.asking import command_token
from web.here import here
from web.permission import person

WAITS = "Saved. It is done once a second person has signed it under Support acts."


def act(
    kind: CommandKind,
    subject_id: str,
    institution_id: str,
    transaction_id: str | None,
    reason: str,
    content: dict[str, Any] | None = None,
) -> tuple[str, str]:
    """Do it, once for each form and subject; a message's category and its sentence, empty when it is done."""
    act_id = act_id_of(kind.value, subject_id)
    try:
        with here().database.begin() as session:
            saved = ask_act(
                session,
                act_id,
                kind=kind,
                subject_id=subject_id,
                institution_id=institution_id,
                transaction_id=transaction_id,
                account_id=person().id,
                reason=reason,
                content=content,
            )
            waits = saved.done_at is None
    except NotAllowed:
        abort(400)
    return ("saved", WAITS) if waits else tried(act_id)


def act_id_of(kind: str, subject_id: str) -> str:
    """The same for each click on the same form."""
    return hashlib.sha256(f"{command_token()} {kind} {subject_id}".encode()).hexdigest()[:32]


def tried(command_id: str) -> tuple[str, str]:
    """Try a saved command now; a message's category and its sentence."""
    said = here().gateway.try_now(here().database, command_id)
    with here().database.begin() as session:
        said = with_names(session, said)
    return ("done" if not said else "saved" if said == SAVED else "refused"), said
