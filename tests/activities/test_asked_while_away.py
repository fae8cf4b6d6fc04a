"""A Node that goes away after it has accepted everything is asked nothing; what is to be confirmed waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.dicom import DicomActivities
from models import waiting
from models.domain.contracts import CommandKind, Comparison, Verdict
from models.queries.standing import standings
from models.tables import Delivery, Node, OutboxCommand, Transaction, now
from tests.activities.committing_pacs import committing
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import Parcels, fault, ten
from tests.edge.conftest import closed_sockets

__all__ = ["closed_sockets"]

HELD = {"state": "held"}
WAYS: list[dict[str, Any]] = [
    {"confirm_by": "query"},
    {"confirm_by": "commitment", "query_back": False},
    {"confirm_by": "both"},
]


@pytest.fixture
def delivery(parcels: Parcels) -> str:
    """Ten images that the Node has accepted."""
    delivery_id = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery_id).accepted == 10
    with parcels.database.begin() as session:
        row = session.get_one(Delivery, delivery_id)
        row.state = "sent"
        transaction = session.get_one(Transaction, row.transaction_id)
        transaction.lifecycle, transaction.state = "delivery", "sent"
    return delivery_id


def uncommitted(parcels: Parcels, delivery: str) -> Comparison:
    return parcels.environment.run(DicomActivities(parcels.database, parcels.archive).compare_uncommitted, delivery)


def may_go_on(parcels: Parcels) -> list[str]:
    with parcels.database.begin() as session:
        return [one.delivery_id for one in waiting.may_go_on(session, 9)]


def said(parcels: Parcels, *, in_detail: bool = True) -> str:
    """The one sentence of the delivery's transaction."""
    with parcels.database.begin() as session:
        (one,) = standings(session, session.scalars(select(Transaction)).all(), "", in_detail=in_detail)
        return one.sentence


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way["confirm_by"])
@pytest.mark.parametrize(
    ("away", "words"),
    [
        ({"state": "held"}, "its PACS officer resumes it"),
        ({"state": "down"}, "It is tried again by itself"),
        ({"slots": 0}, "allows no association"),
    ],
)
def test_it_is_not_asked_and_waited_for(
    parcels: Parcels, delivery: str, way: dict[str, Any], away: dict[str, Any], words: str
) -> None:
    with committing() as peer:
        parcels.set_node(peer.port, **way, **away)
        assert parcels.compare(delivery).verdict is Verdict.NODE_AWAY
        assert uncommitted(parcels, delivery).verdict is Verdict.NODE_AWAY
        assert peer.asked == []
    assert words in fault(parcels, delivery)
    assert may_go_on(parcels) == []
    parcels.set_node(1, state="up", slots=2)
    assert may_go_on(parcels) == [delivery]


def test_its_sentence_says_so_until_it_has_answered(parcels: Parcels, delivery: str) -> None:
    parcels.set_node(1, **HELD)
    parcels.compare(delivery)
    accepted = "ZX2_PACS accepted all 10 images; whether it has them cannot be asked at present"
    assert said(parcels) == f"{accepted}: ZX2_PACS is held; its PACS officer resumes it on the Nodes page."
    assert said(parcels, in_detail=False) == f"{accepted}; it goes on by itself."
    with misbehaving() as peer:
        parcels.set_node(peer.port, state="up")
        parcels.compare(delivery)
    assert said(parcels) == "ZX2_PACS accepted all 10 images; it is being asked whether it has them."
    assert may_go_on(parcels) == []


def test_who_waits_for_a_planned_downtime_is_told_until_when(parcels: Parcels, delivery: str) -> None:
    ends = now() + timedelta(hours=8)
    parcels.set_node(1, state="in-downtime", planned_until=ends)
    assert parcels.compare(delivery).planned_until == ends.isoformat()
    assert "; whether it has them cannot be asked at present: ZX2_PACS is down for" in said(parcels)
    assert said(parcels).endswith("; it goes on by itself then.")


def test_a_report_that_says_it_all_counts_although_the_node_is_held(parcels: Parcels, delivery: str) -> None:
    with committing() as peer:
        parcels.set_node(peer.port, **WAYS[1])
        assert parcels.compare(delivery).verdict is Verdict.CONFIRMED
    parcels.set_node(1, **HELD)
    assert parcels.compare(delivery).verdict is Verdict.CONFIRMED


def test_its_hours_for_bulk_are_for_what_is_sent_only(parcels: Parcels, delivery: str) -> None:
    with misbehaving() as peer:
        parcels.set_node(peer.port, bulk_window="03:00-03:01")
        with parcels.database.begin() as session:
            session.scalars(select(Transaction)).one().urgency = "bulk"
        assert parcels.compare(delivery).verdict is not Verdict.NODE_AWAY


def test_one_that_does_not_answer_is_looked_at_and_asked_again(parcels: Parcels, delivery: str) -> None:
    with parcels.database.begin() as session:
        session.get_one(Node, parcels.node_id).last_fault_at = None
    parcels.set_node(1)
    with pytest.raises(ApplicationError) as failed:
        parcels.compare(delivery)
    assert (failed.value.type, failed.value.non_retryable) == ("PeerUnreachable", False)
    assert "It is tried again by itself" in fault(parcels, delivery)
    with parcels.database.begin() as session:
        kinds = session.scalars(select(OutboxCommand.kind)).all()
    assert kinds == [CommandKind.REPORT_NODE_FAULT]
