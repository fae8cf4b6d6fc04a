"""Fetching by C-GET: what comes on our own association is kept by the edge, or is asked for again."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from pydicom import Dataset
from sqlalchemy import func, select
from temporalio.exceptions import ApplicationError, CancelledError

from activities import handing_on
from activities.getting import CLASSES_AT_ONCE
from models.tables import ArrivalInstance, Association
from tests.activities.fetching import images
from tests.activities.getting import Getting
from tests.activities.source_pacs import Interrupted, source_pacs
from tests.eventually import eventually
from tests.ingest.filling import small_ct

# pynetdicom leaves the sockets of connections that were refused or broken to be closed when they are collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OTHERS = tuple(f"1.2.840.10008.5.1.4.1.1.{arc}" for arc in ("4", "7", "128", "20", "1.1", "1", "6.1"))


def test_three_of_180_are_left_out_and_only_those_are_asked_for(getting: Getting) -> None:
    def drops_three(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        return (wanted[3:], 0x0000) if n == 1 else (wanted, 0x0000)

    getting.start_edge()
    with source_pacs(images(180, 3), 0, drops_three) as pacs:
        transfer_id = getting.listed(pacs.port)
        first = getting.retrieve(transfer_id)
        assert (first.here, first.total, first.complete) == (177, 180, False)
        assert first.sentence == "177 of 180 came from ZX1_PACS; for 3 it answers 0000 (all were sent)."
        assert getting.retrieve(transfer_id).complete
    assert pacs.asked == [("STUDY", 180), *[("IMAGE", 1)] * 3]
    (arrival,) = getting.arrivals()
    assert (arrival.calling_ae_title, arrival.called_ae_title) == ("ZX1_PACS", "IEP")
    assert arrival.node_id == getting.filling.registry.nodes["ZX1_PACS"]
    assert getting.seal(arrival).basis == "180 of 180, by ZX1_PACS's own list."
    assert getting.route(arrival).reason is None
    assert getting.archived() == pacs.on_the_wire, "byte for byte"


def test_what_was_got_is_known_to_have_been_asked_for(getting: Getting) -> None:
    getting.start_edge()
    with source_pacs(images(), 0) as pacs:
        assert getting.retrieve(getting.listed(pacs.port)).complete
    with getting.filling.database.begin() as session:
        assert session.scalars(select(ArrivalInstance.fetched)).all() == [True] * 6


def test_success_with_nothing_at_all(getting: Getting) -> None:
    getting.start_edge()
    with source_pacs(images(), 0, lambda n, level, wanted: ([], 0x0000)) as pacs:
        report = getting.retrieve(getting.listed(pacs.port))
    assert (report.here, report.complete, report.refused) == (0, False, False)
    assert report.sentence == "0 of 6 came from ZX1_PACS; for 6 it answers 0000 (all were sent)."


@pytest.mark.parametrize(
    ("status", "said", "refused"),
    [
        (0xA701, "A701 (out of resources, it cannot count them)", False),
        (0xA702, "A702 (out of resources, it cannot send them)", False),
        (0xA900, "A900 (what was asked does not match its class)", False),
        (0xC001, "C001 (it cannot do that)", False),
        (0xFE00, "FE00 (cancelled there)", False),
        (0x0124, "0124 (not authorised)", True),
    ],
)
def test_what_it_answers_is_said(getting: Getting, status: int, said: str, refused: bool) -> None:
    getting.start_edge()
    with source_pacs(images(2), 0, lambda n, level, wanted: ([], status)) as pacs:
        report = getting.retrieve(getting.listed(pacs.port))
    assert (report.sentence, report.refused) == (f"0 of 2 came from ZX1_PACS; for 2 it answers {said}.", refused)


def test_a_pacs_that_does_not_take_the_role_is_a_reason_to_stop(getting: Getting) -> None:
    getting.start_edge()
    with source_pacs(images(), 0, classes=()) as pacs, pytest.raises(ApplicationError) as said:
        getting.retrieve(getting.listed(pacs.port))
    assert said.value.non_retryable
    assert said.value.message == (
        "ZX1_PACS gives no images to whoever asks for them by C-GET; let it send them by C-MOVE."
    )


def test_more_classes_than_an_association_has_room_for(getting: Getting) -> None:
    assert len(OTHERS) > CLASSES_AT_ONCE
    mixed = [small_ct(n, SOPClassUID=one) for n, one in enumerate(OTHERS, 1)]
    getting.start_edge()
    with source_pacs(mixed, 0, classes=OTHERS) as pacs:
        assert getting.retrieve(getting.listed(pacs.port)).complete
    assert pacs.asked == [("STUDY", 7)] * 2


def test_a_pacs_that_lists_no_classes(getting: Getting) -> None:
    getting.start_edge()
    with source_pacs(images(), 0) as pacs:
        transfer_id = getting.listed(pacs.port)
        getting.forget_classes()
        assert getting.retrieve(transfer_id).complete


# The peer's pynetdicom may want to go on amid an image when its association is over.
@pytest.mark.filterwarnings("ignore:Exception in thread .*run_reactor.*:pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("tells", [True, False])
def test_withdrawn_amid_it(getting: Getting, tells: bool) -> None:
    def withdrawn_after_five(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        return Interrupted(wanted, 5, getting.environment.cancel), 0x0000

    getting.start_edge()
    with source_pacs(images(40), 0, withdrawn_after_five) as pacs:
        pacs.tells = tells
        transfer_id = getting.listed(pacs.port)
        with pytest.raises(CancelledError):
            getting.retrieve(transfer_id)
    assert len(pacs.on_the_wire) < 10


def test_what_the_edge_has_no_room_for_is_asked_for_again(getting: Getting) -> None:
    getting.start_edge(fault="fail-fsync")
    with source_pacs(images(4), 0) as pacs:
        transfer_id = getting.listed(pacs.port)
        first = getting.retrieve(transfer_id)
        assert (first.here, first.sentence) == (
            3,
            "3 of 4 came from ZX1_PACS; for 1 it answers B000 (some were not sent).",
        )
        assert getting.retrieve(transfer_id).complete
    assert pacs.asked == [("STUDY", 4), ("IMAGE", 1)]


def test_an_edge_that_is_away_is_no_fault_of_the_pacs(getting: Getting) -> None:
    with source_pacs(images(), 0) as pacs:
        transfer_id = getting.listed(pacs.port)
        getting.edge = ("127.0.0.1", 1)
        with pytest.raises(ApplicationError) as said:
            getting.retrieve(transfer_id)
    assert (said.value.type, said.value.non_retryable) == ("PeerBusy", False)
    assert getting.transfer().fault.startswith("The exchange's own receiver does not answer. It is tried again")
    assert pacs.asked == [], "nothing is asked for that cannot be kept"


def test_an_edge_that_dies_amid_it_has_what_it_acknowledged(getting: Getting) -> None:
    getting.start_edge(fault="die-after-keep")
    with source_pacs(images(8), 0) as pacs:
        transfer_id = getting.listed(pacs.port)
        with pytest.raises(ApplicationError, match="receiver does not answer") as said:
            getting.retrieve(transfer_id)
        assert not said.value.non_retryable
        getting.start_edge()
        assert getting.retrieve(transfer_id).complete
    assert getting.archived() == pacs.on_the_wire


def test_a_worker_at_an_address_that_is_none_of_ours(getting: Getting) -> None:
    getting.start_edge(workers=["192.0.2.0/24"])
    getting.set_node(source_addresses=["192.0.2.1"])
    with source_pacs(images(), 0) as pacs, pytest.raises(ApplicationError, match="IEP_WORKER_ADDRESSES") as said:
        getting.retrieve(getting.listed(pacs.port))
    assert said.value.non_retryable


def test_an_edge_that_may_have_hung_up_meanwhile(getting: Getting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_on, "QUIET", 0.0)
    getting.start_edge()
    with source_pacs(images(3), 0) as pacs:
        assert getting.retrieve(getting.listed(pacs.port)).complete
    with getting.database.begin() as session:
        assert session.scalar(select(func.count()).select_from(Association)) == 3


def test_a_worker_that_is_killed_amid_it_goes_on_at_what_is_missing(getting: Getting) -> None:
    half_way, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        half_way.set()
        go_on.wait(30)

    def waits(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        return (Interrupted(wanted, 10, stop) if n == 1 else wanted), 0x0000

    getting.start_edge()
    with source_pacs(images(20), 0, waits) as pacs:
        transfer_id = getting.listed(pacs.port)
        worker = getting.worker(transfer_id)
        assert half_way.wait(30)
        worker.kill()
        worker.wait(10)
        assert list(getting.temporary.iterdir()) == []
        go_on.set()
        eventually(lambda: len(getting.archived()) == 10)
        assert getting.retrieve(transfer_id).complete
    assert pacs.asked == [("STUDY", 20), ("IMAGE", 5), ("IMAGE", 5)]
    assert getting.archived() == pacs.on_the_wire


def test_the_setting_counts_from_the_next_round_on(getting: Getting) -> None:
    getting.start_edge()
    with source_pacs(images(2), 0) as pacs:
        transfer_id = getting.listed(pacs.port)
        getting.set_node(retrieve_by="move")
        getting.retrieve(transfer_id)
        assert pacs.on_the_wire == {}
        getting.set_node(retrieve_by="get")
        assert getting.retrieve(transfer_id).complete
