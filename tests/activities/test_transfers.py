"""Fetching from the sender's own PACS: the demo's, and one that lies in each way that a peer was seen to lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_context
from sqlalchemy import func, select
from temporalio.exceptions import ApplicationError

from models.domain.routing import HeldReason
from models.tables import Delivery, ManifestImage, Transaction
from models.transfers import PickedStudy
from tests.activities.fetching import STUDY, Fetching, images
from tests.activities.misbehaving import CT, EXPLICIT
from tests.activities.source_pacs import SourcePacs, in_explicit, source_pacs
from tests.demo.programs import program
from tests.ingest.filling import Filling, seal, small_ct

ELSEWHERE = "2.25.99"


def manifest(fetching: Fetching) -> int:
    with fetching.database.begin() as session:
        return session.scalar(select(func.count()).select_from(ManifestImage)) or 0


def test_the_demos_pacs_lists_and_sends_and_the_arrival_is_sealed_and_routed(
    fetching: Fetching, edge_port: int, tmp_path: Path
) -> None:
    folder, peer = str(tmp_path / "pacs"), f"IEP=127.0.0.1:{edge_port}"
    arguments = ("--ae-title", "ZX1_PACS", "--folder", folder, "--peer", peer)
    with program(tmp_path / "log", "demo.pacs", *arguments) as pacs:
        _fill(pacs.port, images())
        transfer_id = fetching.listed(pacs.port)
        assert manifest(fetching) == 6
        report = fetching.retrieve(transfer_id)
    assert (report.here, report.total, report.complete, report.sentence) == (6, 6, True, "")
    (arrival,) = fetching.arrivals()
    sealed = fetching.seal(arrival)
    assert (sealed.sealed, sealed.basis) == (True, "6 of 6, by ZX1_PACS's own list.")
    verdict = fetching.route(arrival)
    assert verdict.reason is None
    with fetching.database.begin() as session:
        sent, own = (session.get_one(Transaction, one.transaction_id) for one in (fetching.transfer(), arrival))
        assert verdict.detail == f"ZX2, as transfer {sent.reference} says."
        assert (own.follows_id, own.urgency, own.destination_id) == (sent.id, "urgent", "ZX2")


def _fill(port: int, objects: Sequence[Dataset]) -> None:
    ae = AE("MODALITY")
    assoc = ae.associate("127.0.0.1", port, contexts=[build_context(CT, EXPLICIT)])
    assert assoc.is_established
    for one in objects:
        assert assoc.send_c_store(in_explicit(one)).Status == 0x0000
    assoc.release()


def test_what_is_listed_is_frozen_once(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port) as pacs:
        transfer_id = fetching.listed(pacs.port)
        pacs.images = images(8)
        fetching.list_images(transfer_id)
    assert manifest(fetching) == 6


def test_a_pacs_that_lists_nothing_is_a_reason_to_stop(fetching: Fetching, edge_port: int) -> None:
    with source_pacs([], edge_port) as pacs, pytest.raises(ApplicationError, match="lists no image of 1 of 1") as said:
        fetching.listed(pacs.port)
    assert said.value.non_retryable


# pynetdicom leaves the socket of a refused connection to be closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_is_away_is_asked_again_and_the_page_says_so(fetching: Fetching) -> None:
    transfer_id = fetching.place(1)
    with pytest.raises(ApplicationError) as said:
        fetching.list_images(transfer_id)
    assert not said.value.non_retryable
    assert fetching.transfer().fault.startswith("ZX1_PACS does not answer at 127.0.0.1:1. It is tried again by itself")


def test_success_with_some_left_out_is_found_out_and_only_those_are_asked_for(
    fetching: Fetching, edge_port: int
) -> None:
    def drops_one_of_each(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        return (wanted[:-1], 0x0000) if n == 1 else (wanted, 0x0000)

    with source_pacs(images(), edge_port, drops_one_of_each) as pacs:
        transfer_id = fetching.listed(pacs.port)
        first = fetching.retrieve(transfer_id)
        assert (first.here, first.complete) == (5, False)
        assert first.sentence == "5 of 6 came from ZX1_PACS; for 1 it answers 0000 (all were sent)."
        assert fetching.seal(fetching.arrivals()[0]).sealed is False
        assert fetching.retrieve(transfer_id).complete
    assert pacs.asked == [("STUDY", 6), ("IMAGE", 1)]
    assert fetching.seal(fetching.arrivals()[0]).basis == "6 of 6, by ZX1_PACS's own list."


def test_a_whole_series_that_is_missing_is_asked_for_as_such(fetching: Fetching, edge_port: int) -> None:
    def one_series(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        return ([one for one in wanted if n > 1 or one.SeriesInstanceUID == "2.25.20"], 0x0000)

    with source_pacs(images(), edge_port, one_series) as pacs:
        transfer_id = fetching.listed(pacs.port)
        assert fetching.retrieve(transfer_id).here == 3
        assert fetching.retrieve(transfer_id).complete
    assert pacs.asked == [("STUDY", 6), ("SERIES", 3)]


def test_success_with_nothing_at_all(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port, lambda n, level, wanted: ([], 0x0000)) as pacs:
        transfer_id = fetching.listed(pacs.port)
        report = fetching.retrieve(transfer_id)
    assert (report.here, report.refused) == (0, False)
    assert report.sentence == "0 of 6 came from ZX1_PACS; for 6 it answers 0000 (all were sent)."


def test_a_pacs_that_does_not_know_us_is_a_reason_to_stop(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port, lambda n, level, wanted: ([], 0xA801)) as pacs:
        report = fetching.retrieve(fetching.listed(pacs.port))
    assert report.refused
    assert "A801 (it does not know us as a destination; register" in report.sentence


def test_a_pacs_that_cannot_send_now_is_asked_again(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port, lambda n, level, wanted: ([], 0xA702)) as pacs:
        report = fetching.retrieve(fetching.listed(pacs.port))
    assert not report.refused
    assert report.sentence.endswith("for 6 it answers A702 (out of resources, it cannot send them).")


def test_a_pacs_that_moves_whole_studies_only_is_asked_for_them(fetching: Fetching, edge_port: int) -> None:
    def whole_only(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        if level == "STUDY":
            return (wanted[:-1], 0x0000) if n == 1 else (wanted, 0x0000)
        return [], 0xA900

    with source_pacs(images(), edge_port, whole_only) as pacs:
        transfer_id = fetching.listed(pacs.port)
        fetching.retrieve(transfer_id)
        assert fetching.retrieve(transfer_id).complete
    assert [level for level, _ in pacs.asked] == ["STUDY", "IMAGE", "STUDY"]


def test_images_that_are_new_at_the_end_join_once_and_are_said(fetching: Fetching, edge_port: int) -> None:
    def grows(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        pacs.images = images(8 if n == 1 else 10)
        return wanted, 0x0000

    pacs: SourcePacs
    with source_pacs(images(), edge_port, grows) as pacs:
        transfer_id = fetching.listed(pacs.port)
        first = fetching.retrieve(transfer_id)
        assert (first.here, first.total, first.complete) == (6, 8, False)
        assert fetching.seal(fetching.arrivals()[0]).sealed is False
        assert fetching.retrieve(transfer_id).complete
    assert manifest(fetching) == 8
    assert fetching.seal(fetching.arrivals()[0]).basis == (
        "8 of 8, by ZX1_PACS's own list. 2 more were listed at the end."
    )


def test_images_that_vanish_meanwhile_are_said_and_not_waited_for(fetching: Fetching, edge_port: int) -> None:
    def shrinks(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        pacs.images = images(5)
        return wanted[:5], 0x0000

    pacs: SourcePacs
    with source_pacs(images(), edge_port, shrinks) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    assert fetching.seal(fetching.arrivals()[0]).basis == (
        "5 of 5, by ZX1_PACS's own list. 1 were not listed any more at the end."
    )


def test_a_study_that_vanishes_as_a_whole_is_a_reason_to_stop(fetching: Fetching, edge_port: int) -> None:
    def deletes(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        pacs.images = []
        return [], 0x0000

    pacs: SourcePacs
    with source_pacs(images(), edge_port, deletes) as pacs:
        report = fetching.retrieve(fetching.listed(pacs.port))
    assert report.refused
    assert report.sentence.startswith("ZX1_PACS does not list any image of a study any more.")


def test_only_the_series_that_was_picked_is_asked_for(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port) as pacs:
        transfer_id = fetching.listed(pacs.port, PickedStudy(STUDY, ("2.25.21",)))
        assert fetching.retrieve(transfer_id).complete
    assert pacs.asked == [("SERIES", 3)]


@pytest.mark.parametrize("more", [0, 1, 3])
def test_what_was_not_picked_and_comes_all_the_same_goes_nowhere_without_a_person(
    fetching: Fetching, edge_port: int, more: int
) -> None:
    def sends_others_too(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        others = [one for one in images() if one.SeriesInstanceUID != "2.25.21"]
        return [*others[:more], *wanted], 0x0000

    with source_pacs(images(), edge_port, sends_others_too) as pacs:
        transfer_id = fetching.listed(pacs.port, PickedStudy(STUDY, ("2.25.21",)))
        assert fetching.retrieve(transfer_id).complete
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    verdict = fetching.route(arrival)
    assert bool(verdict.delivery_id) == (more == 0)
    if more:
        assert verdict.reason is HeldReason.NOT_PICKED
        came = "1 image" if more == 1 else "3 images"
        assert re.fullmatch(
            rf"{came} came that transfer T-\S+ did not pick; whoever assigns it lets these go, too\.", verdict.detail
        )
        with fetching.database.begin() as session:
            assert session.scalars(select(Delivery)).all() == []


def test_what_was_pushed_and_sealed_before_comes_again_as_an_arrival_of_its_own(
    fetching: Fetching, filling: Filling, edge_port: int
) -> None:
    filling.bring(*images(4), called="IEP")
    seal(filling)
    with source_pacs(images(), edge_port) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    _, fetched = fetching.arrivals()
    assert fetched.count == 6
    assert fetching.study().arrival_id == fetched.id


def test_images_of_other_studies_and_pushes_elsewhere_are_ordinary(
    fetching: Fetching, filling: Filling, edge_port: int
) -> None:
    stranger = small_ct(50, StudyInstanceUID=ELSEWHERE)
    with source_pacs(images(), edge_port, lambda n, level, wanted: ([stranger, *wanted], 0x0000)) as pacs:
        transfer_id = fetching.listed(pacs.port)
        filling.bring(*images(2), called="IEP_ZX3")
        assert fetching.retrieve(transfer_id).complete
    pushed, other, fetched = fetching.arrivals()
    assert fetching.study().arrival_id == fetched.id
    assert fetching.route(other).reason is HeldReason.NO_ROUTE
    assert (pushed.called_ae_title, fetched.count) == ("IEP_ZX3", 6)


def test_what_a_pacs_sends_twice_after_all_has_come_opens_nothing(
    fetching: Fetching, filling: Filling, edge_port: int
) -> None:
    with source_pacs(images(), edge_port) as pacs:
        fetching.retrieve(fetching.listed(pacs.port))
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    filling.bring(*images(3), called="IEP", sender="ZX1_PACS")
    assert len(fetching.arrivals()) == 1
    filling.bring(small_ct(77), called="IEP", sender="ZX1_PACS")
    assert len(fetching.arrivals()) == 2, "a new image of the study is late, not a second copy"


def test_two_patients_in_it_are_held(fetching: Fetching, edge_port: int) -> None:
    mixed = [*images(3), small_ct(4, PatientID="ANOTHER", PatientName="Testcase^Another", PatientBirthDate="19610203")]
    with source_pacs(mixed, edge_port) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    assert fetching.route(arrival).reason is HeldReason.IDENTITY_CONFLICT
