"""Nodes and their health, and what waits for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.domain import reaching
from models.domain.downtime import WORK
from models.domain.errors import NotFound
from models.domain.lifecycles.delivery import State as DeliveryState
from models.domain.lifecycles.node import State
from models.domain.sentences import Facts, sentence
from models.node_settings import SETTINGS, in_words
from models.queries.downtime import downtime_words
from models.queries.people import names
from models.queries.steps import Step
from models.queries.transactions import Listed, listed_where
from models.queries.viewer import Viewer
from models.tables import Delivery, Node, Slot, Transaction, TransitionRow, now
from models.waiting import WAITS_IN

HISTORY = 50
MOST_SHOWN = 20
PARKED = (DeliveryState.NEEDS_ATTENTION, DeliveryState.DIFFERS_AT_DESTINATION)
IS_WAITING = and_(Delivery.state.in_(WAITS_IN), Delivery.waiting_since.is_not(None))


@dataclass(frozen=True)
class NodeStanding:
    """`slots_in_use` of `slots` are leased now; `sending` deliveries go to it, `parked` wait for a person.

    Of those that go, `waiting` are tried no more until it may be used. `planned_from` is None without a downtime to
    come; `settings` are labels and values as people read them.
    """

    id: str
    name: str
    institution_id: str
    institution: str
    phone: str
    ae_title: str
    host: str
    port: int
    receives: bool
    state: str
    since: datetime | None
    sentence: str
    last_answer_at: datetime | None
    last_echo_at: datetime | None
    last_store_at: datetime | None
    last_fault_at: datetime | None
    last_fault: str
    how_far: str
    tls: str
    slots: int
    slots_in_use: int
    sending: int
    waiting: int
    waiting_since: datetime | None
    parked: int
    parked_since: datetime | None
    planned_from: datetime | None
    planned_until: datetime | None
    planned_for: str
    settings: tuple[tuple[str, str], ...]


def node_standings(session: Session, viewer: Viewer) -> tuple[NodeStanding, ...]:
    """The viewer's own Nodes; every Node for support."""
    rows = session.execute(_nodes(viewer).order_by(Node.institution_id, Node.host == "", Node.name))
    return tuple(_standing(viewer.time_zone, *row) for row in rows)


def node_standing(session: Session, viewer: Viewer, node_id: str) -> NodeStanding:
    """NotFound for an unknown Node and for one of another Institution."""
    row = session.execute(_nodes(viewer).where(Node.id == node_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such Node.")
    return _standing(viewer.time_zone, *row)


def node_steps(session: Session, node_id: str) -> tuple[Step, ...]:
    """What its health did lately, the newest first."""
    rows = session.scalars(
        select(TransitionRow)
        .where(TransitionRow.lifecycle == "node", TransitionRow.subject_id == node_id)
        .order_by(TransitionRow.id.desc())
        .limit(HISTORY)
    ).all()
    called = names(session, {row.actor for row in rows})
    return tuple(
        Step(row.at, row.lifecycle, row.event, row.before, row.after, called[row.actor], row.detail) for row in rows
    )


def _nodes(viewer: Viewer) -> Select[Node, int, int, int, datetime | None, int, datetime | None]:
    is_parked = Delivery.state.in_(PARKED)
    query = select(
        Node,
        _counted(select(func.count()).where(Slot.node_id == Node.id, Slot.granted, Slot.until > now())),
        _of_deliveries(func.count(), Delivery.state.in_((DeliveryState.SENDING, DeliveryState.SENT))),
        _of_deliveries(func.count(), IS_WAITING),
        _of_deliveries(func.min(_since_its_last_step()), IS_WAITING),
        _of_deliveries(func.count(), is_parked),
        _of_deliveries(func.min(_since_its_last_step()), is_parked),
    ).options(joinedload(Node.institution))
    return query if viewer.sees_every_institution else query.where(Node.institution_id == viewer.institution_id)


def waiting_at(session: Session, viewer: Viewer, node_id: str) -> tuple[Listed, ...]:
    """What is parked at the Node or waits until it may be used: the most urgent first, MOST_SHOWN at most."""
    return listed_where(
        session,
        viewer,
        exists().where(
            Delivery.transaction_id == Transaction.id,
            Delivery.node_id == node_id,
            or_(Delivery.state.in_(PARKED), IS_WAITING),
        ),
        MOST_SHOWN,
    )


def _since_its_last_step() -> ScalarSelect[Any]:
    """Since when a delivery is in its state: each attempt that fails begins another wait of it."""
    latest = select(func.max(TransitionRow.at)).where(TransitionRow.subject_id == Delivery.id)
    return latest.correlate(Delivery).scalar_subquery()


def _of_deliveries(what: ColumnElement[Any], which: ColumnElement[bool]) -> ScalarSelect[Any]:
    return _counted(select(what).where(Delivery.node_id == Node.id, which))


def _counted(query: Select[Any]) -> ScalarSelect[int]:
    return query.correlate(Node).scalar_subquery()


def _standing(
    zone: str,
    node: Node,
    slots_in_use: int,
    sending: int,
    waiting: int,
    waiting_since: datetime | None,
    parked: int,
    parked_since: datetime | None,
) -> NodeStanding:
    planned = node.planned_until if node.planned_until and node.planned_until > now() else None
    if node.receives:
        down_for, down_until = downtime_words(node, zone)
        why = node.state_detail or node.last_fault
        facts = Facts(node=node.name, detail=why, down_for=down_for, down_until=down_until)
        said = sentence("node", State(node.state), facts)
        if node.state == State.UP and not (node.last_answer_at or node.last_store_at):
            said = f"{node.name} has not answered the exchange yet; it is asked by itself within seconds."
    else:
        said = f"{node.name} only sends to the exchange; nothing is sent to it."
    return NodeStanding(
        id=node.id,
        name=node.name,
        institution_id=node.institution_id,
        institution=node.institution.name,
        phone=node.institution.phone,
        ae_title=node.ae_title,
        host=node.host,
        port=node.port,
        receives=node.receives,
        state=node.state,
        since=node.state_since,
        sentence=said,
        last_answer_at=node.last_answer_at,
        last_echo_at=node.last_echo_at,
        last_store_at=node.last_store_at,
        last_fault_at=node.last_fault_at,
        last_fault=node.last_fault,
        how_far=_how_far(node),
        tls=node.tls,
        slots=node.slots,
        slots_in_use=slots_in_use,
        sending=sending,
        waiting=waiting,
        waiting_since=waiting_since,
        parked=parked,
        parked_since=parked_since,
        planned_from=node.planned_from if planned else None,
        planned_until=planned,
        planned_for=WORK.get(node.planned_work, WORK["work"]) if planned else "",
        settings=tuple((one.label, in_words(name, getattr(node, name))) for name, one in SETTINGS.items()),
    )


def _how_far(node: Node) -> str:
    if not node.last_fault_step:
        return ""
    return reaching.how_far(reaching.Step(node.last_fault_step), with_tls=bool(node.tls))
