"""Slots: exact, fair, urgent first, and free again when their holder is gone."""

from __future__ import annotations

import random
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from models import slots
from models.domain.urgency import Urgency
from models.slots import Claim
from models.tables import Instance, LedgerEntry, Node, Slot, now
from tests.activities.parcels import Parcels
from tests.ingest.filling import next_study, small_ct

AT_ONCE = timedelta()
URGENT, ROUTINE = Urgency.LIFE_CRITICAL.priority, Urgency.ROUTINE.priority


class Queue:
    """Deliveries that want slots at one Node, of which `kept` are for urgent ones alone."""

    def __init__(self, parcels: Parcels, allowed: int, kept: int = 0) -> None:
        self.parcels = parcels
        parcels.set_node(1, slots=allowed, urgent_slots=kept)

    def delivery(self) -> str:
        return self.parcels.release(small_ct(1, StudyInstanceUID=next_study(), SOPInstanceUID=next_study()))

    def claim(self, delivery_id: str, priority: int = ROUTINE, *, ago: timedelta = AT_ONCE, **more: Any) -> Claim:
        return Claim(self.parcels.node_id, uuid.uuid4().hex, delivery_id, priority, now() - ago, **more)

    def ask(self, claim: Claim) -> bool:
        with self.parcels.database.begin() as session:
            return slots.ask(session, claim).granted

    def renew(self, claim: Claim) -> bool:
        with self.parcels.database.begin() as session:
            return slots.renew(session, claim)

    def give_back(self, claim: Claim) -> None:
        with self.parcels.database.begin() as session:
            slots.give_back(session, claim)

    def expire(self, claim: Claim) -> None:
        with self.parcels.database.begin() as session:
            gone = now() - timedelta(seconds=1)
            session.execute(update(Slot).where(Slot.holder == claim.holder).values(until=gone))


@pytest.fixture
def two(parcels: Parcels) -> Queue:
    return Queue(parcels, 2)


def test_no_more_than_the_node_allows(two: Queue) -> None:
    claims = [two.claim(two.delivery()) for _ in range(3)]
    assert [two.ask(claim) for claim in claims] == [True, True, False]
    assert two.ask(claims[0]), "who holds one has it still"
    two.give_back(claims[1])
    assert two.ask(claims[2])


def test_who_asked_first_comes_first(two: Queue) -> None:
    holder = two.claim(two.delivery()), two.claim(two.delivery())
    assert all(map(two.ask, holder))
    first, second = two.claim(two.delivery()), two.claim(two.delivery())
    assert not two.ask(first)
    assert not two.ask(second)
    two.give_back(holder[0])
    assert not two.ask(second)
    assert two.ask(first)


def test_a_waiter_that_begins_anew_keeps_its_place(two: Queue) -> None:
    holders = two.claim(two.delivery()), two.claim(two.delivery())
    assert all(map(two.ask, holders))
    delivery = two.delivery()
    first, second = two.claim(delivery), two.claim(two.delivery())
    assert not two.ask(first)
    assert not two.ask(second)
    # Its attempt ends without a slot; the next one asks anew.
    two.give_back(first)
    anew = replace(first, holder=uuid.uuid4().hex)
    assert not two.ask(anew)
    two.give_back(holders[0])
    assert not two.ask(second)
    assert two.ask(anew)


def test_the_urgent_go_before_those_who_asked_earlier(two: Queue) -> None:
    holders = two.claim(two.delivery()), two.claim(two.delivery())
    assert all(map(two.ask, holders))
    routine, urgent = two.claim(two.delivery()), two.claim(two.delivery(), URGENT)
    assert not two.ask(routine)
    assert not two.ask(urgent)
    two.give_back(holders[0])
    assert not two.ask(routine)
    assert two.ask(urgent)


def test_nobody_takes_a_second_while_another_has_none(two: Queue) -> None:
    one, other = two.delivery(), two.delivery()
    full = two.claim(two.delivery()), two.claim(one)
    assert all(map(two.ask, full))
    second_of_one, first_of_other = two.claim(one), two.claim(other)
    assert not two.ask(second_of_one)
    assert not two.ask(first_of_other)
    two.give_back(full[0])
    assert not two.ask(second_of_one)
    assert two.ask(first_of_other)


def test_a_spare_slot_is_given_up_for_a_delivery_that_has_none(parcels: Parcels) -> None:
    queue = Queue(parcels, 3)
    greedy = queue.delivery()
    held = [queue.claim(greedy) for _ in range(3)]
    assert all(map(queue.ask, held))
    assert all(map(queue.renew, held)), "nobody waits"
    poor = queue.claim(queue.delivery())
    assert not queue.ask(poor)
    # One gives way, not all three, however often and in whatever order they look.
    assert sorted(map(queue.renew, held)) == sorted(map(queue.renew, reversed(held))) == [False, True, True]
    for claim in held:
        if not queue.renew(claim):
            queue.give_back(claim)
            break
    assert queue.ask(poor)
    assert sum(map(queue.renew, held)) == 2
    assert queue.renew(poor)


def test_the_last_slot_is_given_up_for_the_more_urgent_only(parcels: Parcels) -> None:
    queue = Queue(parcels, 1)
    holder = queue.claim(queue.delivery())
    assert queue.ask(holder)
    assert not queue.ask(queue.claim(queue.delivery()))
    assert queue.renew(holder)
    urgent = queue.claim(queue.delivery(), URGENT)
    assert not queue.ask(urgent)
    assert not queue.renew(holder)
    queue.give_back(holder)
    assert queue.ask(urgent)


def test_an_urgent_delivery_gives_nothing_up_for_a_routine_one(parcels: Parcels) -> None:
    queue = Queue(parcels, 2)
    stroke = queue.delivery()
    held = [queue.claim(stroke, URGENT) for _ in range(2)]
    assert all(map(queue.ask, held))
    assert not queue.ask(queue.claim(queue.delivery()))
    assert all(map(queue.renew, held))


def test_an_expired_lease_is_free_and_its_holder_learns_it(two: Queue) -> None:
    dead, alive, waiter = (two.claim(two.delivery()) for _ in range(3))
    assert two.ask(dead)
    assert two.ask(alive)
    assert not two.ask(waiter)
    two.expire(dead)
    assert two.ask(waiter)
    assert not two.renew(dead)
    assert two.renew(alive)


def test_a_waiter_that_asks_no_more_keeps_nobody_waiting(two: Queue) -> None:
    holders = two.claim(two.delivery()), two.claim(two.delivery())
    assert all(map(two.ask, holders))
    dead, alive = two.claim(two.delivery(), URGENT), two.claim(two.delivery())
    assert not two.ask(dead)
    assert not two.ask(alive)
    two.give_back(holders[0])
    assert not two.ask(alive)
    two.expire(dead)
    assert two.ask(alive)


def test_a_node_held_at_no_slots_grants_none(two: Queue) -> None:
    two.parcels.set_node(1, slots=0)
    assert not two.ask(two.claim(two.delivery()))


def test_eight_at_once_never_hold_more_than_there_are(parcels: Parcels) -> None:
    queue = Queue(parcels, 3)
    deliveries = [queue.delivery() for _ in range(4)]
    highest: list[int] = []
    granted = [0] * 8
    failures: list[BaseException] = []

    def live(number: int) -> None:
        chance = random.Random(number)
        try:
            while granted[number] < 4:
                claim = queue.claim(deliveries[number % 4], chance.choice([URGENT, ROUTINE]))
                while not queue.ask(claim):
                    threading.Event().wait(0.01)
                with parcels.database.begin() as session:
                    taken = select(func.count()).select_from(Slot).where(Slot.granted, Slot.until > now())
                    highest.append(session.scalar(taken) or 0)
                queue.renew(claim)
                queue.give_back(claim)
                granted[number] += 1
        except BaseException as failure:
            failures.append(failure)
            raise

    living = [threading.Thread(target=live, args=(number,)) for number in range(8)]
    for thread in living:
        thread.start()
    for thread in living:
        thread.join(60)
    assert not failures
    assert granted == [4] * 8
    assert 1 <= max(highest) <= 3
    with parcels.database.begin() as session:
        assert session.scalars(select(Slot)).all() == []
        assert session.get_one(Node, parcels.node_id).slots == 3


def test_a_grant_under_way_keeps_nothing_else_of_the_node_waiting(two: Queue) -> None:
    claim = two.claim(two.delivery())
    noted = {"delivery_id": claim.delivery_id, "node_id": claim.node_id, "status": 0, "accepted": True}
    with two.parcels.database.begin() as session, two.parcels.database.begin() as other:
        assert slots.ask(session, claim).granted
        other.execute(text("SET LOCAL lock_timeout = '2s'"))
        instance_id = other.scalars(select(Instance.id)).first()
        other.add(LedgerEntry(instance_id=instance_id, answered_at=now(), **noted))
        other.flush()
