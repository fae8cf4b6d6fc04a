"""Whom a sender calls by an ID of its own is known again after one release under a local ID, without NHS number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.domain.identity import PatientFacts
from models.local_patients import arriving
from models.queries.known_here import Local, known_here, said_of
from models.senders_ids import SentId, sent_id
from models.tables import Delivery
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import AGNES, BORIS, NUMBERED, TWIN, check, image, released

KNOWN = Local("LOC1x", "EXAMPLE^Agnes", "19510203", "", several=False, sender="ZX1", is_anothers=False)


def known_as(parcels: Parcels, patient: dict[str, Any]) -> Local | None:
    """As whom ZX2 knows the patient of a further study."""
    delivery_id = parcels.release(image(patient))
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        said = {delivery_id: said_of(delivery, arriving(session, delivery), None)}
        return known_here(session, "ZX2", said).get(delivery_id)


@pytest.fixture
def first(parcels: Parcels) -> str:
    """Whom ZX1 calls N1, without NHS number; released under LOC1x."""
    parcels.set_node(1, query_back=False)
    delivery_id = parcels.release(image(AGNES))
    released(parcels, delivery_id, "LOC1x")
    return delivery_id


@pytest.mark.usefixtures("first")
def test_a_second_study_of_the_same_patient_is_of_somebody_known(parcels: Parcels) -> None:
    assert known_as(parcels, AGNES) == KNOWN
    assert known_as(parcels, AGNES | {"IssuerOfPatientID": "PAS"}) is None, "that is another ID"
    assert known_as(parcels, AGNES | {"PatientName": "", "PatientBirthDate": ""}) is None, "nothing agrees"


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(
    "patient",
    [
        BORIS | {"PatientID": "N1"},
        TWIN,
        AGNES | {"PatientName": "MARRIED^Agnes"},
        AGNES | {"PatientID": "N2"},
        AGNES | {"IssuerOfPatientID": "ELSEWHERE"},
        AGNES | {"PatientID": ""},
    ],
    ids=["another person", "a twin", "called otherwise", "another ID", "another issuer's ID", "no ID"],
)
def test_who_may_be_somebody_else_is_not_taken_for_known(parcels: Parcels, patient: dict[str, Any]) -> None:
    assert known_as(parcels, patient) is None


@pytest.mark.usefixtures("first")
def test_the_release_that_came_last_counts(parcels: Parcels) -> None:
    released(parcels, parcels.release(image(AGNES)), "LOC9")
    latest = known_as(parcels, AGNES)
    assert latest is not None
    assert latest.patient_id == "LOC9"


def test_what_is_only_being_released_has_taught_nothing(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    assert check(parcels, parcels.release(image(AGNES)), "LOC1x") == ""
    assert known_as(parcels, AGNES) is None


@pytest.mark.usefixtures("first")
def test_who_has_looked_may_err_so_that_it_teaches_no_sender_s_id(parcels: Parcels) -> None:
    released(parcels, parcels.release(image(TWIN | {"PatientID": "N3"})), "LOC1x", same_person="LOC1x")
    assert known_as(parcels, AGNES | {"PatientID": "N3"}) is None


def test_the_nhs_number_comes_first(parcels: Parcels) -> None:
    """It is the Patient ID here, of which no sender's ID is made."""
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES | NUMBERED)), "LOC2")
    found = known_as(parcels, AGNES | NUMBERED)
    number = NUMBERED["PatientID"]
    assert found == Local("LOC2", "EXAMPLE^Agnes", "19510203", number, several=False, sender="", is_anothers=False)


def test_of_several_ids_with_one_nhs_number_one_that_can_be_used_is_taken(parcels: Parcels) -> None:
    """The number was registered for two people once; the later is not who comes now."""
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES | NUMBERED)), "LOC2")
    other = image(BORIS | NUMBERED)
    released(parcels, parcels.release(other), "LOC3")
    for patient, patient_id in ((AGNES, "LOC2"), (BORIS, "LOC3")):
        found = known_as(parcels, patient | NUMBERED)
        assert found is not None
        assert (found.patient_id, found.several, found.may_be_filed_as) == (patient_id, True, patient_id)


def test_an_id_that_would_be_refused_is_not_proposed(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES | NUMBERED)), "LOC2")
    found = known_as(parcels, BORIS | NUMBERED)
    assert found is not None
    assert (found.patient_id, found.is_anothers, found.may_be_filed_as) == ("LOC2", True, "")


def test_an_id_is_one_of_its_sender_and_its_issuer() -> None:
    def ident(patient_id: str, issuer: str = "", sender: str = "ZX1", **more: str) -> SentId | None:
        agnes = PatientFacts(patient_id, issuer, PatientName="EXAMPLE^Agnes", PatientBirthDate="19510203")
        return sent_id(replace(agnes, **more), sender, "node-1")  # type: ignore[arg-type]

    assert ident("N1 ") == SentId("ZX1", "node-1", "N1"), "two PACS of one Institution may number each for itself"
    assert ident("N1", "PAS") == SentId("ZX1", "PAS", "N1")
    assert ident("N1", "PAS", "ZX3") == SentId("ZX3", "PAS", "N1"), "whose PAS that is, who knows"
    assert ident("9990000018", "NHS") is None
    assert ident("H1", "NHS") == SentId("ZX1", "NHS", "H1"), "that is no NHS number"
    assert ident("") is None
    assert ident("UNKNOWN", PatientName="") is None, "many are called so"
    assert ident("UNKNOWN", PatientBirthDate="") is None
    assert ident("N" * 65) is None
