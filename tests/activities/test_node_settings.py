"""What a Node's settings do at the next attempt: gentle drain, pace, hours for what can wait, marks, back-off."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pynetdicom.association import Association
from temporalio.exceptions import ApplicationError

from activities.line import Line
from activities.readiness import again_after
from models import waiting
from models.domain.bulk_window import BulkWindow
from models.domain.urgency import Urgency
from models.tables import Delivery, Node, now
from tests.activities.misbehaving import Misbehaving, misbehaving, well
from tests.activities.parcels import Parcels, fault, ten
from tests.ingest.filling import next_study, small_ct


def when(number: int, does: Callable[[], None]) -> Callable[[Misbehaving, Any, int], int]:
    """Slow at each image; `does` something while the `number`th is under way."""

    def answer(peer: Misbehaving, event: Any, n: int) -> int:
        if n == number:
            does()
        peer.closing.wait(0.15)
        return well(peer, event, n)

    return answer


@pytest.mark.parametrize("column", [{"state": "held"}, {"state": "in-downtime"}, {"slots": 0}])
def test_a_hold_lets_what_is_under_way_finish_and_then_nothing_more_goes(
    parcels: Parcels, column: dict[str, Any]
) -> None:
    delivery = parcels.release(*(small_ct(n) for n in range(1, 81)))
    with misbehaving() as peer:
        peer.answer = when(6, lambda: parcels.set_node(peer.port, **column))
        parcels.set_node(peer.port, slots=4)
        assert parcels.send(delivery).node_away
        assert 6 <= len(peer.received) < 80
        # Each that was begun was answered, kept and written; every association was released.
        assert set(peer.received) == set(peer.kept) == {u for u, e in parcels.ledger(delivery).items() if e.accepted}
        assert (peer.aborted, peer.released > 0) == (0, True)
        sent = len(peer.received)
        assert parcels.send(delivery).node_away
        assert len(peer.received) == sent
        parcels.set_node(peer.port, state="up", slots=4)
        assert parcels.send(delivery).accepted == 80
        assert len(peer.received) == 80, "nothing is sent twice"
    assert parcels.slots() == []


def test_the_end_of_a_planned_downtime_is_reported(parcels: Parcels) -> None:
    delivery, until = parcels.release(small_ct()), now() + timedelta(hours=1)
    parcels.set_node(1, state="in-downtime", planned_until=until)
    report = parcels.send(delivery)
    assert (report.node_away, report.planned_until) == (True, until.isoformat())
    assert "down for planned work; it goes on by itself afterwards" in fault(parcels, delivery)


def test_images_go_at_the_pace_that_the_node_wants(parcels: Parcels) -> None:
    """Turns are kept over several associations; that it goes no faster needs no clock that is fast."""
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port, rate=20.0)
        began = time.monotonic()
        assert parcels.send(delivery, parallel=3).accepted == 10
        assert time.monotonic() - began >= 9 / 20
    with parcels.database.begin() as session:
        assert session.get_one(Node, parcels.node_id).paced_until is not None


def test_without_a_rate_no_turn_is_taken(parcels: Parcels) -> None:
    delivery = parcels.release(small_ct())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
    with parcels.database.begin() as session:
        assert session.get_one(Node, parcels.node_id).paced_until is None


def test_who_must_go_on_meanwhile_does_not_sleep_out_its_turn(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        peer.answer = when(1, lambda: parcels.set_node(peer.port, state="held"))
        parcels.set_node(peer.port, rate=0.001)
        assert parcels.send(delivery, parallel=1).node_away
        assert len(peer.received) == 1


def test_bulk_waits_for_its_hours_and_nothing_else_does(parcels: Parcels) -> None:
    bulk = parcels.release(*ten())
    # Opens in two hours and closes three hours before now: it is shut at present, whatever the time is.
    local = now().astimezone(ZoneInfo("Europe/London"))
    shut = f"{local + timedelta(hours=2):%H:%M}-{local - timedelta(hours=3):%H:%M}"
    with misbehaving() as peer:
        parcels.set_node(peer.port, bulk_window=shut)
        assert parcels.send(bulk, urgency=Urgency.BULK).node_away
        assert peer.received == []
        assert "takes bulk from" in fault(parcels, bulk)
        with parcels.database.begin() as session:
            row = session.get_one(Delivery, bulk)
            assert row.waiting_until is not None
            assert timedelta() < row.waiting_until - now() <= timedelta(hours=2)
            # The relay does not wake it before.
            assert waiting.may_go_on(session, 5) == []
            row.waiting_until = now()
            assert [one.delivery_id for one in waiting.may_go_on(session, 5)] == [bulk]
        assert parcels.send(bulk, urgency=Urgency.ROUTINE).accepted == 10
        parcels.set_node(peer.port, bulk_window="")
        assert parcels.send(bulk, urgency=Urgency.BULK).accepted == 10


@pytest.mark.parametrize(
    ("window", "at", "is_open", "opens"),
    [
        ("19:00-07:00", "2026-11-24 18:59", False, "2026-11-24 19:00"),
        ("19:00-07:00", "2026-11-24 19:00", True, "2026-11-25 19:00"),
        ("19:00-07:00", "2026-11-24 06:59", True, "2026-11-24 19:00"),
        ("19:00-07:00", "2026-11-24 07:00", False, "2026-11-24 19:00"),
        ("09:00-17:00", "2026-11-24 12:00", True, "2026-11-25 09:00"),
        ("09:00-17:00", "2026-11-24 17:00", False, "2026-11-25 09:00"),
    ],
)
def test_hours_over_midnight_and_within_a_day(window: str, at: str, is_open: bool, opens: str) -> None:
    hours = BulkWindow.of(window)
    assert hours is not None
    assert hours.is_open(datetime.fromisoformat(at)) is is_open
    assert hours.next_opening(datetime.fromisoformat(at)) == datetime.fromisoformat(opens)


@pytest.mark.parametrize("words", ["19-7", "25:00-07:00", "19:00-19:00", "19:00 - 07:00", "night"])
def test_hours_that_are_none(words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BulkWindow.of(words)


@pytest.mark.parametrize(("urgency", "dscp"), [(Urgency.URGENT, 46), (Urgency.ROUTINE, 10)])
def test_packets_of_each_lane_carry_its_mark(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch, urgency: Urgency, dscp: int
) -> None:
    marks: list[int] = []
    store = Line._store

    def looking(line: Line, assoc: Association, image: Any, syntax: str) -> int:
        marks.append(assoc.dul.socket.socket.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) >> 2)
        return store(line, assoc, image, syntax)

    monkeypatch.setattr(Line, "_store", looking)
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery, urgency=urgency)
        assert marks == [0] * 10
        parcels.set_node(peer.port, dscp_urgent=46, dscp_bulk=10)
        another = small_ct(StudyInstanceUID=next_study(), SOPInstanceUID=next_study())
        assert parcels.send(parcels.release(another), urgency=urgency).accepted == 1
    assert set(marks[10:]) == {dscp}


def test_a_node_has_a_back_off_of_its_own(parcels: Parcels) -> None:
    delivery = parcels.release(small_ct())
    with misbehaving(lambda peer, event, n: 0xA700) as peer:
        for back_off, expected in ((0.0, None), (0.5, timedelta(seconds=0.5))):
            parcels.set_node(peer.port, back_off=back_off)
            with pytest.raises(ApplicationError) as failed:
                parcels.send(delivery)
            assert (failed.value.type, failed.value.next_retry_delay) == ("PeerBusy", expected)


def test_the_back_off_doubles_up_to_what_the_node_says() -> None:
    node = Node(back_off=300.0)
    waits = [again_after(node, attempt) for attempt in (1, 2, 3, 9, 10, 1000)]
    assert [wait.total_seconds() for wait in waits if wait] == [1, 2, 4, 256, 300, 300]


def test_what_the_node_took_last_is_known(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(lambda peer, event, n: 0xA900) as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        with parcels.database.begin() as session:
            assert session.get_one(Node, parcels.node_id).last_store_at is None, "a refusal is no good store"
        peer.answer = well
        parcels.send(parcels.release(small_ct(77)))
    latest = max(entry.answered_at for entry in parcels.ledger(delivery).values())
    with parcels.database.begin() as session:
        stored = session.get_one(Node, parcels.node_id).last_store_at
        assert stored is not None
        assert stored >= latest
