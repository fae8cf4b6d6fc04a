"""Images that say nothing of their patient go into nobody's local ID unless somebody has looked."""

from __future__ import annotations

from typing import Any

import pytest

from models.local_patients import CALLED_OTHERWISE, NOTHING_SAYS
from models.tables import Delivery, LocalPatient, SendersId
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import (
    AGNES,
    NUMBERED,
    TWIN,
    check,
    image,
    known,
    pacs,
    released,
    unlearned,
)
from tests.demo.programs import Program

__all__ = ["pacs"]

NAMELESS: dict[str, Any] = {"PatientID": "N9", "PatientName": "", "PatientBirthDate": ""}


@pytest.fixture
def first(parcels: Parcels) -> str:
    """Of Agnes, released under H123."""
    parcels.set_node(1, query_back=False)
    delivery_id = parcels.release(image(AGNES))
    released(parcels, delivery_id, "H123")
    return delivery_id


@pytest.mark.usefixtures("first")
def test_a_known_person_s_id_is_not_taken_unless_somebody_has_looked(parcels: Parcels) -> None:
    nameless = parcels.release(image(NAMELESS))
    assert check(parcels, nameless, "H123") == NOTHING_SAYS
    assert check(parcels, nameless, "H123", same_person="H300") == NOTHING_SAYS
    assert check(parcels, nameless, "H123", same_person="H123") == ""
    assert check(parcels, nameless, "H300") == "", "of whom nothing is known"


@pytest.mark.usefixtures("first")
def test_the_record_stays_whose_it_is(parcels: Parcels) -> None:
    nameless = parcels.release(image(NAMELESS))
    released(parcels, nameless, "H123", same_person="H123")
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, nameless).identity is not None
        record = session.get_one(LocalPatient, ("ZX2", "H123"))
        assert (record.PatientName, record.PatientBirthDate) == ("EXAMPLE^Agnes", "19510203")
        assert session.get(SendersId, ("ZX2", "ZX1", "ZX1", "N9")) is None, "who has looked may err"


def test_of_two_decided_at_once_the_later_is_asked(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    agnes, nameless = parcels.release(image(AGNES)), parcels.release(image(NAMELESS))
    assert check(parcels, agnes, "H123") == ""
    assert check(parcels, nameless, "H123") == NOTHING_SAYS


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(
    "said",
    [
        {"PatientName": "EXAMPLE"},
        {"PatientBirthDate": "19510203"},
        {"PatientName": "EXAMPLE^Agnes"},
        {"PatientName": "EXAMPLE^A", "PatientBirthDate": "19510203"},
        {"PatientName": "EXAMPLE^Agnes", "PatientBirthDate": "19510000"},
    ],
)
def test_too_little_that_agrees_is_not_enough(parcels: Parcels, said: dict[str, str]) -> None:
    vague = parcels.release(image(NAMELESS | said))
    assert check(parcels, vague, "H123") == NOTHING_SAYS
    released(parcels, vague, "H123", same_person="H123")
    with parcels.database.begin() as session:
        record = session.get_one(LocalPatient, ("ZX2", "H123"))
        assert (record.PatientName, record.PatientBirthDate) == ("EXAMPLE^Agnes", "19510203")


def test_the_nhs_number_is_enough(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES | NUMBERED)), "H123")
    assert check(parcels, parcels.release(image(NUMBERED | {"PatientName": "", "PatientBirthDate": ""})), "H123") == ""


@pytest.mark.usefixtures("first")
def test_who_is_called_otherwise_reads_that(parcels: Parcels) -> None:
    assert check(parcels, parcels.release(image(TWIN)), "H123") == CALLED_OTHERWISE


def test_a_bearer_about_whom_nothing_is_known_is_asked_nothing(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(NAMELESS)), "H123")
    assert check(parcels, parcels.release(image(NAMELESS | {"PatientID": "N8"})), "H123") == ""
    released(parcels, parcels.release(image(AGNES)), "H123")
    assert known(parcels) == {"H123": "EXAMPLE^Agnes"}


def test_whom_the_destination_s_own_pacs_knows_counts(parcels: Parcels, pacs: Program) -> None:
    first = parcels.release(image(AGNES))
    released(parcels, first, "H123")
    assert parcels.send(first).accepted == 1
    unlearned(parcels)
    assert check(parcels, parcels.release(image(NAMELESS)), "H123") == NOTHING_SAYS
