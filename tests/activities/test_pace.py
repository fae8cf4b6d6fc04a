"""A Node's pace: the turns of the urgent are never behind those of others, and the rate holds for all together."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from models import pace
from models.pace import Turn
from models.slots import Claim
from models.tables import Node
from tests.activities.parcels import Parcels
from tests.activities.test_slots import ROUTINE, URGENT, Queue

SLOW = 0.01
"""Images a second: a turn lasts longer than any test."""


@pytest.fixture
def queue(parcels: Parcels) -> Queue:
    made = Queue(parcels, 4)
    parcels.set_node(1, rate=SLOW, slots=4)
    return made


def holder(queue: Queue, priority: int, ago: timedelta = timedelta()) -> Claim:
    claim = queue.claim(queue.delivery(), priority, ago=ago)
    assert queue.ask(claim)
    return claim


def turn(queue: Queue, claim: Claim) -> Turn:
    with queue.parcels.database.begin() as session:
        return pace.next_turn(session, claim)


def paced_until(queue: Queue) -> datetime | None:
    with queue.parcels.database.begin() as session:
        return session.get_one(Node, queue.parcels.node_id).paced_until


def test_among_equals_turns_are_taken_in_advance(queue: Queue) -> None:
    first, second = holder(queue, ROUTINE), holder(queue, ROUTINE)
    assert turn(queue, first) == Turn(0.0)
    later = turn(queue, second)
    assert later.taken
    assert later.seconds > 0


def test_beside_the_urgent_others_take_only_what_is_free_at_once(queue: Queue) -> None:
    bulk, urgent = holder(queue, ROUTINE), holder(queue, URGENT)
    assert turn(queue, bulk) == Turn(0.0)
    taken = paced_until(queue)
    assert not turn(queue, bulk).taken
    assert paced_until(queue) == taken
    assert turn(queue, urgent).taken
    assert turn(queue, urgent).seconds > 1 / SLOW


def test_who_has_waited_long_takes_a_turn_in_advance(queue: Queue) -> None:
    bulk, urgent = holder(queue, ROUTINE), holder(queue, URGENT)
    assert turn(queue, urgent).taken
    with queue.parcels.database.begin() as session:
        assert pace.next_turn(session, bulk, in_advance=True).taken


def test_once_the_urgent_have_left_turns_are_taken_in_advance_again(queue: Queue) -> None:
    bulk, urgent = holder(queue, ROUTINE), holder(queue, URGENT)
    assert turn(queue, urgent).taken
    queue.give_back(urgent)
    assert turn(queue, bulk).taken


def test_what_has_starved_counts_among_the_urgent(queue: Queue) -> None:
    old, urgent = holder(queue, ROUTINE, ago=timedelta(hours=3)), holder(queue, URGENT + 1)
    assert turn(queue, urgent).taken
    assert turn(queue, old).taken


def test_without_a_rate_nobody_waits(queue: Queue) -> None:
    queue.parcels.set_node(1, rate=0.0, slots=4)
    bulk, _ = holder(queue, ROUTINE), holder(queue, URGENT)
    assert [turn(queue, bulk), turn(queue, bulk)] == [Turn(0.0)] * 2
    assert paced_until(queue) is None
