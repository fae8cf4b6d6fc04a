"""A destination that is asked to commit itself (storage commitment, PS3.4 Annex J), over real sockets."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select
from temporalio.exceptions import ApplicationError

from activities import committing as asking
from activities.dicom import DicomActivities
from dicom_edge.facts import CommitmentReported, utc_now
from models.domain.confirming import COMMITTED, UNCOMMITTED
from models.domain.contracts import CommandKind, Comparison, Verdict
from models.outbox import alarm_not_secured
from models.tables import AskedCommitment, AuditEntry, Delivery, Node, OutboxCommand
from tests.activities.committing_pacs import Committing, committing
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import TEN, Parcels, ten
from tests.edge.conftest import closed_sockets
from tests.ingest.filling import CT

__all__ = ["closed_sockets"]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says nothing on the same association is not waited for."""
    monkeypatch.setattr(asking, "STAY", 0.2)


@pytest.fixture
def delivery(parcels: Parcels) -> str:
    """Ten images that the Node has accepted."""
    delivery_id = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery_id).accepted == 10
    return delivery_id


def set_up(parcels: Parcels, peer: Committing, **columns: Any) -> None:
    parcels.set_node(peer.port, **{"confirm_by": "commitment", "query_back": False} | columns)


def requests(parcels: Parcels) -> list[AskedCommitment]:
    with parcels.database.begin() as session:
        return list(session.scalars(select(AskedCommitment).order_by(AskedCommitment.asked_at)))


def told(parcels: Parcels) -> int:
    """How many words the delivery gets of reports."""
    with parcels.database.begin() as session:
        kind = OutboxCommand.kind == CommandKind.REPORT_COMMITMENT
        return session.scalar(select(func.count()).select_from(OutboxCommand).where(kind)) or 0


def uncommitted(parcels: Parcels, delivery: str) -> Comparison:
    return parcels.environment.run(DicomActivities(parcels.database, parcels.archive).compare_uncommitted, delivery)


def report(parcels: Parcels, transaction: str, kept: list[str], node: str = "ZX2_PACS", **failed: int) -> None:
    """As it comes to the edge on an association that the destination opened, and is taken over by ingest."""
    filling = parcels.filling
    node_id = filling.registry.nodes[node]
    reasons = {uid.removeprefix("uid").replace("_", "."): why for uid, why in failed.items()}
    filling.spool.report(CommitmentReported(filling.open(), node_id, transaction, kept, reasons, utc_now()))
    filling.ingest.round()


def test_it_commits_itself_on_the_same_association(
    parcels: Parcels, delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "STAY", 20.0)
    with committing() as peer:
        set_up(parcels, peer)
        assert parcels.compare(delivery) == Comparison(Verdict.CONFIRMED, 10, 10, COMMITTED)
        assert peer.done.wait(10)
        assert peer.statuses == [0x0000]
    (asked,) = requests(parcels)
    assert asked.references == dict.fromkeys(TEN, CT)
    assert (asked.failed, asked.accepted_at is not None, asked.answered_at is not None) == ({}, True, True)
    assert {str(one.ReferencedSOPInstanceUID) for one in peer.asked[0].ReferencedSOPSequence} == set(TEN)


def test_what_it_has_lost_is_missing(parcels: Parcels, delivery: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "STAY", 20.0)
    with committing(lacks=tuple(TEN[:2])) as peer:
        set_up(parcels, peer)
        comparison = parcels.compare(delivery)
    words = "ZX2_PACS commits itself to 8 of 10 images."
    assert comparison == Comparison(Verdict.MISSING, 8, 10, words, final=True)
    lost = {str(parcels.ledger(delivery)[uid].instance_id) for uid in TEN[:2]}
    with parcels.database.begin() as session:
        assert set(session.get_one(Delivery, delivery).missing or []) == lost


def test_its_answer_may_come_on_an_association_of_its_own_and_twice(parcels: Parcels, delivery: str) -> None:
    with committing(at_once=False) as peer:
        set_up(parcels, peer)
        assert parcels.compare(delivery).verdict is Verdict.AWAITED
        assert parcels.compare(delivery).verdict is Verdict.AWAITED
        assert len(peer.asked) == 1, "what was asked is not asked again"
        (asked,) = requests(parcels)
        report(parcels, asked.TransactionUID, TEN)
        report(parcels, asked.TransactionUID, [], uid2_25_10001=0x0112)
        assert told(parcels) == 1
        assert parcels.compare(delivery) == Comparison(Verdict.CONFIRMED, 10, 10, COMMITTED)


def test_what_an_answer_does_not_speak_of_is_not_committed_to(parcels: Parcels, delivery: str) -> None:
    with committing(at_once=False) as peer:
        set_up(parcels, peer)
        parcels.compare(delivery)
        report(parcels, requests(parcels)[0].TransactionUID, TEN[:9])
        assert (parcels.compare(delivery).verdict, requests(parcels)[0].failed) == (Verdict.MISSING, {TEN[9]: 0})


def test_the_word_of_another_node_or_of_nothing_asked_for_does_not_count(parcels: Parcels, delivery: str) -> None:
    with committing(at_once=False) as peer:
        set_up(parcels, peer)
        parcels.compare(delivery)
        report(parcels, requests(parcels)[0].TransactionUID, TEN, node="STORESCU")
        report(parcels, "2.25.4712", TEN)
        assert parcels.compare(delivery).verdict is Verdict.AWAITED
    assert told(parcels) == 0
    assert parcels.filling.spool.events() == []
    with parcels.database.begin() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "commitment.ignored"))
        assert (entry.subject, entry.facts["from"]) == (delivery, parcels.filling.registry.nodes["STORESCU"])


def test_another_transaction_on_the_same_association_is_refused(
    parcels: Parcels, delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "STAY", 3.0)
    with committing(transaction="2.25.4713") as peer:
        set_up(parcels, peer)
        assert parcels.compare(delivery).verdict is Verdict.AWAITED
        assert peer.done.wait(10)
        assert peer.statuses == [0x0115]


def test_who_never_answers_is_not_verifiable_or_asked_by_query(parcels: Parcels, delivery: str) -> None:
    with committing(at_once=False) as peer:
        set_up(parcels, peer)
        assert parcels.compare(delivery).verdict is Verdict.AWAITED
        assert uncommitted(parcels, delivery) == Comparison(Verdict.UNVERIFIABLE, 0, 10, UNCOMMITTED)
        set_up(parcels, peer, query_back=True)
        assert uncommitted(parcels, delivery).detail == "ZX2_PACS lists 0 of 10 images."


def test_silence_is_no_answer(parcels: Parcels, delivery: str) -> None:
    """Else what could not be trusted before would be told anew each time."""
    parcels.set_node(1, confirm_by="commitment", query_back=False, last_answer_at=None)
    assert uncommitted(parcels, delivery).verdict is Verdict.UNVERIFIABLE
    with parcels.database.begin() as session:
        alarm_not_secured(session, parcels.node_id, "Its certificate is another one.")
    assert uncommitted(parcels, delivery).verdict is Verdict.UNVERIFIABLE
    with parcels.database.begin() as session:
        assert session.get_one(Node, parcels.node_id).last_answer_at is None
        alarm_not_secured(session, parcels.node_id, "Its certificate is another one.")
        alerts = select(func.count()).select_from(AuditEntry).where(AuditEntry.act == "node.not-secured")
        assert session.scalar(alerts) == 1


def test_with_both_the_identity_is_asked_for_as_well(
    parcels: Parcels, delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "STAY", 20.0)
    with committing() as peer:
        set_up(parcels, peer, confirm_by="both")
        comparison = parcels.compare(delivery)
    assert (comparison.verdict, comparison.detail) == (Verdict.MISSING, "ZX2_PACS lists 0 of 10 images.")


def test_many_images_are_asked_for_in_portions(
    parcels: Parcels, delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PORTION", 4)
    with committing(at_once=False) as peer:
        set_up(parcels, peer)
        parcels.compare(delivery)
        made = requests(parcels)
        assert sorted(len(one.references) for one in made) == [2, 4, 4]
        for one in made[:2]:
            report(parcels, one.TransactionUID, list(one.references))
        assert parcels.compare(delivery).verdict is Verdict.AWAITED
        report(parcels, made[2].TransactionUID, list(made[2].references))
        assert parcels.compare(delivery).verdict is Verdict.CONFIRMED


def test_a_request_that_was_not_taken_is_made_anew_under_another_uid(parcels: Parcels, delivery: str) -> None:
    with committing(at_once=False, status=0x0213) as peer:
        set_up(parcels, peer)
        with pytest.raises(ApplicationError) as failed:
            parcels.compare(delivery)
        assert (failed.value.type, failed.value.non_retryable) == ("PeerBusy", False)
        peer.status = 0x0000
        assert parcels.compare(delivery).verdict is Verdict.AWAITED
        first, second = requests(parcels)
    assert (first.accepted_at, second.accepted_at is not None) == (None, True)
    assert first.TransactionUID != second.TransactionUID


def test_who_cannot_commit_itself_is_not_verifiable(parcels: Parcels, delivery: str) -> None:
    with misbehaving() as peer:
        parcels.set_node(peer.port, confirm_by="commitment", query_back=False)
        comparison = parcels.compare(delivery)
    assert comparison.verdict is Verdict.UNVERIFIABLE
    assert comparison.detail.startswith(f"{UNCOMMITTED} ZX2_PACS takes none of the classes")
