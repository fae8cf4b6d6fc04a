"""What a step changes in its subject's row beside the state, in the same database transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from activities import request_effects
from models.answers import left_without, requests_answered_by
from models.deliveries import automatic_identity, set_aside
from models.domain import identity
from models.domain.contracts import EXCHANGE, CommandKind, Transition
from models.domain.errors import NotFound
from models.domain.identity import BY_A_PERSON, LONG_STRING, SHORT_STRING
from models.domain.lifecycles.node import State as NodeState
from models.local_patients import learn
from models.manifests import look_again
from models.outbox import post
from models.tables import (
    Arrival,
    Candidate,
    CommitmentRequest,
    Delivery,
    ImageRequest,
    LedgerEntry,
    Node,
    OutboxCommand,
    Transfer,
    TransferStudy,
    Worklist,
    new_id,
)
from models.transfer_progress import fetch_again

Content = request_effects.Content
Subject = Arrival | Delivery | Node | CommitmentRequest | ImageRequest | Transfer


def content_of(session: Session, content_id: str) -> Content:
    """What a person entered with a command; empty when there was none."""
    if not content_id:
        return {}
    return session.get_one(OutboxCommand, content_id).payload


def _released(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    # Told once more after a workflow was run again: the time stands in what is sent, which must not change.
    delivery.released_at, delivery.released_by = delivery.released_at or step.at, step.actor
    delivery.waiting_since = delivery.waiting_until = None
    given = str(content.get("patient_id", "")).strip()
    accession = str(content.get("accession", "")).strip()
    if not given:
        return
    # A page checks what is entered. What slips through is not replaced by something else: the parcel is parked.
    usable = len(given) <= LONG_STRING and len(accession) <= SHORT_STRING and "\\" not in given + accession
    # Of two people released at once under one local ID the later is parked, too.
    same_person = content.get("same_person") == given
    usable = usable and learn(session, delivery, given, step.content_id, step.at, same_person=same_person)
    delivery.identity = asdict(identity.local(given, accession, delivery.institution_id)) if usable else None


def _retried(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    delivery.round += 1
    session.execute(update(LedgerEntry).where(LedgerEntry.delivery_id == delivery.id).values(tries=0))
    delivery.fault, delivery.fault_at, delivery.waiting_since = "", None, None


def _converted(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    if _is_of_this_round(delivery, content):
        session.execute(update(LedgerEntry).where(*set_aside(delivery)).values(uncompressed=True))
    _retried(session, delivery, step, content)


def _left_out(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    if _is_of_this_round(delivery, content):
        session.execute(update(LedgerEntry).where(*set_aside(delivery)).values(left_out=True))
        delivery.left_out_at, delivery.left_out_by = step.at, step.actor
        delivery.left_out_because = str(content.get("reason", ""))
    _retried(session, delivery, step, content)


def _is_of_this_round(delivery: Delivery, content: Content) -> bool:
    """Whether what the person saw set aside is what is set aside now; else it is sent again as it is."""
    return content.get("round") == delivery.round


def _redirected(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    node = redirected_to(session, delivery, content)
    # Who decided was told so beforehand, unless it has ceased to receive in that very moment.
    if node is not None:
        delivery.node_id, delivery.node = node.id, node
        # Another Node may want the sender's identifiers in another form; what a person entered stays.
        if delivery.identity is None or delivery.identity["basis"] != BY_A_PERSON:
            delivery.identity = automatic_identity(session, delivery)
    _retried(session, delivery, step, content)


def redirected_to(session: Session, delivery: Delivery, content: Content) -> Node | None:
    """The Node that a person chose, where it is the destination's and receives."""
    node = session.get(Node, str(content.get("node_id", "")))
    return node if node is not None and node.institution_id == delivery.institution_id and node.receives else None


def _sent(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    delivery.fault, delivery.fault_at, delivery.waiting_since = "", None, None


def _reassigned(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    worklist = reassigned_to(session, delivery, content)
    if worklist is None:
        # Who decided was told so beforehand, unless the same parcel has come there in that very moment.
        return
    delivery.worklist_id, delivery.worklist = worklist.id, worklist
    delivery.node_id, delivery.node = worklist.node_id, worklist.node
    delivery.identity = automatic_identity(session, delivery)


TICKED = {
    "same_person": "Somebody has looked: it is the person known under that ID.",
    "known_unasked": "The PACS could not be asked; whoever released it knows whose the ID is.",
    "right_accession": "Somebody has looked: the Accession Number is right.",
    "under_another_id": "Other images of the study went under another Patient ID.",
}
"""What whoever released it has ticked beside it, as its course says."""


def words_of(session: Session, subject: Subject, step: Transition, content: Content) -> str:
    """What the course says of a step besides its name: a person's reason, or between which worklists it was moved."""
    if (step.lifecycle, step.event) == ("delivery", "reassigned") and isinstance(subject, Delivery):
        worklist = reassigned_to(session, subject, content)
        return f"From {subject.worklist.name} to {worklist.name}." if worklist else step.detail
    if (step.lifecycle, step.event) == ("delivery", "released"):
        return " ".join((step.detail, *(words for tick, words in TICKED.items() if content.get(tick)))).strip()
    return str(content.get("reason", "")) or step.detail


def reassigned_to(session: Session, delivery: Delivery, content: Content) -> Worklist | None:
    """The worklist that a person chose, where it is the Institution's and does not have the parcel already."""
    worklist = session.get(Worklist, str(content.get("worklist_id", "")))
    if worklist is None or worklist.institution_id != delivery.institution_id:
        return None
    there = select(Delivery.id).where(Delivery.parcel_id == delivery.parcel_id, Delivery.worklist_id == worklist.id)
    return None if session.scalars(there).first() else worklist


def _ended(session: Session, delivery: Delivery, step: Transition, content: Content) -> None:
    """Whoever asked for it, or has sent it, is to look."""
    _let_look(session, requests_answered_by(session, delivery.parcel.arrival_id, delivery.institution_id))
    _let_look(session, _transfers_by(session, delivery.parcel.arrival_id))


def _transfers_by(session: Session, arrival_id: str) -> Sequence[Transfer]:
    fetched = select(TransferStudy.transfer_id).where(TransferStudy.arrival_id == arrival_id)
    return session.scalars(select(Transfer).where(Transfer.id.in_(fetched))).all()


def _let_look(session: Session, whoever: Iterable[ImageRequest | Transfer]) -> None:
    """By commands, so that no word is lost."""
    for one in whoever:
        is_request = isinstance(one, ImageRequest)
        post(
            session,
            new_id(),
            institution_id=one.institution_id,
            kind=CommandKind.LOOK_AT_REQUEST if is_request else CommandKind.LOOK_AT_TRANSFER,
            subject_id=one.id,
            actor=EXCHANGE,
        )


def _settled(session: Session, arrival: Arrival, step: Transition, content: Content) -> None:
    """It went where it went: a request that took it too late is to look, and after a person's decision none may yet."""
    _let_look(session, left_without(session, arrival))
    if step.actor != EXCHANGE:
        # It went elsewhere than its transfer says, or nowhere.
        _let_look(session, _transfers_by(session, arrival.id))
        session.execute(
            update(Candidate)
            .where(
                Candidate.arrival_id == arrival.id, Candidate.answered_at.is_(None), Candidate.dismissed_at.is_(None)
            )
            .values(dismissed_at=step.at, actor=step.actor)
        )


def _fetch_again(session: Session, transfer: Transfer, step: Transition, content: Content) -> None:
    fetch_again(session, transfer)


def _withdrawn(session: Session, transfer: Transfer, step: Transition, content: Content) -> None:
    """What comes for it is a push like any other from now on."""
    for study in transfer.studies:
        look_again(session, study)


def _answered(session: Session, asked: CommitmentRequest, step: Transition, content: Content) -> None:
    asked.answered_at = step.at


def _node_moved(session: Session, node: Node, step: Transition, content: Content) -> None:
    if step.before != step.after:
        node.state_since = step.at
    if step.before == NodeState.IN_DOWNTIME and step.after != NodeState.HELD:
        _nothing_planned(session, node, step, content)


def _planned(session: Session, node: Node, step: Transition, content: Content) -> None:
    node.planned_from, node.planned_until = (datetime.fromisoformat(str(content[name])) for name in ("begins", "ends"))
    node.planned_work = str(content.get("work", ""))


def _nothing_planned(session: Session, node: Node, step: Transition, content: Content) -> None:
    node.planned_from, node.planned_until, node.planned_work = None, None, ""


EFFECTS: dict[tuple[str, str], Callable[[Session, Any, Transition, Content], None]] = {
    ("delivery", "released"): _released,
    ("delivery", "retried"): _retried,
    ("delivery", "converted"): _converted,
    ("delivery", "left-out"): _left_out,
    ("delivery", "redirected"): _redirected,
    ("delivery", "found-missing"): _retried,
    ("delivery", "sent"): _sent,
    ("delivery", "reassigned"): _reassigned,
    ("delivery", "confirmed"): _ended,
    ("delivery", "confirmed-in-part"): _ended,
    ("delivery", "found-unverifiable"): _ended,
    ("delivery", "refused"): _ended,
    ("delivery", "abandoned"): _ended,
    ("delivery", "withdrawn"): _ended,
    ("arrival", "routed"): _settled,
    ("arrival", "matched"): _settled,
    ("arrival", "assigned"): _settled,
    ("arrival", "refused"): _settled,
    ("request", "matched"): request_effects.matched,
    ("request", "declined-in-part"): request_effects.declined_in_part,
    ("request", "reopened"): request_effects.reopened,
    ("transfer", "retried"): _fetch_again,
    ("transfer", "reopened"): _fetch_again,
    ("transfer", "withdrawn"): _withdrawn,
    ("commitment", "answered"): _answered,
    ("node", "planned"): _planned,
    ("node", "cancelled"): _nothing_planned,
}


def apply_effect(session: Session, subject: Subject, step: Transition, content: Content) -> None:
    if isinstance(subject, ImageRequest) and step.before != step.after:
        # Whoever is to move now is reminded anew; who has moved in part is still counted from when the state began.
        subject.reminded, subject.next_reminder_at = 0, None
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
