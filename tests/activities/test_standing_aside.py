"""Bulk stands aside while something life-critical is on its way to the same Institution, and goes on afterwards."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from activities import sending
from models.domain.contracts import SendReport
from models.domain.urgency import Urgency
from models.references import new_reference
from models.slot_queue import STARVES_AFTER
from models.standing_aside import AT_MOST, must_stand_aside
from models.tables import Transaction, now
from tests.activities.misbehaving import Misbehaving, misbehaving, well
from tests.activities.parcels import Parcels, ten
from tests.eventually import eventually

JUST_NOW = timedelta()


def place(parcels: Parcels, **different: Any) -> None:
    """A life-critical transfer to the Institution of the Node, just placed."""
    at = now()
    facts: dict[str, Any] = {
        "institution_id": "ZX1",
        "destination_id": "ZX2",
        "urgency": "life-critical",
        "lifecycle": "transfer",
        "state": "placed",
        "state_since": at,
    }
    with parcels.database.begin() as session:
        session.add(Transaction(reference=new_reference(), kind="transfer", opened_at=at, **facts | different))


def arrives(parcels: Parcels) -> None:
    with parcels.database.begin() as session:
        critical = Transaction.urgency == "life-critical"
        session.execute(update(Transaction).where(critical).values(state="fulfilled", state_since=now()))


def stands_aside(parcels: Parcels, released: timedelta = JUST_NOW) -> bool:
    with parcels.database.begin() as session:
        return must_stand_aside(session, parcels.node_id, now() - released, now())


@pytest.mark.parametrize(
    "comes",
    [
        {},
        {"state": "retrieving"},
        {"lifecycle": "arrival", "state": "receiving"},
        {"lifecycle": "delivery", "state": "sending"},
    ],
    ids=lambda comes: comes.get("state", "placed"),
)
def test_what_is_life_critical_has_the_way_to_itself(parcels: Parcels, comes: dict[str, str]) -> None:
    place(parcels, **comes)
    assert stands_aside(parcels)


@pytest.mark.parametrize(
    "other",
    [
        {"urgency": "urgent"},
        {"destination_id": "ZX1"},
        {"state": "needs-attention"},
        {"state": "fulfilled"},
        {"lifecycle": "delivery", "state": "on-worklist"},
        {"state_since": now() - AT_MOST},
    ],
    ids=["less urgent", "another way", "waits for a person", "is there", "waits on a worklist", "stands still"],
)
def test_for_nothing_else(parcels: Parcels, other: dict[str, Any]) -> None:
    place(parcels, **other)
    assert not stands_aside(parcels)


def test_what_has_waited_for_hours_stands_aside_no_longer(parcels: Parcels) -> None:
    place(parcels)
    assert not stands_aside(parcels, released=STARVES_AFTER)


class Sent(threading.Thread):
    """An attempt beside the test."""

    def __init__(self, parcels: Parcels, delivery: str) -> None:
        super().__init__(daemon=True)
        self.parcels, self.delivery, self.report = parcels, delivery, SendReport(0, 0)

    def run(self) -> None:
        self.report = self.parcels.send(self.delivery, parallel=1, urgency=Urgency.BULK)

    def is_through(self) -> bool:
        self.join(60)
        return not self.is_alive() and self.report.accepted == 10


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when an attempt has learned that it is to stand aside."""
    heard = threading.Event()

    def asked(*arguments: Any) -> bool:
        must = must_stand_aside(*arguments)
        if must:
            heard.set()
        return must

    monkeypatch.setattr(sending, "must_stand_aside", asked)
    return heard


def test_in_mid_study_it_leaves_its_slot_and_goes_on_afterwards(parcels: Parcels, told: threading.Event) -> None:
    delivery = parcels.release(*ten())

    def answer(peer: Misbehaving, event: Any, n: int) -> int:
        if n == 3:
            place(parcels)
            assert told.wait(60)
        return well(peer, event, n)

    with misbehaving(answer) as peer:
        parcels.set_node(peer.port)
        attempt = Sent(parcels, delivery)
        attempt.start()
        assert told.wait(60)
        eventually(lambda: parcels.slots() == [])
        before = len(peer.received)
        assert 3 <= before < 10, "not cut off amid an image, and none begun"
        arrives(parcels)
        assert attempt.is_through()
    assert len(peer.received) == 10, "none twice"


def test_none_begins(parcels: Parcels, told: threading.Event) -> None:
    place(parcels)
    with misbehaving() as peer:
        delivery = parcels.release(*ten())
        parcels.set_node(peer.port)
        attempt = Sent(parcels, delivery)
        attempt.start()
        assert told.wait(60)
        assert parcels.slots() == []
        assert peer.received == []
        arrives(parcels)
        assert attempt.is_through()


@pytest.mark.parametrize("urgency", [Urgency.LIFE_CRITICAL, Urgency.ROUTINE])
def test_others_go_on(parcels: Parcels, urgency: Urgency) -> None:
    place(parcels)
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery, urgency=urgency).accepted == 10
