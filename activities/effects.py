"""What a step changes in its subject's row beside the state, in the same database transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from models.deliveries import automatic_identity
from models.domain import identity
from models.domain.contracts import Transition
from models.domain.errors import NotFound
from models.domain.identity import BY_A_PERSON, LONG_STRING, SHORT_STRING
from models.tables import Arrival, CommitmentRequest, Delivery, Node, OutboxCommand, Worklist

Content = Mapping[str, Any]
Subject = Arrival | Delivery | Node | CommitmentRequest


def content_of(session: Session, content_id: str) -> Content:
    """What a person entered with a command; empty when there was none."""
    if not content_id:
        return {}
    return session.get_one(OutboxCommand, content_id).payload


def _released(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    delivery.released_at, delivery.released_by = step.at, step.actor
    given = str(content.get("patient_id", "")).strip()
    accession = str(content.get("accession", "")).strip()
    if not given:
        return
    # A page checks what is entered. What slips through is not replaced by something else: the parcel is parked.
    usable = len(given) <= LONG_STRING and len(accession) <= SHORT_STRING and "\\" not in given + accession
    delivery.identity = asdict(identity.local(given, accession, delivery.institution_id)) if usable else None


def _retried(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    delivery.round += 1
    delivery.fault, delivery.fault_at = "", None


def _redirected(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    node = session.get(Node, str(content.get("node_id", "")))
    if node is not None and node.institution_id == delivery.institution_id and node.receives:
        delivery.node_id, delivery.node = node.id, node
        # Another Node may want the sender's identifiers in another form; what a person entered stays.
        if delivery.identity is None or delivery.identity["basis"] != BY_A_PERSON:
            delivery.identity = automatic_identity(session, delivery)
    _retried(session, delivery, step, content)


def _sent(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    delivery.fault, delivery.fault_at = "", None


def _answered(session: Session, asked: CommitmentRequest, step: Transition, content: Content) -> None:
    asked.answered_at = step.at


def _node_moved(session: Session, node: Node, step: Transition, content: Content) -> None:
    node.state_since = step.at


EFFECTS: dict[tuple[str, str], Callable[[Session, Any, Transition, Content], None]] = {
    ("delivery", "released"): _released,
    ("delivery", "retried"): _retried,
    ("delivery", "redirected"): _redirected,
    ("delivery", "found-missing"): _retried,
    ("delivery", "sent"): _sent,
    ("commitment", "answered"): _answered,
}


def apply_effect(session: Session, subject: Subject, step: Transition, content: Content) -> None:
    effect = EFFECTS.get((step.lifecycle, step.event), _node_moved if isinstance(subject, Node) else None)
    if effect is not None:
        effect(session, subject, step, content)


def chosen_worklist(session: Session, content_id: str) -> Worklist | None:
    """The worklist that a person chose with a command; None without a command. NotFound when it is not there."""
    content = content_of(session, content_id)
    if not content:
        return None
    worklist = session.get(Worklist, str(content.get("worklist_id", "")))
    if worklist is None:
        raise NotFound("That worklist is not there any more; choose another.")
    return worklist
