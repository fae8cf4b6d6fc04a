"""The outbox: commands for the engine, committed with the act that wants them and delivered as soon as possible."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import event, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from models.audit import record_act
from models.domain.contracts import EXCHANGE, CommandKind
from models.domain.reaching import Step
from models.failpoint import failpoint
from models.tables import Node, OutboxCommand, now

UNDER_WAY = timedelta(seconds=10)
"""Longer than a page waits for the engine."""


def post(
    session: Session,
    command_id: str,
    *,
    institution_id: str,
    kind: CommandKind,
    subject_id: str,
    actor: str,
    content: dict[str, Any] | None = None,
) -> bool:
    """Commit a command with its content and audit entry. The same `command_id` twice (a double click) is one command.

    Returns whether it is new.
    """
    fresh = session.execute(
        insert(OutboxCommand)
        .values(
            id=command_id,
            institution_id=institution_id,
            kind=kind.value,
            subject_id=subject_id,
            actor=actor,
            payload=content or {},
            created_at=now(),
            next_try_at=now(),
        )
        .on_conflict_do_nothing()
        .returning(OutboxCommand.id)
    ).scalar()
    if fresh is None:
        return False
    record_act(
        session,
        institution_id=institution_id,
        actor=actor,
        act=f"asked.{kind.value}",
        subject=subject_id,
        facts={"command": command_id},
    )
    event.listen(session, "after_commit", lambda _: failpoint("outbox-committed"), once=True)
    return True


def next_due(session: Session) -> OutboxCommand | None:
    """The oldest command that is due and that nobody else is delivering; locked until the transaction ends.

    Commands to one subject keep their order: a later one waits while an earlier one does.
    """
    earlier = aliased(OutboxCommand)
    overtakes = exists().where(
        earlier.subject_id == OutboxCommand.subject_id,
        earlier.delivered_at.is_(None),
        earlier.created_at < OutboxCommand.created_at,
    )
    return session.scalars(
        select(OutboxCommand)
        .where(OutboxCommand.delivered_at.is_(None), OutboxCommand.next_try_at <= now(), ~overtakes)
        .order_by(OutboxCommand.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()


def has_earlier(session: Session, command: OutboxCommand) -> bool:
    """Whether an older command to the same subject still waits: a later one must not overtake it.

    One that was saved just now is under way; which of two people at once was first is for the workflow to say.
    """
    earlier = exists().where(
        OutboxCommand.subject_id == command.subject_id,
        OutboxCommand.delivered_at.is_(None),
        OutboxCommand.created_at < command.created_at - UNDER_WAY,
    )
    return bool(session.scalar(select(earlier)))


def report_node_fault(session: Session, node_id: str, sentence: str, step: Step | None = None) -> None:
    """Let the Node's health look now rather than later: at most one such command in five seconds.

    `step` is the step of reaching it that failed, if it is one.
    """
    node = session.get_one(Node, node_id)
    at = now()
    if node.last_fault_at is not None and at - node.last_fault_at < timedelta(seconds=5):
        return
    node.last_fault_at, node.last_fault, node.last_fault_step = at, sentence, step or ""
    post(
        session,
        f"{node_id[:20]}-{int(at.timestamp()) // 10}",
        institution_id=node.institution_id,
        kind=CommandKind.REPORT_NODE_FAULT,
        subject_id=node_id,
        actor=EXCHANGE,
    )


def alarm_not_secured(session: Session, node_id: str, sentence: str) -> None:
    """Say in the audit that the Node could not be trusted (DCM 110113, Security Alert), once until it answers again."""
    # Its key stays as it is: what refers to the Node, as each delivery does, is written meanwhile.
    node = session.get_one(Node, node_id, with_for_update={"key_share": True})
    told = node.last_fault == sentence and (
        node.last_answer_at is None or (node.last_fault_at is not None and node.last_fault_at > node.last_answer_at)
    )
    if told:
        return
    record_act(
        session,
        institution_id=node.institution_id,
        actor=EXCHANGE,
        act="node.not-secured",
        subject=node.id,
        facts={"why": sentence},
    )
    report_node_fault(session, node_id, sentence, Step.TLS)
