"""What is at the destination already, under the identity that would be sent, does not go again."""

from __future__ import annotations

import pytest

from models.domain.contracts import Verdict
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import TEN, Parcels, ten
from tests.ingest.filling import seal, small_ct


def pushed_again(parcels: Parcels) -> str:
    """The same ten images and two more, in an arrival and a delivery of their own."""
    seal(parcels.filling)
    return parcels.release(*ten(), small_ct(11), small_ct(12))


@pytest.fixture
def first(parcels: Parcels) -> str:
    return parcels.release(*ten())


def test_of_a_study_that_is_sent_again_only_what_is_new_goes(parcels: Parcels, first: str) -> None:
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(first).accepted == 10
        second = pushed_again(parcels)
        assert second != first
        report = parcels.send(second)
        assert (report.accepted, report.total, report.sentence) == (12, 12, "")
        assert peer.received[10:] == ["2.25.100011", "2.25.100012"]
        assert parcels.compare(second).verdict is Verdict.CONFIRMED
    ledger = parcels.ledger(second)
    assert {uid for uid, entry in ledger.items() if entry.wire_count == 0} == set(TEN)


def test_what_it_has_lost_goes_again(parcels: Parcels, first: str) -> None:
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(first)
        del peer.kept[TEN[0]], peer.kept[TEN[1]]
        parcels.send(pushed_again(parcels))
        assert set(peer.received[10:]) == {TEN[0], TEN[1], "2.25.100011", "2.25.100012"}


def test_what_it_files_under_another_identity_goes_again(parcels: Parcels, first: str) -> None:
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(first)
        for data_set in peer.kept.values():
            data_set.PatientID = "SOMEBODYELSE"
        parcels.send(pushed_again(parcels))
        assert len(peer.received) == 10 + 12


def test_a_node_that_cannot_be_asked_gets_all_of_it(parcels: Parcels, first: str) -> None:
    with misbehaving(with_find=False) as peer:
        parcels.set_node(peer.port)
        parcels.send(first)
        assert parcels.send(pushed_again(parcels)).accepted == 12
        assert len(peer.received) == 10 + 12


def test_what_others_have_sent_there_is_not_taken_for_ours(parcels: Parcels, first: str) -> None:
    """Nobody knows whether it is the same image."""
    with misbehaving() as peer:
        for image in ten():
            peer.kept[image.SOPInstanceUID] = image
        parcels.set_node(peer.port)
        assert parcels.send(first).accepted == 10
        assert len(peer.received) == 10
