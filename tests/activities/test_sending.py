"""Sending by ledger: what each image was answered is written, and what must not be sent is not."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError, CancelledError

from activities.deliveries import DeliveryActivities
from activities.line import Line
from models.domain.contracts import Verdict
from models.domain.urgency import Urgency
from models.slots import Claim, ask
from models.tables import Delivery, Instance, now
from tests.activities.misbehaving import (
    Misbehaving,
    aborts_at,
    each,
    loses,
    misbehaving,
    well,
)
from tests.activities.parcels import TEN, Parcels, fails, fault, retry, ten
from tests.eventually import eventually
from tests.ingest.filling import small_ct


def test_all_is_sent_once_and_written(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        report = parcels.send(delivery)
        assert (report.accepted, report.total, report.sentence) == (10, 10, "")
        assert sorted(peer.received) == sorted(TEN)
        assert {(e.status, e.accepted, e.wire_count) for e in parcels.ledger(delivery).values()} == {(0, True, 1)}
        assert parcels.send(delivery).accepted == 10
        assert len(peer.received) == 10, "what is accepted is not sent again"
    assert parcels.slots() == []


def test_statuses_land_in_the_ledger_as_they_are_meant(parcels: Parcels) -> None:
    statuses = dict(
        zip(TEN, (0xA900, 0xC000, 0x0122, 0x0124, 0xB000, 0xB006, 0xB007, 0xFFF0, 0x0000, 0x0111), strict=True)
    )
    delivery = parcels.release(*ten())
    with misbehaving(each(statuses)) as peer:
        parcels.set_node(peer.port)
        report = parcels.send(delivery)
        assert {uid: entry.status for uid, entry in parcels.ledger(delivery).items()} == statuses
        accepted = {uid for uid, entry in parcels.ledger(delivery).items() if entry.accepted}
        assert accepted == {TEN[4], TEN[5], TEN[6], TEN[8], TEN[9]}
        assert (report.accepted, report.total) == (5, 10)
        assert report.sentence == (
            "ZX2_PACS did not take 1: class or transfer syntax not supported (0122); 1: not authorised (0124); "
            "1: data set does not match its class (A900); 1: not understood (C000); 1: unknown answer (FFF0)."
        )
        # The rest is delivered, and what was refused (not understood: twice) is not tried again in this round.
        assert len(peer.received) == 12
        parcels.send(delivery)
        assert len(peer.received) == 12
        peer.answer = well
        retry(parcels, delivery)
        assert parcels.send(delivery).accepted == 10
    assert Counter(peer.received) == {
        uid: 1 if uid in accepted else 3 if statuses[uid] in (0xA900, 0xC000) else 2 for uid in TEN
    }
    assert {uid: entry.wire_count for uid, entry in parcels.ledger(delivery).items()} == Counter(peer.received)


def test_a_node_that_lies_is_found_out_and_gets_the_rest_again(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(loses(3)) as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 10
        comparison = parcels.compare(delivery)
        assert (comparison.verdict, comparison.present, comparison.total) == (Verdict.MISSING, 7, 10)
        parcels.environment.run(DeliveryActivities(parcels.database).forget_answers, delivery)
        retry(parcels, delivery, "found-missing")
        assert parcels.send(delivery).accepted == 10
        assert len(peer.received) == 13
        assert parcels.compare(delivery).verdict is Verdict.CONFIRMED
    assert Counter(entry.wire_count for entry in parcels.ledger(delivery).values()) == {1: 7, 2: 3}


@pytest.mark.parametrize("damage", ["bit", "gone"])
def test_a_damaged_image_is_never_sent_and_keeps_no_other_back(parcels: Parcels, damage: str) -> None:
    delivery = parcels.release(*ten())
    with parcels.database.begin() as session:
        key = session.scalars(select(Instance.key).where(Instance.SOPInstanceUID == TEN[3])).one()
    assert key is not None
    path = parcels.archive.path(key)
    whole = path.read_bytes()
    path.unlink()
    if damage == "bit":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        report = parcels.send(delivery)
        assert (report.accepted, report.total) == (9, 10)
        assert report.sentence.startswith("1 could not be sent: ")
        assert "ask its sender for it again" in report.sentence
        assert TEN[3] not in peer.received
        # Sent again by its source, it repairs the archive, and the delivery can be retried.
        parcels.filling.bring(small_ct(4))
        retry(parcels, delivery)
        assert parcels.send(delivery).sentence == ""
    assert sorted(peer.received) == sorted(TEN)


def test_cut_through_follows_the_parcel_while_it_grows(parcels: Parcels) -> None:
    association = parcels.filling.open()
    parcels.filling.keep(association, small_ct(1))
    parcels.filling.ingest.round()
    delivery = parcels.open(sealed=False)
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        reports: list[Any] = []
        sending = threading.Thread(target=lambda: reports.append(parcels.send(delivery)))
        sending.start()
        for n in range(2, 11):
            parcels.filling.keep(association, small_ct(n))
            parcels.filling.ingest.round()
            eventually(lambda: len(peer.received) == n)  # noqa: B023
        assert not reports, "the parcel is not sealed: more may come"
        parcels.seal(delivery)
        sending.join(30)
    assert (reports[0].accepted, reports[0].total) == (10, 10)
    assert peer.received == TEN


@pytest.mark.parametrize("changed", [{"PatientID": "H7654321"}, {"PatientName": "Testpatient^Other"}])
def test_cut_through_stops_at_the_first_contradiction(parcels: Parcels, changed: dict[str, str]) -> None:
    association = parcels.filling.open()
    parcels.filling.keep(association, *(small_ct(n) for n in range(1, 4)))
    parcels.filling.ingest.round()
    delivery = parcels.open(sealed=False)
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        reports: list[Any] = []
        sending = threading.Thread(target=lambda: reports.append(parcels.send(delivery)))
        sending.start()
        eventually(lambda: len(peer.received) == 3)
        parcels.filling.keep(association, small_ct(4, **changed), small_ct(5))
        parcels.filling.ingest.round()
        sending.join(30)
        assert "3 of 5 are already at ZX2_PACS" in reports[0].sentence
        assert "H7654321" not in reports[0].sentence
        assert "Other" not in reports[0].sentence
        assert peer.received == TEN[:3]
        assert "3 of 5 are already" in parcels.send(delivery).sentence
        assert peer.received == TEN[:3]


def test_a_cancelled_attempt_ends_and_keeps_its_ledger(parcels: Parcels) -> None:
    delivery = parcels.release(*(small_ct(n) for n in range(1, 51)))

    def slowly(peer: Misbehaving, event: Any, n: int) -> int:
        if n == 5:
            parcels.environment.cancel()
        peer.closing.wait(0.05)
        return well(peer, event, n)

    with misbehaving(slowly) as peer:
        parcels.set_node(peer.port)
        with pytest.raises(CancelledError):
            parcels.send(delivery, parallel=2)
        assert 5 <= len(peer.received) < 50
        assert set(parcels.ledger(delivery)) == set(peer.received)
    assert parcels.slots() == []


def test_a_full_node_is_waited_for_and_then_reported(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.line.LONGEST_WAIT_FOR_SLOT", 0.5)
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port, slots=1)
        with parcels.database.begin() as session:
            assert ask(session, Claim(parcels.node_id, "somebody", delivery, Urgency.URGENT.priority, now()))
        with pytest.raises(ApplicationError) as failed:
            parcels.send(delivery)
    assert (failed.value.type, failed.value.non_retryable) == ("NoSlot", False)
    assert peer.received == []
    assert [slot.holder for slot in parcels.slots()] == ["somebody"]


def test_one_free_slot_of_two_is_enough(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further association that gets no slot must not end the attempt of the one that has it."""
    monkeypatch.setattr("activities.line.LONGEST_WAIT_FOR_SLOT", 0.3)
    delivery = parcels.release(*(small_ct(n) for n in range(1, 41)))

    def slowly(peer: Misbehaving, event: Any, n: int) -> int:
        peer.closing.wait(0.05)
        return well(peer, event, n)

    with misbehaving(slowly) as peer:
        parcels.set_node(peer.port, slots=2)
        with parcels.database.begin() as session:
            assert ask(session, Claim(parcels.node_id, "somebody", delivery, Urgency.URGENT.priority, now()))
        assert parcels.send(delivery).accepted == 40
        assert peer.most_at_once == 1


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ({"state": "held"}, "its PACS officer resumes it"),
        ({"state": "down"}, "It is tried again by itself"),
        ({"slots": 0}, "allows no association"),
    ],
)
def test_a_node_that_may_not_be_used_gets_nothing_and_is_waited_for(
    parcels: Parcels, column: dict[str, Any], words: str
) -> None:
    delivery = parcels.release(small_ct())
    with misbehaving() as peer:
        parcels.set_node(peer.port, **column)
        assert parcels.send(delivery).node_away
        assert peer.received == []
    assert words in fault(parcels, delivery)
    with parcels.database.begin() as session:
        row = session.get_one(Delivery, delivery)
        assert row.waiting_since == row.fault_at is not None


def test_an_attempt_that_fails_otherwise_waits_for_no_word(parcels: Parcels) -> None:
    delivery = parcels.release(small_ct())
    with misbehaving(aborts_at(1)) as peer:
        parcels.set_node(peer.port, state="down")
        parcels.send(delivery)
        parcels.set_node(peer.port, state="up")
        fails(parcels, delivery, "PeerUnreachable")
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, delivery).waiting_since is None


def test_a_parcel_that_nobody_released_is_not_sent(parcels: Parcels) -> None:
    delivery = parcels.release(small_ct())
    with parcels.database.begin() as session:
        session.get_one(Delivery, delivery).released_at = None
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert "release it from the worklist" in fails(parcels, delivery, "Permanent", for_good=True)
        assert peer.received == []


def test_an_association_that_does_not_close_holds_nothing_up(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All is answered and written: how the association ends is nobody's business any more."""
    over = threading.Event()

    class Stuck(Line):
        def run(self) -> None:
            super().run()
            over.wait(60)

    monkeypatch.setattr("activities.sending.Line", Stuck)
    monkeypatch.setattr("activities.sending.CLOSING", 0.2)
    delivery = parcels.release(*ten())
    try:
        with misbehaving() as peer:
            parcels.set_node(peer.port)
            report = parcels.send(delivery)
    finally:
        over.set()
    assert (report.accepted, report.total, report.sentence) == (10, 10, "")
    assert "an association does not close, at:" in caplog.text
    assert "over.wait(60)" in caplog.text
