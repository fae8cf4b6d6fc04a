"""Slots that a Node keeps for urgent deliveries, what is due first, and what has waited for long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.domain.urgency import Urgency
from models.slot_queue import AGES_EVERY, STARVES_AFTER
from models.tables import Node, now
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import Parcels, ten
from tests.activities.test_slots import URGENT, Queue

SOON = Urgency.BY_DEADLINE.priority
JUST_URGENT = Urgency.URGENT.priority


@pytest.fixture
def queue(parcels: Parcels) -> Queue:
    """At a Node with three slots that keeps one."""
    return Queue(parcels, 3, kept=1)


def test_routine_leaves_the_kept_slot_and_urgent_takes_it_at_once(queue: Queue) -> None:
    first, second, third = (queue.claim(queue.delivery()) for _ in range(3))
    assert [queue.ask(one) for one in (first, second, third)] == [True, True, False]
    assert queue.renew(first)
    assert queue.renew(second), "nobody gives way for what may not take the free one"
    urgent = queue.claim(queue.delivery(), JUST_URGENT)
    assert queue.ask(urgent), "without waiting for an image of another's"
    assert all(map(queue.renew, (first, second, urgent)))


def test_urgent_may_take_every_slot(queue: Queue) -> None:
    assert all(queue.ask(queue.claim(queue.delivery(), URGENT)) for _ in range(3))
    assert not queue.ask(queue.claim(queue.delivery()))


def test_what_urgent_ones_hold_beside_the_kept_slot_is_free_for_all_afterwards(queue: Queue) -> None:
    urgent = [queue.claim(queue.delivery(), URGENT) for _ in range(3)]
    assert all(map(queue.ask, urgent))
    routine = [queue.claim(queue.delivery()) for _ in range(3)]
    assert not any(map(queue.ask, routine))
    for one in urgent:
        queue.give_back(one)
    assert [queue.ask(one) for one in routine] == [True, True, False]


@pytest.mark.parametrize(("slots", "kept", "routine"), [(1, 1, 1), (2, 1, 1), (4, 1, 3), (2, 9, 1), (3, 0, 3)])
def test_one_slot_at_least_is_for_all(parcels: Parcels, slots: int, kept: int, routine: int) -> None:
    queue = Queue(parcels, slots, kept=kept)
    assert sum(queue.ask(queue.claim(queue.delivery())) for _ in range(slots)) == routine


def test_a_node_keeps_one_unless_it_says_otherwise(parcels: Parcels) -> None:
    with parcels.database.begin() as session:
        assert session.get_one(Node, parcels.node_id).urgent_slots == 1


def test_one_routine_delivery_asks_for_no_association_that_is_kept(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port, slots=2, urgent_slots=1)
        assert parcels.send(delivery).accepted == 10
    assert peer.most_at_once == 1


def test_who_is_due_first_goes_first_within_the_lane(parcels: Parcels) -> None:
    queue = Queue(parcels, 1)
    holder = queue.claim(queue.delivery(), URGENT)
    assert queue.ask(holder)
    hours = [timedelta(hours=5), timedelta(hours=1), timedelta(days=3)]
    late, soon, someday = (queue.claim(queue.delivery(), SOON, due=now() + span) for span in hours)
    unsaid = queue.claim(queue.delivery(), SOON)
    waiting = [late, soon, someday, unsaid]
    assert not any(map(queue.ask, waiting))
    queue.give_back(holder)
    for expected in (soon, late, unsaid, someday):
        granted = [one for one in waiting if queue.ask(one)]
        assert granted == [expected]
        queue.give_back(expected)
        waiting.remove(expected)


def test_what_has_waited_counts_a_step_more_urgent(parcels: Parcels) -> None:
    queue = Queue(parcels, 1)
    holder = queue.claim(queue.delivery(), URGENT)
    assert queue.ask(holder)
    old = queue.claim(queue.delivery(), ago=AGES_EVERY)
    soon = queue.claim(queue.delivery(), SOON, due=now() + timedelta(days=3))
    urgent = queue.claim(queue.delivery(), JUST_URGENT)
    waiting = [soon, old, urgent]
    assert not any(map(queue.ask, waiting))
    queue.give_back(holder)
    assert [one for one in waiting if queue.ask(one)] == [urgent], "never before what is urgent"
    queue.give_back(urgent)
    assert [one for one in (soon, old) if queue.ask(one)] == [old]


def test_what_has_waited_for_hours_gets_one_of_the_slots_that_urgent_ones_have(queue: Queue) -> None:
    urgent = [queue.claim(queue.delivery(), JUST_URGENT) for _ in range(3)]
    assert all(map(queue.ask, urgent))
    stroke = queue.claim(queue.delivery(), URGENT)
    old, older = (queue.claim(queue.delivery(), ago=STARVES_AFTER + timedelta(hours=n)) for n in (1, 2))
    more = queue.claim(queue.delivery(), JUST_URGENT)
    waiting = [more, old, older, stroke]
    assert not any(map(queue.ask, waiting))
    queue.give_back(urgent[0])
    assert [one for one in waiting if queue.ask(one)] == [stroke], "the life-critical first"
    queue.give_back(urgent[1])
    assert [one for one in waiting[:3] if queue.ask(one)] == [older]
    assert queue.renew(older), "and it need not give way to the next urgent one"
    queue.give_back(urgent[2])
    assert [one for one in (old, more) if queue.ask(one)] == [more], "one such at a time"
