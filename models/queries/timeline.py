"""What happened to one transaction, from our own tables, in words and without patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.contracts import EXCHANGE
from models.domain.errors import NotFound
from models.domain.turned_away import WHY
from models.queries.oversight import LOOKED_AT, SEARCHED
from models.queries.people import names, with_names
from models.queries.support import PARTS, read_notes
from models.tables import (
    Arrival,
    Delivery,
    Disclosure,
    HeldObject,
    ImageRequest,
    Notice,
    OutboxCommand,
    Rejection,
    ShiftNote,
    SupportAct,
    Transaction,
    Transfer,
    TransitionRow,
)

AROUND = timedelta(hours=1)
"""A sender that is turned away is told of on the transactions that it opens so soon before or after."""
MOST_REJECTIONS = 20


@dataclass(frozen=True)
class Told:
    """One line of the timeline. `who` is empty for what nobody did; `is_fault` is what one looks for first.

    `entered` is what a person wrote: it stays on the page, and out of whatever leaves it.
    """

    at: datetime
    words: str
    who: str = ""
    is_fault: bool = False
    entered: str = ""


@dataclass(frozen=True)
class Part:
    """Something of a transaction that a workflow works on."""

    prefix: str
    id: str
    institution_id: str
    state: str

    @property
    def workflow_id(self) -> str:
        return f"{self.prefix}-{self.id}"


def by_reference(session: Session, reference: str) -> Transaction:
    """NotFound for an unknown reference. For support alone: it asks nobody's Institution."""
    one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one_or_none()
    if one is None:
        raise NotFound("There is no such transaction; check the reference.")
    return one


def parts(session: Session, transaction_id: str) -> tuple[Part, ...]:
    """Requests, arrivals and deliveries of a transaction, in the order in which they began."""
    began = {
        "request": ImageRequest.placed_at,
        "transfer": Transfer.placed_at,
        "arrival": Arrival.opened_at,
        "delivery": Delivery.created_at,
    }
    return tuple(
        Part(prefix, row.id, row.institution_id, row.state)
        for prefix in began
        for row in session.scalars(
            select(PARTS[prefix]).where(PARTS[prefix].transaction_id == transaction_id).order_by(began[prefix])
        )
    )


def timeline(session: Session, one: Transaction, *, disclosed: bool) -> tuple[Told, ...]:
    """The oldest first. What people wrote at a step may name the patient: it is left out unless that is `disclosed`."""
    subjects = {subject for part in parts(session, one.id) for subject in (part.id, part.workflow_id)}
    told = [
        Told(one.opened_at, "The transaction was opened."),
        *_steps(session, one, disclosed),
        *_commands(session, subjects),
        *_mails(session, one),
        *_faults(session, one),
        *_apart(session, one),
        *_turned_away(session, one),
        *_of_support(session, one),
    ]
    return tuple(sorted(told, key=lambda line: line.at))


def _steps(session: Session, one: Transaction, disclosed: bool) -> Iterator[Told]:
    rows = session.scalars(
        select(TransitionRow).where(TransitionRow.transaction_id == one.id).order_by(TransitionRow.at, TransitionRow.id)
    ).all()
    called = names(session, {row.actor for row in rows})
    for row in rows:
        words = f"{_phrase(row.lifecycle)} {row.event.replace('-', ' ')}: now {row.after.replace('-', ' ')}."
        by_itself = row.actor == EXCHANGE
        yield Told(
            row.at,
            f"{words} {row.detail}".rstrip() if by_itself else words,
            called[row.actor],
            row.event in ("parked", "held"),
            row.detail if disclosed and not by_itself else "",
        )


def _commands(session: Session, subjects: set[str]) -> Iterator[Told]:
    """Every decision as it was asked, and what the engine said to it; what was entered is not told."""
    rows = session.scalars(select(OutboxCommand).where(OutboxCommand.subject_id.in_(subjects))).all()
    called = names(session, {row.actor for row in rows})
    for row in rows:
        words = f"Asked: {row.kind.replace('-', ' ')}."
        if row.refusal:
            words = f"{words} Refused: {with_names(session, row.refusal)}"
        elif row.delivered_at is None:
            words = f"{words} The engine has not taken it yet; tried {row.tried} times."
        yield Told(row.created_at, words, called[row.actor], bool(row.refusal) or row.delivered_at is None)


def _mails(session: Session, one: Transaction) -> Iterator[Told]:
    for row in session.scalars(select(Notice).where(Notice.transaction_id == one.id)):
        what = row.kind.replace("-", " ")
        if row.sent_at is not None:
            yield Told(row.sent_at, f"Mail to {row.address}: {what}.")
        else:
            yield Told(one.state_since, f"Mail to {row.address} has not gone out yet: {what}.", is_fault=True)


def _faults(session: Session, one: Transaction) -> Iterator[Told]:
    for row in session.scalars(select(Delivery).where(Delivery.transaction_id == one.id)):
        if row.fault and row.fault_at:
            yield Told(row.fault_at, row.fault, is_fault=True)
        if row.waiting_since:
            yield Told(row.waiting_since, f"It waits for {row.node.name}, which is {row.node.state}.", is_fault=True)


def _apart(session: Session, one: Transaction) -> Iterator[Told]:
    rows = session.scalars(
        select(HeldObject).join(Arrival, Arrival.id == HeldObject.arrival_id).where(Arrival.transaction_id == one.id)
    )
    for row in rows:
        yield Told(row.held_at, f"An object was held apart: {row.sentence}", is_fault=True)


def _turned_away(session: Session, one: Transaction) -> Iterator[Told]:
    senders = select(Arrival.calling_ae_title).where(Arrival.transaction_id == one.id)
    rows = session.scalars(
        select(Rejection)
        .where(
            Rejection.at.between(one.opened_at - AROUND, one.opened_at + AROUND),
            Rejection.calling_ae_title.in_(senders),
        )
        .order_by(Rejection.at)
        .limit(MOST_REJECTIONS)
    )
    for row in rows:
        yield Told(
            row.at,
            f"{row.calling_ae_title} was turned away at the door. {WHY.get(row.reason, row.reason)}",
            is_fault=True,
        )


def _of_support(session: Session, one: Transaction) -> Iterator[Told]:
    acts = session.scalars(select(SupportAct).where(SupportAct.transaction_id == one.id)).all()
    seen = session.scalars(
        select(Disclosure).where(Disclosure.transaction_id == one.id, Disclosure.institution_id == one.institution_id)
    ).all()
    people = {act.account_id for act in acts} | {act.signed_by for act in acts} | {row.account_id for row in seen}
    called = names(session, people)
    for act in acts:
        what = act.kind.replace("-", " ")
        waits = "" if act.done_at or act.signed_at else " It waits for a second person."
        yield Told(act.asked_at, f"Support: {what}.{waits}", called[act.account_id], entered=act.reason)
        if act.signed_at:
            said = "Signed as second person" if act.done_at else "Not to be done, said a second person"
            yield Told(act.signed_at, f"{said}: {what}.", called[act.signed_by])
    for row in seen:
        words = SEARCHED if row.is_search else LOOKED_AT
        yield Told(row.at, f"Support: {words[:1].lower()}{words[1:]}.", called[row.account_id], entered=row.reason)
    for note in read_notes(session, ShiftNote.transaction_id == one.id):
        words = f"Handed over to {note.to}." if note.to else "Shift note."
        yield Told(note.at, words, note.who, entered=note.text)


def owner(session: Session, transaction_id: str) -> str:
    """The Institution to which a transaction was last handed over; empty when it was not."""
    return (
        session.scalars(
            select(ShiftNote.institution_id)
            .where(ShiftNote.transaction_id == transaction_id, ShiftNote.institution_id.is_not(None))
            .order_by(ShiftNote.written_at.desc())
            .limit(1)
        ).first()
        or ""
    )


def _phrase(code: str) -> str:
    return code[:1].upper() + code[1:].replace("-", " ")
