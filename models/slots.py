"""Slots: leases on the associations that a Node allows, held in the database and exact across processes.

The more urgent is served first, also with a second slot before the less urgent have a first, and its waiting makes a
less urgent holder give way after the image under way. Among equals nobody takes a second slot while another delivery
has none, and who is to be sent since longest comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables import Node, Slot, now

LEASE = timedelta(seconds=15)
"""Longer than a stalled holder may go on: it renews every few seconds and checks before each image."""
PLACE = timedelta(seconds=3)
"""How long a waiter that no longer asks keeps its place: whoever comes after it waits for that."""


@dataclass(frozen=True)
class Claim:
    """Who wants one association to a Node: `priority` 1 goes first, then the earliest `since`.

    `since` stays with the delivery: an attempt that found no slot and begins anew does not queue behind later ones.
    """

    node_id: str
    holder: str
    delivery_id: str
    priority: int
    since: datetime


def ask(session: Session, claim: Claim) -> bool:
    """Take a slot, or stay in the queue for one. To be repeated until True; each call keeps the place for PLACE."""
    node, slots = _slots_of(session, claim.node_id)
    at = now()
    mine = next((slot for slot in slots if slot.holder == claim.holder), None)
    if mine is not None and mine.granted:
        return True
    granted = [slot for slot in slots if slot.granted]
    first = _first_waiting(slots, claim)
    may = len(granted) < node.slots and first
    until = at + (LEASE if may else PLACE)
    session.execute(
        insert(Slot)
        .values(
            node_id=claim.node_id,
            holder=claim.holder,
            delivery_id=claim.delivery_id,
            priority=claim.priority,
            granted=may,
            asked_at=claim.since,
            until=until,
        )
        .on_conflict_do_update(index_elements=["node_id", "holder"], set_={"granted": may, "until": until})
    )
    return may


def renew(session: Session, claim: Claim) -> bool:
    """Keep the slot. False: give it back now, because it was lost or somebody else must go first."""
    node, slots = _slots_of(session, claim.node_id)
    holders = {slot.holder for slot in slots if slot.granted}
    if claim.holder not in holders - _giving_way(slots, node.slots):
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


def _first_waiting(slots: list[Slot], claim: Claim) -> bool:
    me = (claim.priority, _holding(slots, claim.delivery_id) > 0, claim.since)
    return all(
        me <= (other.priority, _holding(slots, other.delivery_id) > 0, other.asked_at)
        for other in slots
        if not other.granted and other.holder != claim.holder
    )


def _giving_way(slots: list[Slot], allowed: int) -> set[str]:
    """Which holders make room for the deliveries that have no slot yet. Every holder works out the same.

    The least urgent give way first, and of those the delivery that has most; a last slot goes to the more urgent only.
    """
    holding = [slot for slot in slots if slot.granted]
    waiting = {slot.delivery_id: slot.priority for slot in slots if not slot.granted}
    free = allowed - len(holding)
    giving_way: set[str] = set()
    for delivery_id, priority in sorted(waiting.items(), key=lambda waiter: waiter[1]):
        if _holding(slots, delivery_id):
            continue
        if free > 0:
            free -= 1
            continue
        may = [slot for slot in holding if slot.priority > priority or _may_share(holding, slot, priority)]
        if may:
            last = max(may, key=lambda slot: (slot.priority, _holding(holding, slot.delivery_id), slot.holder))
            holding.remove(last)
            giving_way.add(last.holder)
    return giving_way


def _may_share(holding: list[Slot], slot: Slot, priority: int) -> bool:
    return slot.priority == priority and _holding(holding, slot.delivery_id) > 1
