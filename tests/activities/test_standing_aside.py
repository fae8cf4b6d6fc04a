"""Bulk stands aside while something life-critical is on its way to the same Institution, and goes on afterwards."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from activities import sending
from activities.asides import AT_MOST, Aside
from models.domain.contracts import SendReport
from models.domain.urgency import Urgency
from models.references import new_reference
from models.standing_aside import MOVES_WITHIN, something_comes
from models.tables import Transaction, now
from tests.activities.misbehaving import Misbehaving, misbehaving, well
from tests.activities.parcels import Parcels, fails, fault, ten
from tests.eventually import eventually


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


def comes(parcels: Parcels) -> bool:
    with parcels.database.begin() as session:
        return something_comes(session, parcels.node_id, now())


@pytest.mark.parametrize(
    "other",
    [{}, {"state": "retrieving"}, {"lifecycle": "delivery", "state": "sending"}],
    ids=lambda other: other.get("state", "placed"),
)
def test_what_is_life_critical_has_the_way_to_itself(parcels: Parcels, other: dict[str, str]) -> None:
    place(parcels, **other)
    assert comes(parcels)


@pytest.mark.parametrize(
    "other",
    [
        {"urgency": "urgent"},
        {"destination_id": "ZX1"},
        {"state": "needs-attention"},
        {"state": "fulfilled"},
        {"lifecycle": "delivery", "state": "on-worklist"},
        {"state_since": now() - MOVES_WITHIN},
    ],
    ids=["less urgent", "another way", "waits for a person", "is there", "waits on a worklist", "stands still"],
)
def test_for_nothing_else(parcels: Parcels, other: dict[str, Any]) -> None:
    place(parcels, **other)
    assert not comes(parcels)


def test_it_never_stands_aside_for_more_than_half_of_the_time() -> None:
    aside, stood = Aside(), 0
    for second in range(3600):
        stood += aside.look(True, float(second))
        if second + 1 == AT_MOST:
            assert stood == AT_MOST, "all of it at first"
    assert stood <= 1800 + AT_MOST
    assert not aside.look(False, 3600.0)


def test_one_after_the_other_have_the_way_to_themselves() -> None:
    aside = Aside()
    looks = [aside.look(second % 10 != 0, float(second)) for second in range(100)]
    assert sum(looks) == 90


def test_when_there_was_no_bulk_none_stood_aside() -> None:
    aside = Aside()
    assert aside.look(True, 0.0)
    assert aside.look(True, 2 * AT_MOST)


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


class Told(threading.Event):
    """Set when an attempt has learned that it is to stand aside; `times` says how often."""

    times = 0

    def asked(self, session: Session, node_id: str, at: datetime) -> bool:
        must = something_comes(session, node_id, at)
        if must:
            self.times += 1
            self.set()
        return must


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    heard = Told()
    monkeypatch.setattr(sending, "something_comes", heard.asked)
    return heard


def test_in_mid_study_it_leaves_its_slot_and_goes_on_afterwards(parcels: Parcels, told: Told) -> None:
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


def test_none_begins(parcels: Parcels, told: Told) -> None:
    place(parcels)
    with misbehaving() as peer:
        delivery = parcels.release(*ten())
        parcels.set_node(peer.port)
        attempt = Sent(parcels, delivery)
        attempt.start()
        eventually(lambda: told.times > 2)
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


def test_what_has_not_begun_leaves_its_thread_to_others(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LONGEST_WAIT_FOR_SLOT", 0.0)
    place(parcels)
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        said = fails(parcels, delivery, "NoSlot", urgency=Urgency.BULK)
        assert said == "Something life-critical goes to ZX2_PACS first."
        assert "It is tried again by itself; nobody needs to act." in fault(parcels, delivery)
        assert peer.received == []
        arrives(parcels)
        assert parcels.send(delivery, urgency=Urgency.BULK).accepted == 10
