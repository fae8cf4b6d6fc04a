"""What the support desk looks at: what waits too long or went wrong, across all Institutions and without patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from models.domain.errors import NotFound
from models.domain.lifecycles import arrival, delivery, request
from models.domain.urgency import Urgency
from models.most_urgent import MOST_URGENT_FIRST
from models.queries.people import names, with_names
from models.queries.standing import standings
from models.queries.viewer import Viewer
from models.tables import (
    Arrival,
    CommitmentRequest,
    Contact,
    Delivery,
    HeldObject,
    ImageRequest,
    Institution,
    Node,
    OutboxCommand,
    ShiftNote,
    Transaction,
    Transfer,
    now,
)

MOST = 50
LONG = timedelta(minutes=1)
"""A command that the engine has not taken by then waits long; so does a request that its source was not told of."""
LATELY = timedelta(days=1)
NOTES = 20
PARTS: Mapping[str, Any] = {"arrival": Arrival, "delivery": Delivery, "request": ImageRequest, "transfer": Transfer}
"""The tables of what a workflow works on in a transaction, by the first word of its id."""
OF_NOBODY = and_(HeldObject.institution_id.is_(None), HeldObject.resolved_at.is_(None))


@dataclass(frozen=True)
class Stands:
    """One transaction in a list; nothing in it is about a patient."""

    reference: str
    urgency: Urgency
    source_id: str
    destination_id: str
    state: str
    since: datetime
    sentence: str


@dataclass(frozen=True)
class Orphan:
    """An object that nobody owns: its sender belongs to no Institution."""

    sentence: str
    calling_ae_title: str
    at: datetime


@dataclass(frozen=True)
class Command:
    """`refusal` is empty while it waits; without `reference` it is of no transaction, without `node` of no Node."""

    kind: str
    institution_id: str
    reference: str
    node_id: str
    node: str
    who: str
    at: datetime
    tried: int
    refusal: str


@dataclass(frozen=True)
class Engaged:
    """What a workflow works for: an unfinished part of the transaction `reference`."""

    reference: str
    urgency: Urgency
    state: str


@dataclass(frozen=True)
class Note:
    at: datetime
    who: str
    text: str
    reference: str
    to: str


@dataclass(frozen=True)
class Number:
    """Whom to ring; `is_on_call`: now, because of the span that is given for it."""

    id: str
    institution_id: str
    name: str
    duty: str
    phone: str
    is_on_call: bool
    on_call_from: datetime | None
    on_call_to: datetime | None


def parked(session: Session, zone: str) -> tuple[Stands, ...]:
    states = (delivery.State.NEEDS_ATTENTION, delivery.State.DIFFERS_AT_DESTINATION)
    stopped = and_(Transaction.lifecycle.in_(("delivery", "transfer")), Transaction.state.in_(states))
    return _standing(session, zone, stopped)


def held(session: Session, zone: str) -> tuple[Stands, ...]:
    return _standing(session, zone, and_(Transaction.lifecycle == "arrival", Transaction.state == arrival.State.HELD))


def overdue(session: Session, zone: str) -> tuple[Stands, ...]:
    """Requests whose source was reminded in vain, or could not be told at all."""
    late = or_(
        and_(ImageRequest.state.in_(request.OPEN), or_(ImageRequest.reminded > 0, ImageRequest.expires_at < now())),
        and_(ImageRequest.state == request.State.PLACED, ImageRequest.placed_at < now() - LONG),
    )
    return _standing(session, zone, Transaction.id.in_(select(ImageRequest.transaction_id).where(late)))


def orphans(session: Session) -> tuple[Orphan, ...]:
    rows = session.scalars(select(HeldObject).where(OF_NOBODY).order_by(HeldObject.held_at).limit(MOST))
    return tuple(Orphan(row.sentence, row.calling_ae_title, row.held_at) for row in rows)


def how_many_orphans(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(HeldObject).where(OF_NOBODY)) or 0


def commands(session: Session) -> tuple[Command, ...]:
    """Those that wait long, the oldest first; then those that were refused lately."""
    waiting = session.scalars(
        select(OutboxCommand)
        .where(OutboxCommand.delivered_at.is_(None), OutboxCommand.created_at < now() - LONG)
        .order_by(OutboxCommand.created_at)
        .limit(MOST)
    ).all()
    refused = session.scalars(
        select(OutboxCommand)
        .where(OutboxCommand.refusal != "", OutboxCommand.delivered_at > now() - LATELY)
        .order_by(OutboxCommand.delivered_at.desc())
        .limit(MOST)
    ).all()
    rows = (*waiting, *refused)
    called = names(session, {row.actor for row in rows})
    # What is run again is named by its workflow, all else by its row.
    about = {row.id: row.subject_id.rpartition("-")[2] for row in rows}
    works_for = _references(session, set(about.values()))
    nodes = {node.id: node.name for node in session.scalars(select(Node).where(Node.id.in_(about.values())))}
    return tuple(
        Command(
            kind=row.kind,
            institution_id=row.institution_id,
            reference=works_for.get(about[row.id], ""),
            node_id=about[row.id] if about[row.id] in nodes else "",
            node=nodes.get(about[row.id], ""),
            who=called[row.actor],
            at=row.created_at,
            tried=row.tried,
            refusal=with_names(session, row.refusal),
        )
        for row in rows
    )


def _references(session: Session, row_ids: set[str]) -> dict[str, str]:
    """By the id of a request, an arrival or a delivery: the reference of its transaction."""
    found: dict[str, str] = {}
    for table in PARTS.values():
        rows = session.execute(
            select(table.id, Transaction.reference)
            .join(Transaction, Transaction.id == table.transaction_id)
            .where(table.id.in_(row_ids))
        )
        found |= dict(rows.all())
    return found


def engaged(session: Session, workflow_ids: set[str]) -> dict[str, Engaged]:
    """By workflow id, what each works for; Nodes and commitments have no transaction and are not here."""
    ids = {prefix: {one.partition("-")[2] for one in workflow_ids if one.startswith(prefix)} for prefix in PARTS}
    found: dict[str, Engaged] = {}
    for prefix, table in PARTS.items():
        rows = session.execute(
            select(table.id, table.state, Transaction.reference, Transaction.urgency)
            .join(Transaction, Transaction.id == table.transaction_id)
            .where(table.id.in_(ids[prefix]))
        )
        found |= {
            f"{prefix}-{row_id}": Engaged(reference, Urgency(urgency), state)
            for row_id, state, reference, urgency in rows
        }
    return found


def whose(session: Session, workflow_id: str) -> tuple[str, str | None]:
    """The Institution, and the transaction if there is one, that a workflow works for.

    NotFound for a workflow that has no row here.
    """
    prefix, _, row_id = workflow_id.partition("-")
    table = {**PARTS, "node": Node, "commitment": CommitmentRequest}.get(prefix)
    row = session.get(table, row_id) if table else None
    if row is None:
        raise NotFound("Nothing of that name is known here; reload the page.")
    return row.institution_id, getattr(row, "transaction_id", None)


def notes(session: Session) -> tuple[Note, ...]:
    """The latest shift notes, the newest first."""
    return read_notes(session, None)


def handed_to(session: Session, viewer: Viewer) -> tuple[Note, ...]:
    """What support has handed over to the viewer's Institution; to any, for support itself. The newest first."""
    mine = (
        ShiftNote.institution_id.is_not(None)
        if viewer.sees_every_institution
        else ShiftNote.institution_id == viewer.institution_id
    )
    return read_notes(session, mine)


def read_notes(session: Session, which: ColumnElement[bool] | None) -> tuple[Note, ...]:
    query = (
        select(ShiftNote, Transaction.reference)
        .join(Transaction, Transaction.id == ShiftNote.transaction_id, isouter=True)
        .order_by(ShiftNote.written_at.desc())
        .limit(NOTES)
    )
    rows = session.execute(query if which is None else query.where(which)).all()
    called = names(session, {note.written_by for note, _ in rows})
    return tuple(
        Note(note.written_at, called[note.written_by], note.text, reference or "", note.institution_id or "")
        for note, reference in rows
    )


def numbers(session: Session, institution_ids: set[str] | None = None) -> tuple[Number, ...]:
    """Whom to ring at these Institutions (None: at any), who is on call now first; ended spans are left out.

    The Institution's own number comes last.
    """
    at = now()
    contacts = select(Contact).where(or_(Contact.on_call_to.is_(None), Contact.on_call_to > at))
    institutions = select(Institution).where(Institution.phone != "")
    if institution_ids is not None:
        contacts = contacts.where(Contact.institution_id.in_(institution_ids))
        institutions = institutions.where(Institution.ods_code.in_(institution_ids))
    found = [
        Number(
            row.id,
            row.institution_id,
            row.name,
            row.duty,
            row.phone,
            row.on_call_from is not None and row.on_call_from <= at,
            row.on_call_from,
            row.on_call_to,
        )
        for row in session.scalars(contacts)
    ]
    found += [
        Number("", row.ods_code, row.name, "switchboard", row.phone, False, None, None)
        for row in session.scalars(institutions)
    ]
    return tuple(sorted(found, key=lambda one: (one.institution_id, not one.is_on_call, not one.id, one.name)))


def _standing(session: Session, zone: str, which: ColumnElement[bool]) -> tuple[Stands, ...]:
    """The most urgent first, then the oldest."""
    by_need = MOST_URGENT_FIRST, Transaction.state_since
    rows = session.scalars(select(Transaction).where(which).order_by(*by_need).limit(MOST))
    return tuple(
        Stands(
            reference=one.transaction.reference,
            urgency=Urgency(one.transaction.urgency),
            source_id=one.transaction.institution_id,
            destination_id=one.destination_id,
            state=one.transaction.state,
            since=one.transaction.state_since,
            sentence=one.sentence,
        )
        for one in standings(session, rows.all(), zone, typed=False)
    )
