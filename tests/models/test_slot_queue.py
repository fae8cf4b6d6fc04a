"""Nothing starves: whatever comes, whoever waits at a Node of several slots gets one; and no rule is ever broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.urgency import Urgency
from models.slot_queue import AGED, STARVES_AFTER, URGENT, SlotQueue, kept_for_urgent
from models.tables import Slot

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
MINUTES = st.integers(0, 600)
PRIORITIES = st.sampled_from([urgency.priority for urgency in Urgency])


def slot(number: int, priority: int, asked_at: datetime, *, granted: bool = False) -> Slot:
    return Slot(
        node_id="n", holder=f"h{number}", delivery_id=f"d{number}", priority=priority, granted=granted,
        asked_at=asked_at, until=asked_at, due_at=None,
    )  # fmt: skip


def held_for(turn: int) -> int:
    return 1 + turn % 3


def wait_of_a_routine_one(allowed: int, kept: int, priority: int) -> timedelta:
    """How long a routine delivery waits at a Node to which more of `priority` come each minute than it can take."""
    routine = slot(0, Urgency.ROUTINE.priority, START)
    slots, at = [routine], START
    for minute in range(1, 60 * 24):
        at = START + timedelta(minutes=minute)
        # Whoever has held a slot for its time is done, and more come than went.
        slots = [one for one in slots if not (one.granted and at >= one.until)]
        waiting = sum(not one.granted for one in slots)
        slots += [slot(minute * 100 + n, priority, at) for n in range(3 * allowed - waiting)]
        leaving = SlotQueue(slots, allowed, kept, at).giving_way()
        assert routine.holder not in leaving
        slots = [one for one in slots if one.holder not in leaving]
        for one in sorted((one for one in slots if not one.granted), key=lambda one: one.holder):
            if SlotQueue(slots, allowed, kept, at).may_take(one):
                one.granted, one.until = True, at + timedelta(minutes=held_for(minute))
        if routine.granted:
            return at - START
        assert sum(one.granted for one in slots) <= allowed
    raise AssertionError("It starves.")


@pytest.mark.parametrize(("allowed", "kept"), [(2, 0), (2, 1), (4, 1), (4, 3)])
@pytest.mark.parametrize("urgency", [Urgency.URGENT, Urgency.BY_DEADLINE, Urgency.ROUTINE])
def test_nothing_starves_whatever_else_comes(allowed: int, kept: int, urgency: Urgency) -> None:
    assert wait_of_a_routine_one(allowed, kept, urgency.priority) <= STARVES_AFTER + timedelta(minutes=10)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(
    allowed=st.integers(0, 5),
    kept=st.integers(0, 5),
    slots=st.lists(st.tuples(PRIORITIES, MINUTES, st.booleans()), max_size=10),
)
def test_rules_that_always_hold(allowed: int, kept: int, slots: list[tuple[int, int, bool]]) -> None:
    at, granted = START, 0
    rows: list[Slot] = []
    for number, (priority, minutes, has_one) in enumerate(slots):
        granted += has_one
        rows.append(slot(number, priority, at - timedelta(minutes=minutes), granted=has_one and granted <= allowed))
    queue = SlotQueue(rows, allowed, kept, at)
    for row in rows:
        assert queue.step(row) <= max(row.priority, AGED)
        assert queue.step(row) >= min(row.priority, URGENT), "nothing becomes life-critical"
    assert sum(queue.step(row) <= URGENT < row.priority for row in rows) <= 1, "one at a time"
    leaving = queue.giving_way()
    assert leaving <= {row.holder for row in rows if row.granted}
    takers = [row for row in rows if not row.granted and queue.may_take(row)]
    for taker in takers:
        holding = [row for row in rows if row.granted]
        assert len(holding) < allowed
        if queue.step(taker) > URGENT:
            others = sum(queue.step(row) > URGENT for row in holding)
            assert others < allowed - kept_for_urgent(allowed, kept)
    life_critical = [row for row in rows if row.granted and row.priority == Urgency.LIFE_CRITICAL.priority]
    assert not leaving & {row.holder for row in life_critical}
