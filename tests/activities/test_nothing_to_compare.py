"""Images that say nothing of their patient go into nobody's local ID unless somebody has looked."""

from __future__ import annotations

from typing import Any

import pytest

from models.domain.identity import PatientFacts, cannot_be_compared
from models.local_patients import CALLED_OTHERWISE, NOTHING_SAYS
from models.tables import Delivery, LocalPatient, SendersId
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import (
    AGNES,
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


@pytest.mark.usefixtures("first")
def test_where_both_are_released_at_once_the_later_is_not_sent(parcels: Parcels) -> None:
    nameless = parcels.release(image(NAMELESS))
    released(parcels, nameless, "H123")
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, nameless).identity is None


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("said", [{"PatientName": "EXAMPLE"}, {"PatientBirthDate": "19510203"}])
def test_one_thing_that_agrees_is_enough(parcels: Parcels, said: dict[str, str]) -> None:
    assert check(parcels, parcels.release(image(NAMELESS | said)), "H123") == ""


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


ADA = PatientFacts("H1", "ZX1", "EXAMPLE^ADA", "19700101", "F", (("9990000018", "NHS"),))


@pytest.mark.parametrize(
    "other",
    [
        PatientFacts(PatientName="example"),
        PatientFacts(PatientBirthDate="1970.01.01"),
        PatientFacts("9990000026", "NHS"),
    ],
)
def test_whatever_both_say_can_be_compared(other: PatientFacts) -> None:
    assert not cannot_be_compared(ADA, other)


def test_what_only_one_says_cannot() -> None:
    assert cannot_be_compared(ADA, PatientFacts("H1", "ZX1", "^ADA", "", "F"))
    assert cannot_be_compared(PatientFacts(PatientName="EXAMPLE^ADA"), PatientFacts(PatientBirthDate="19700101"))
    assert not cannot_be_compared(PatientFacts("H1", "ZX1", "", "", "F"), ADA), "of the one nothing is known"
    assert not cannot_be_compared(PatientFacts(PatientName="^ADA"), PatientFacts(PatientName="^ADA"))
