"""The announcer tells each generation once, soon, not too often, and goes on whatever the engine says."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from dicom_edge.announce import LONGEST_SPACING, Announcer
from models.domain.contracts import StudyGrew
from models.domain.errors import NotFound, PeerUnreachable
from models.tables import Arrival, now
from tests.eventually import eventually
from tests.ingest.filling import Filling, small_ct
from tests.ingest.key_objects import key_objects


class Engine:
    """Remembers what it was told; `away` makes it fail."""

    def __init__(self) -> None:
        self.told: list[tuple[str, StudyGrew]] = []
        self.away: Exception | None = None
        self.failed = 0

    def announce(self, arrival_id: str, grew: StudyGrew) -> None:
        if self.away is not None:
            self.failed += 1
            raise self.away
        self.told.append((arrival_id, grew))


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def announcer(filling: Filling, engine: Engine) -> Announcer:
    return Announcer(filling.database, engine.announce)


def age(filling: Filling, *, opened: float, announced: float) -> None:
    with filling.database.begin() as session:
        arrival = session.scalars(select(Arrival)).one()
        arrival.opened_at = now() - timedelta(seconds=opened)
        arrival.announced_at = now() - timedelta(seconds=announced)


def test_the_first_image_is_announced_at_once_and_only_once(
    filling: Filling, announcer: Announcer, engine: Engine
) -> None:
    filling.keep(filling.open(), small_ct(1))
    filling.ingest.round()
    assert announcer.round() == 1
    assert announcer.round() == 0
    ((arrival_id, grew),) = engine.told
    assert grew == StudyGrew(1, 1)
    with filling.database.begin() as session:
        assert session.get_one(Arrival, arrival_id).announced_generation == 1


def test_the_end_of_a_push_is_announced_later_the_longer_it_lasted(
    filling: Filling, announcer: Announcer, engine: Engine
) -> None:
    for n in (1, 2):
        filling.bring(small_ct(n))
        announcer.round()
        age(filling, opened=20, announced=4)
    assert [grew.count for _, grew in engine.told] == [1]
    age(filling, opened=20, announced=6)
    announcer.round()
    assert [grew.count for _, grew in engine.told] == [1, 2]


def test_images_amid_many_are_not_announced_the_end_is(filling: Filling, announcer: Announcer, engine: Engine) -> None:
    association = filling.open()
    for n in range(1, 6):
        filling.keep(association, small_ct(n))
        filling.ingest.round()
        announcer.round()
        age(filling, opened=20, announced=6)
    assert [grew.count for _, grew in engine.told] == [1]
    filling.close(association)
    filling.ingest.round()
    age(filling, opened=20, announced=6)
    announcer.round()
    assert [grew.count for _, grew in engine.told] == [1, 5]


def test_the_last_that_the_sender_lists_is_announced_while_it_is_connected(
    filling: Filling, announcer: Announcer, engine: Engine
) -> None:
    association = filling.open()
    first, *others = images = [small_ct(n) for n in (1, 2, 3)]
    for one in (first, key_objects(*(image.SOPInstanceUID for image in images)), *others):
        filling.keep(association, one)
        filling.ingest.round()
        announcer.round()
        age(filling, opened=20, announced=6)
    assert [grew.count for _, grew in engine.told] == [1, 2, 4]


def test_even_an_old_arrival_is_announced_soon(filling: Filling, announcer: Announcer, engine: Engine) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ingest.round()
    announcer.round()
    filling.close(association)
    filling.ingest.round()
    age(filling, opened=86_400, announced=LONGEST_SPACING.total_seconds() + 1)
    assert announcer.round() == 1


@pytest.mark.parametrize(
    "fault",
    [NotFound("That has ended already."), PeerUnreachable("The engine is not answering."), RuntimeError("never seen")],
)
def test_whatever_the_engine_says_it_is_told_again(
    filling: Filling, announcer: Announcer, engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr("dicom_edge.announce.COME_BACK", 0.05)
    filling.keep(filling.open(), small_ct(1))
    filling.ingest.round()
    engine.away = fault
    stop = threading.Event()
    running = threading.Thread(target=announcer.run, args=(stop,))
    running.start()
    try:
        eventually(lambda: engine.failed > 2)
        engine.away = None
        eventually(lambda: engine.told)
    finally:
        stop.set()
        running.join()
    assert [grew for _, grew in engine.told] == [StudyGrew(1, 1)]


def test_an_arrival_that_always_fails_keeps_no_other_waiting(filling: Filling, engine: Engine) -> None:
    for n in range(1, 6):
        filling.bring(small_ct(n, StudyInstanceUID=f"2.25.{n}"))
    with filling.database.begin() as session:
        arrivals = list(session.scalars(select(Arrival.id).order_by(Arrival.opened_at)))
    bad = set(arrivals[:3])

    def announce(arrival_id: str, grew: StudyGrew) -> None:
        if arrival_id in bad:
            raise NotFound("That has ended already.")
        engine.announce(arrival_id, grew)

    announcer = Announcer(filling.database, announce)
    for _ in range(2):
        with pytest.raises(NotFound):
            announcer.round()
    assert {arrival for arrival, _ in engine.told} == set(arrivals) - bad
