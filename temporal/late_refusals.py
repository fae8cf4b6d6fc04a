"""Decisions that were saved because the engine was away, and that it refuses once it answers: who decided is told."""

from __future__ import annotations

from models.domain.contracts import NoticeRequest
from models.queries.decided import KINDS
from models.tables import OutboxCommand
from temporal.due import tell
from temporal.gateway import Gateway


def tell_who_decided(gateway: Gateway, command: OutboxCommand) -> None:
    """Mail whoever decided about a transaction, and has read that nobody needs to act; once for each command.

    PeerUnreachable when the engine is away again.
    """
    if command.kind in KINDS:
        notice = NoticeRequest(
            f"decision-refused:{command.id}", "decision-refused", command.subject_id, account_id=command.actor
        )
        gateway.asked(lambda client: tell(client, notice))
