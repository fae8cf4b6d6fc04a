"""Slots: leases on the associations that a Node allows, held in the database and exact across processes.

Nobody takes a second slot while another delivery has none; an urgent delivery is served before all others, and its
waiting makes a less urgent holder give way after the image under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables import Node, Slot, now

LEASE = timedelta(seconds=15)
"""Longer than a stalled holder may go on: it renews every few seconds and checks before each image."""


@dataclass(frozen=True)
class Claim:
    """Who wants one association to a Node: `priority` 1 goes first."""

    node_id: str
    holder: str
    delivery_id: str
    priority: int


def ask(session: Session, claim: Claim) -> bool:
    """Take a slot, or stay in the queue for one. To be repeated until True; each call keeps the place for LEASE."""
    node, slots = _slots_of(session, claim.node_id)
    at = now()
    mine = next((slot for slot in slots if slot.holder == claim.holder), None)
    if mine is not None and mine.granted:
        return True
    granted = [slot for slot in slots if slot.granted]
    first = _first_waiting(slots, claim, mine)
    may = len(granted) < node.slots and first
    session.execute(
        insert(Slot)
        .values(
            node_id=claim.node_id,
            holder=claim.holder,
            delivery_id=claim.delivery_id,
            priority=claim.priority,
            granted=may,
            asked_at=at,
            until=at + LEASE,
        )
        .on_conflict_do_update(index_elements=["node_id", "holder"], set_={"granted": may, "until": at + LEASE})
    )
    return may


def renew(session: Session, claim: Claim) -> bool:
    """Keep the slot. False: give it back now, because it was lost or somebody else must go first."""
    _, slots = _slots_of(session, claim.node_id)
    mine = next((slot for slot in slots if slot.holder == claim.holder and slot.granted), None)
    if mine is None or _must_yield(slots, claim):
        return False
    session.execute(
        update(Slot).where(Slot.node_id == claim.node_id, Slot.holder == claim.holder).values(until=now() + LEASE)
    )
    return True


def give_back(session: Session, claim: Claim) -> None:
    session.execute(delete(Slot).where(Slot.node_id == claim.node_id, Slot.holder == claim.holder))


def _slots_of(session: Session, node_id: str) -> tuple[Node, list[Slot]]:
    # The Node's row is the lock: grants at one Node are decided one after the other.
    node = session.scalars(select(Node).where(Node.id == node_id).with_for_update()).one()
    session.execute(delete(Slot).where(Slot.node_id == node_id, Slot.until < now()))
    return node, list(session.scalars(select(Slot).where(Slot.node_id == node_id)))


def _holding(slots: list[Slot], delivery_id: str) -> int:
    return sum(slot.granted for slot in slots if slot.delivery_id == delivery_id)


def _first_waiting(slots: list[Slot], claim: Claim, mine: Slot | None) -> bool:
    asked_at = mine.asked_at if mine else now()
    me = (claim.priority, _holding(slots, claim.delivery_id) > 0, asked_at)
    return all(
        me <= (other.priority, _holding(slots, other.delivery_id) > 0, other.asked_at)
        for other in slots
        if not other.granted and other.holder != claim.holder
    )


def _must_yield(slots: list[Slot], claim: Claim) -> bool:
    spare = _holding(slots, claim.delivery_id) > 1
    return any(
        slot.priority < claim.priority or (spare and slot.priority == claim.priority)
        for slot in slots
        if not slot.granted and slot.delivery_id != claim.delivery_id and _holding(slots, slot.delivery_id) == 0
    )
