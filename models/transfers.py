"""Placing a transfer: what is sent to whom from the own PACS, written with its audit entry and command in one go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from models.directory import routing_directory
from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.domain.lifecycles import TRANSFER
from models.domain.urgency import Urgency
from models.outbox import post
from models.references import new_reference
from models.tables import (
    ImageRequest,
    Node,
    OutboxCommand,
    Transaction,
    Transfer,
    TransferStudy,
    Worklist,
    new_id,
    now,
)


@dataclass(frozen=True)
class PickedStudy:
    """A study as the search showed it; `series` are the SeriesInstanceUIDs picked of it, empty: all."""

    StudyInstanceUID: str
    series: tuple[str, ...] = ()
    description: str = ""
    Modality: str = ""
    study_date: str = ""


@dataclass(frozen=True)
class TransferEntry:
    """What a sender has entered: from which of its Nodes, to which worklist, for whom and why."""

    node_id: str
    worklist_id: str
    recipient: str
    call_back: str
    reason: str
    urgency: Urgency
    studies: tuple[PickedStudy, ...]
    request_id: str = ""
    needed_by: str = ""
    """A time (ISO 8601, UTC), where the sender has given one."""


def place(session: Session, *, institution_id: str, account_id: str, command_id: str, entry: TransferEntry) -> str:
    """Send `entry.studies` in the caller's transaction; the reference. The same `command_id` twice is one transfer.

    Raises NotAllowed with a sentence when that cannot be.
    """
    worklist = _must_be_possible(session, institution_id, entry)
    transfer_id, at = new_id(), now()
    is_new = post(
        session,
        command_id,
        institution_id=institution_id,
        kind=CommandKind.PLACE_TRANSFER,
        subject_id=transfer_id,
        actor=account_id,
        content={"urgency": entry.urgency.value},
    )
    if not is_new:
        return _placed_before(session, command_id, account_id)
    transaction = Transaction(
        reference=new_reference(),
        kind="transfer",
        institution_id=institution_id,
        destination_id=worklist.institution_id,
        urgency=entry.urgency.value,
        due_at=datetime.fromisoformat(entry.needed_by) if entry.needed_by else None,
        lifecycle=TRANSFER.name,
        state=TRANSFER.initial.value,
        state_since=at,
        opened_at=at,
    )
    session.add(transaction)
    session.flush()
    transfer = Transfer(
        id=transfer_id,
        institution_id=institution_id,
        transaction_id=transaction.id,
        node_id=entry.node_id,
        worklist_id=worklist.id,
        request_id=entry.request_id or None,
        placed_by=account_id,
        recipient=entry.recipient,
        call_back=entry.call_back,
        reason=entry.reason,
        state=TRANSFER.initial.value,
        placed_at=at,
    )
    transfer.studies = [_row(one, institution_id, position) for position, one in enumerate(entry.studies, 1)]
    session.add(transfer)
    session.flush()
    return transaction.reference


def _must_be_possible(session: Session, institution_id: str, entry: TransferEntry) -> Worklist:
    _must_be_own_pacs(session.get(Node, entry.node_id), institution_id)
    worklist = session.get(Worklist, entry.worklist_id)
    if worklist is None:
        raise NotAllowed("That worklist is not there any more; choose another.")
    destination = worklist.institution_id
    if destination == institution_id:
        raise NotAllowed("That is your own Institution; choose a worklist of another one.")
    directory = routing_directory(session)
    if directory.organisations[destination].closed:
        raise NotAllowed(f"{destination} is closed; send to its successor.")
    if (institution_id, destination) not in directory.agreements:
        raise NotAllowed(f"No agreement lets {institution_id} send to {destination}; ring {destination}.")
    _must_be_answerable(session, institution_id, destination, entry.request_id)
    if not entry.studies:
        raise NotAllowed("Pick at least one study.")
    twice = [uid for uid, n in Counter(one.StudyInstanceUID for one in entry.studies).items() if n > 1]
    if twice:
        raise NotAllowed("The same study is picked twice; pick it once, with all the series that you want of it.")
    return worklist


def _must_be_own_pacs(node: Node | None, institution_id: str) -> None:
    if node is None or node.institution_id != institution_id:
        raise NotAllowed("That is no Node of your Institution; choose one of your own.")
    if not (node.receives and node.query_back):
        raise NotAllowed(f"{node.name} cannot be asked for images; choose another Node or ask support to set it up.")


def _must_be_answerable(session: Session, institution_id: str, destination: str, request_id: str) -> None:
    request = session.get(ImageRequest, request_id) if request_id else None
    if request_id and (request is None or (request.source_id, request.institution_id) != (institution_id, destination)):
        raise NotAllowed(f"There is no such request of {destination} to you; open it anew from your requests.")


def _placed_before(session: Session, command_id: str, account_id: str) -> str:
    first = session.get_one(OutboxCommand, command_id)
    # A token is no key to what somebody else has sent.
    if (first.kind, first.actor) != (CommandKind.PLACE_TRANSFER.value, account_id):
        raise NotAllowed("This form was used before; open a new one.")
    return session.get_one(Transfer, first.subject_id).transaction.reference


def _row(picked: PickedStudy, institution_id: str, position: int) -> TransferStudy:
    return TransferStudy(
        id=new_id(),
        institution_id=institution_id,
        position=position,
        StudyInstanceUID=picked.StudyInstanceUID,
        series=list(dict.fromkeys(picked.series)),
        description=picked.description,
        Modality=picked.Modality,
        study_date=picked.study_date,
    )
