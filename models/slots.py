"""Slots: leases on the associations that a Node allows, held in the database and exact across processes.

The more urgent is served first, also with a second slot before the less urgent have a first, and its waiting makes a
less urgent holder give way after the image under way. Among equals nobody takes a second slot while another delivery
has none, and who is due first comes first. Who is first is for models/slot_queue.py to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.slot_queue import SlotQueue
from models.tables import Node, Slot, now

LEASE = timedelta(seconds=15)
"""Longer than a stalled holder may go on: it renews every few seconds and checks before each image."""
PLACE = timedelta(seconds=3)
"""How long a waiter that no longer asks keeps its place: whoever comes after it waits for that."""


@dataclass(frozen=True)
class Claim:
    """Who wants one association to a Node: `priority` 1 goes first, then who is `due` first, then the earliest `since`.

    `since` stays with the delivery: an attempt that found no slot and begins anew does not queue behind later ones.
    """

    node_id: str
    holder: str
    delivery_id: str
    priority: int
    since: datetime
    due: datetime | None = None


@dataclass(frozen=True)
class Place:
    """Whether a slot was granted; where not, how many who wait come before."""

    granted: bool
    ahead: int = 0


def ask(session: Session, claim: Claim) -> Place:
    """Take a slot, or stay in the queue for one. To be repeated until granted; each call keeps the place for PLACE."""
    node, slots = _slots_of(session, claim.node_id)
    at = now()
    mine = next((slot for slot in slots if slot.holder == claim.holder), None)
    if mine is not None and mine.granted:
        return Place(granted=True)
    facts = {
        "node_id": claim.node_id,
        "holder": claim.holder,
        "delivery_id": claim.delivery_id,
        "priority": claim.priority,
        "asked_at": claim.since,
        "due_at": claim.due,
    }
    # Not added to the session: only what is asked of the queue.
    me = Slot(**facts, granted=False)
    others = [slot for slot in slots if slot.holder != claim.holder]
    queue = SlotQueue([*others, me], node.slots, node.urgent_slots, at)
    may = queue.may_take(me)
    until = at + (LEASE if may else PLACE)
    session.execute(
        insert(Slot)
        .values(**facts, granted=may, until=until)
        .on_conflict_do_update(index_elements=["node_id", "holder"], set_={"granted": may, "until": until})
    )
    return Place(granted=True) if may else Place(granted=False, ahead=queue.ahead_of(me))


def renew(session: Session, claim: Claim) -> bool:
    """Keep the slot. False: give it back now, because it was lost or somebody else must go first."""
    node, slots = _slots_of(session, claim.node_id)
    holders = {slot.holder for slot in slots if slot.granted}
    if claim.holder not in holders - SlotQueue(slots, node.slots, node.urgent_slots, now()).giving_way():
        return False
    session.execute(
        update(Slot).where(Slot.node_id == claim.node_id, Slot.holder == claim.holder).values(until=now() + LEASE)
    )
    return True


def give_back(session: Session, claim: Claim) -> None:
    session.execute(delete(Slot).where(Slot.node_id == claim.node_id, Slot.holder == claim.holder))


def _slots_of(session: Session, node_id: str) -> tuple[Node, list[Slot]]:
    # The Node's row is the lock: grants at one Node are decided one after the other. Not FOR UPDATE: every row that
    # names the Node holds a share of its key, and need not wait for them.
    node = session.scalars(select(Node).where(Node.id == node_id).with_for_update(key_share=True)).one()
    session.execute(delete(Slot).where(Slot.node_id == node_id, Slot.until < now()))
    return node, list(session.scalars(select(Slot).where(Slot.node_id == node_id)))
