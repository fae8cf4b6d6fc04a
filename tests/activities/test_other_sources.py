"""One study from two Institutions for one destination: of two patients it is held, of one both are delivered."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pydicom import Dataset
from sqlalchemy import select, update

from activities.arrivals import ArrivalActivities
from activities.deliveries import DeliveryActivities
from models.domain.contracts import CommandKind, RouteRequest, RouteVerdict, SendReport
from models.domain.routing import HeldReason
from models.other_sources import OF_ANOTHER_PERSON
from models.tables import Arrival, Delivery, Instance, Node, now
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import Parcels
from tests.eventually import eventually
from tests.ingest.filling import small_ct
from tests.workflows.rows import command

BERTIE = {
    "PatientID": "L77",
    "IssuerOfPatientID": "ZX3",
    "PatientName": "Sample^Bertie",
    "PatientBirthDate": "19480517",
}
SAME_ELSEWHERE = {"PatientID": "L99", "IssuerOfPatientID": "ZX3", "PatientName": "TESTPATIENT^ZEBRA^^MRS"}
"""As ZX3 writes the patient of `small_ct()`."""


class Source:
    """An Institution that pushes with the code of ZX2."""

    def __init__(self, parcels: Parcels, institution_id: str, node: str) -> None:
        self.parcels = parcels
        self.institution_id = institution_id
        self.node_id = parcels.filling.registry.nodes[node]
        self.association = parcels.filling.open(institution_id=institution_id, node_id=self.node_id, calling=node)

    def push(self, *objects: Dataset) -> None:
        self.parcels.filling.keep(self.association, *objects)
        self.parcels.filling.ingest.round()

    @property
    def arrival_id(self) -> str:
        with self.parcels.database.begin() as session:
            return session.scalars(select(Arrival.id).where(Arrival.institution_id == self.institution_id)).one()

    def set_arrival(self, **columns: Any) -> None:
        with self.parcels.database.begin() as session:
            session.execute(update(Arrival).where(Arrival.id == self.arrival_id).values(**columns))

    def early(self) -> str:
        """The delivery that begins while the study still arrives, if one does."""
        return ArrivalActivities(self.parcels.database).outlook(self.arrival_id).delivery_id

    def route(self) -> RouteVerdict:
        """By the rules; what follows in the arrival's workflow is written as its journal does."""
        verdict = ArrivalActivities(self.parcels.database).route(RouteRequest(self.arrival_id))
        self.set_arrival(state="routed" if verdict.reason is None else "held")
        return verdict

    def assign(self) -> RouteVerdict:
        """A person chooses ZX2."""
        worklist = self.parcels.filling.registry.worklists["ZX2"]
        with self.parcels.database.begin() as session:
            chosen = command(session, CommandKind.ASSIGN_ARRIVAL, self.arrival_id, worklist_id=worklist)
        return ArrivalActivities(self.parcels.database).route(RouteRequest(self.arrival_id, chosen))

    def release(self, delivery_id: str) -> None:
        DeliveryActivities(self.parcels.database).put_on_worklist(delivery_id)
        with self.parcels.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id)
            delivery.released_at, delivery.released_by, delivery.state = now(), "exchange", "sending"


@pytest.fixture
def first(parcels: Parcels) -> Source:
    return Source(parcels, "ZX1", "STORESCU")


@pytest.fixture
def second(parcels: Parcels) -> Source:
    return Source(parcels, "ZX3", "ZX3_PACS")


def deliveries(parcels: Parcels) -> list[str]:
    with parcels.database.begin() as session:
        return list(session.scalars(select(Delivery.institution_id)))


def test_the_second_of_another_patient_is_held_and_goes_nowhere(
    parcels: Parcels, first: Source, second: Source
) -> None:
    first.push(small_ct(1))
    assert first.route().reason is None
    second.push(small_ct(1, **BERTIE))
    held = second.route()
    assert (held.reason, held.detail) == (HeldReason.IDENTITY_CONFLICT, OF_ANOTHER_PERSON)
    assert deliveries(parcels) == ["ZX2"]
    assert second.assign().reason is HeldReason.IDENTITY_CONFLICT, "a person cannot overrule it"
    assert deliveries(parcels) == ["ZX2"]


def test_what_either_side_is_told_discloses_nothing(parcels: Parcels, first: Source, second: Source) -> None:
    first.push(small_ct(1))
    second.push(small_ct(1, **BERTIE))
    for source in (first, second):
        said = source.route().detail + source.assign().detail
        assert not any(word in said for word in ("ZX", "L77", "H1234567", "Bertie", "Zebra", "19"))


def test_of_two_at_the_same_moment_both_are_held_and_refusing_one_frees_the_other(
    parcels: Parcels, first: Source, second: Source
) -> None:
    first.push(small_ct(1))
    second.push(small_ct(1, **BERTIE))
    assert (first.early(), second.early()) == ("", "")
    assert [source.route().reason for source in (first, second)] == [HeldReason.IDENTITY_CONFLICT] * 2
    second.set_arrival(state="refused")
    assert first.assign().reason is None
    assert deliveries(parcels) == ["ZX2"]


@pytest.mark.parametrize("state", ["receiving", "forwarding", "settled", "held", "matched"])
def test_what_may_still_go_somewhere_counts(first: Source, second: Source, state: str) -> None:
    first.push(small_ct(1))
    first.set_arrival(state=state)
    second.push(small_ct(2, **BERTIE))
    assert second.route().reason is HeldReason.IDENTITY_CONFLICT


@pytest.mark.parametrize("arrival", ["routed", "matched"])
@pytest.mark.parametrize(
    ("delivery", "held"),
    [("on-worklist", True), ("sending", True), ("confirmed", True), ("abandoned", True), ("refused", False)],
)
def test_what_was_sent_or_may_be_counts_and_what_its_destination_refused_does_not(
    parcels: Parcels, first: Source, second: Source, arrival: str, delivery: str, held: bool
) -> None:
    first.push(small_ct(1))
    first.route()
    first.set_arrival(state=arrival)
    with parcels.database.begin() as session:
        session.execute(update(Delivery).values(state=delivery))
    second.push(small_ct(1, **BERTIE))
    assert (second.route().reason is HeldReason.IDENTITY_CONFLICT) == held


def test_after_a_purge_the_identity_of_the_study_still_counts(parcels: Parcels, first: Source, second: Source) -> None:
    first.push(small_ct(1))
    first.route()
    with parcels.database.begin() as session:
        session.execute(update(Instance).values(patient={}, purged_at=now()))
    second.push(small_ct(2, **BERTIE))
    assert second.route().reason is HeldReason.IDENTITY_CONFLICT


@pytest.mark.parametrize("declared", [True, False])
def test_a_node_may_declare_that_its_ids_are_nhs_numbers(
    parcels: Parcels, first: Source, second: Source, declared: bool
) -> None:
    with parcels.database.begin() as session:
        session.execute(update(Node).values(patient_id_may_be_nhs=declared))
    first.push(small_ct(1, PatientID="9990000018", IssuerOfPatientID=None))
    first.route()
    second.push(small_ct(2, PatientID="9990000026", IssuerOfPatientID=None))
    assert (second.route().reason is HeldReason.IDENTITY_CONFLICT) == declared


def test_another_study_of_another_patient_has_nothing_to_do_with_it(first: Source, second: Source) -> None:
    first.push(small_ct(1))
    first.route()
    second.push(small_ct(2, StudyInstanceUID="2.25.77", **BERTIE))
    assert second.route().reason is None


def test_one_patient_under_two_local_ids_is_delivered_from_both(
    parcels: Parcels, first: Source, second: Source
) -> None:
    first.push(small_ct(1), small_ct(2))
    second.push(small_ct(2, **SAME_ELSEWHERE), small_ct(3, **SAME_ELSEWHERE))
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        for source in (first, second):
            verdict = source.route()
            assert verdict.reason is None
            source.release(verdict.delivery_id)
            assert parcels.send(verdict.delivery_id).accepted == 2
        assert sorted(peer.received) == ["2.25.10001", "2.25.10002", "2.25.10002", "2.25.10003"]


def test_cut_through_begins_for_nobody_elses_patient_and_stops_when_one_comes(
    parcels: Parcels, first: Source, second: Source
) -> None:
    first.push(*(small_ct(n) for n in range(1, 4)))
    early = first.early()
    first.release(early)
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        reports: list[SendReport] = []
        sending = threading.Thread(target=lambda: reports.append(parcels.send(early)))
        sending.start()
        eventually(lambda: len(peer.received) == 3)
        second.push(small_ct(1, **BERTIE))
        sending.join(30)
        assert reports[0].sentence == f"{OF_ANOTHER_PERSON} 3 of 3 are already at ZX2_PACS; ring its people."
        assert second.early() == ""
        first.push(small_ct(4))
        assert OF_ANOTHER_PERSON in parcels.send(early).sentence
        assert len(peer.received) == 3
        # Once ZX3 has refused its own, ZX1's officer lets the rest follow.
        assert first.route().reason is HeldReason.IDENTITY_CONFLICT
        second.set_arrival(state="refused")
        assert first.assign().delivery_id == early
        assert parcels.send(early).accepted == 4


def test_cut_through_of_two_at_the_same_moment_sends_nothing(parcels: Parcels, first: Source, second: Source) -> None:
    first.push(small_ct(1))
    early = first.early()
    first.release(early)
    second.push(small_ct(1, **BERTIE))
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(early).sentence.startswith(OF_ANOTHER_PERSON)
        assert peer.received == []


def test_cut_through_goes_on_when_another_source_brings_the_same_patient(
    parcels: Parcels, first: Source, second: Source
) -> None:
    first.push(small_ct(1))
    early = first.early()
    first.release(early)
    second.push(small_ct(1, **SAME_ELSEWHERE))
    assert second.early() != ""
    first.push(small_ct(2))
    first.route()
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(early) == SendReport(2, 2)
