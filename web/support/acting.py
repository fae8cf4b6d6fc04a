"""How an act of support is done: saved with its reason, countersigned before or afterwards, then tried at once."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import abort

from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.support import ask_act
from web.asking import category_of, command_token, tried
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
    if waits:
        return "saved", WAITS
    said = tried(act_id)
    return category_of(said), said


def act_id_of(kind: str, subject_id: str) -> str:
    """The same for each click on the same form."""
    return hashlib.sha256(f"{command_token()} {kind} {subject_id}".encode()).hexdigest()[:32]
