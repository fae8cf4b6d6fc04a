"""Who may take a slot of one Node now, and who makes room: worked out alike by everybody who asks.

Urgent deliveries may take any slot, the others leave the Node's kept ones. What waits ages: it counts one step more
urgent for each half hour, up to a deadline's, so that the bulk of yesterday goes before the routine of just now; and
where urgent ones have had every slot for two hours, the one that waits longest is counted among them, in one slot of
several. The life-critical always come first. Within a step who is due first comes first; who said no time counts as due
a day after it was to be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.domain.urgency import Urgency
from models.tables import Slot

AGES_EVERY = timedelta(minutes=30)
STARVES_AFTER = timedelta(hours=2)
DUE_WITHOUT_A_TIME = timedelta(days=1)
URGENT, AGED = Urgency.URGENT.priority, Urgency.BY_DEADLINE.priority
Rank = tuple[int, bool, datetime, datetime]


def kept_for_urgent(allowed: int, wanted: int) -> int:
    """How many of the `allowed` slots only urgent deliveries take: as `wanted`, but one at least is for all."""
    return min(wanted, max(allowed - 1, 0))


class SlotQueue:
    """The slots of a Node at one moment: how many may be granted, and how many of these to the urgent alone."""

    def __init__(self, slots: Sequence[Slot], allowed: int, kept: int, at: datetime) -> None:
        self.slots, self.allowed, self.kept, self.at = slots, allowed, kept_for_urgent(allowed, kept), at
        self.granted = [slot for slot in slots if slot.granted]
        self._starving = ""
        self._starving = self._one_that_starves()

    def may_take(self, one: Slot) -> bool:
        """Whether there is room for `one`, and nobody who waits comes before it."""
        return self._has_room(one, self.granted) and not self.ahead_of(one)

    def ahead_of(self, one: Slot) -> int:
        """How many who wait come before `one`."""
        mine = self._rank(one)
        return sum(self._rank(slot) < mine for slot in self.slots if not slot.granted and slot.holder != one.holder)

    def giving_way(self) -> set[str]:
        """Which holders make room for deliveries that have no slot yet.

        The least urgent give way first, and of those the delivery that has most; a last slot goes to the more urgent
        only.
        """
        holding, leaving = list(self.granted), set()
        for waiter in self._without_a_slot():
            if not self._has_room(waiter, holding):
                may = [slot for slot in holding if self._yields(slot, waiter, holding)]
                if not may:
                    continue
                last = max(may, key=lambda slot: (self.step(slot), _holding(holding, slot.delivery_id), slot.holder))
                holding.remove(last)
                leaving.add(last.holder)
            holding.append(waiter)
        return leaving

    def step(self, slot: Slot) -> int:
        """How urgent it counts by now: 1 goes first."""
        if slot.holder == self._starving:
            return URGENT
        aged = slot.priority - (self.at - slot.asked_at) // AGES_EVERY
        return max(aged, min(slot.priority, AGED))

    def _rank(self, slot: Slot) -> Rank:
        due = slot.due_at or slot.asked_at + DUE_WITHOUT_A_TIME
        return self.step(slot), _holding(self.granted, slot.delivery_id) > 0, due, slot.asked_at

    def _without_a_slot(self) -> list[Slot]:
        """One for each delivery that waits for its first."""
        first: dict[str, Slot] = {}
        for slot in sorted((slot for slot in self.slots if not slot.granted), key=self._rank):
            if not _holding(self.granted, slot.delivery_id):
                first.setdefault(slot.delivery_id, slot)
        return list(first.values())

    def _has_room(self, one: Slot, holding: Sequence[Slot]) -> bool:
        if len(holding) >= self.allowed:
            return False
        others = sum(self.step(slot) > URGENT for slot in holding)
        return self.step(one) <= URGENT or others < self.allowed - self.kept

    def _yields(self, slot: Slot, waiter: Slot, holding: Sequence[Slot]) -> bool:
        """Whether `slot` is to be given up for `waiter`, and it would help."""
        more_urgent = self.step(waiter) < self.step(slot)
        may_share = self.step(waiter) == self.step(slot) and _holding(holding, slot.delivery_id) > 1
        return (more_urgent or may_share) and self._has_room(waiter, [other for other in holding if other is not slot])

    def _one_that_starves(self) -> str:
        """The holder of the one slot that goes to what has waited for hours; nobody's at a Node with a single slot."""
        old = [
            slot
            for slot in self.slots
            if slot.priority > URGENT and (slot.granted or self.at - slot.asked_at >= STARVES_AFTER)
        ]
        if self.allowed < 2 or not old:
            return ""
        first = min(old, key=lambda slot: (not slot.granted, self._rank(slot), slot.holder))
        return first.holder if self.at - first.asked_at >= STARVES_AFTER else ""


def _holding(slots: Sequence[Slot], delivery_id: str) -> int:
    return sum(slot.granted for slot in slots if slot.delivery_id == delivery_id)
