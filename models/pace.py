"""The pace at which a Node takes images: turns, one after the other, exact across associations and processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.slot_queue import SlotQueue
from models.slots import Claim
from models.tables import Node, Slot, now


@dataclass(frozen=True)
class Turn:
    """In how many seconds the next image may be sent; where it is not `taken`, it is to be asked for again then."""

    seconds: float
    taken: bool = True


def next_turn(session: Session, claim: Claim, *, in_advance: bool = False) -> Turn:
    """Take the next turn at the Node of a claim that was granted; at once where no rate is set.

    While somebody more urgent has a slot there, the others take what is free at the moment and nothing in advance, or
    the urgent would come after them; but who has waited long takes the next `in_advance` all the same. A turn that is
    taken and not used is lost. A rate that was raised counts from the next turn on.
    """
    node = session.scalars(select(Node).where(Node.id == claim.node_id).with_for_update(key_share=True)).one()
    if node.rate <= 0:
        return Turn(0.0)
    at, gap = now(), timedelta(seconds=1 / node.rate)
    turn = max(at, node.paced_until or at)
    taken = in_advance or turn == at or not _is_behind(session, node, claim, at)
    if taken:
        node.paced_until = turn + gap
    return Turn((turn - at).total_seconds(), taken)


def _is_behind(session: Session, node: Node, claim: Claim, at: datetime) -> bool:
    """Whether anybody who has a slot of the Node counts as more urgent."""
    slots = session.scalars(select(Slot).where(Slot.node_id == node.id, Slot.granted, Slot.until >= at)).all()
    queue = SlotQueue(slots, node.slots, node.urgent_slots, at)
    mine = [queue.step(slot) for slot in slots if slot.holder == claim.holder]
    return bool(mine) and min(map(queue.step, slots)) < mine[0]
