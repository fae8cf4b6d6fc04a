"""A local Accession Number that went with another patient's study goes only after somebody has looked."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.local_accessions import ANOTHERS_ACCESSION
from models.local_patients import CALLED_OTHERWISE
from models.tables import Delivery, TransitionRow
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import (
    AGNES,
    BORIS,
    TWIN,
    asked,
    check,
    entered,
    image,
    on_worklist,
    released,
)


@pytest.fixture
def first(parcels: Parcels) -> str:
    """Of Agnes, released under H1 and B7x."""
    parcels.set_node(1, query_back=False)
    delivery_id = parcels.release(image(AGNES))
    released(parcels, delivery_id, "H1", accession="B7x")
    return delivery_id


@pytest.mark.usefixtures("first")
def test_it_is_not_taken_unless_somebody_says_that_it_is_right(parcels: Parcels) -> None:
    other = parcels.release(image(BORIS))
    assert check(parcels, other, "H2", accession="B7x") == ANOTHERS_ACCESSION
    assert check(parcels, other, "H2", accession="b7X") == ANOTHERS_ACCESSION
    assert check(parcels, other, "H2", accession="B7x", right_accession="B8") == ANOTHERS_ACCESSION
    assert check(parcels, other, "H2", accession="B7x", right_accession="B7x") == ""
    assert "B7x" not in ANOTHERS_ACCESSION, "it crosses the engine"


@pytest.mark.usefixtures("first")
def test_other_numbers_and_none_are_free(parcels: Parcels) -> None:
    other = parcels.release(image(BORIS))
    assert [check(parcels, other, "H2", accession=number) for number in ("B8", "")] == ["", ""]


@pytest.mark.usefixtures("first")
def test_several_studies_of_one_patient_may_have_it(parcels: Parcels) -> None:
    assert check(parcels, parcels.release(image(AGNES)), "H1", accession="B7x") == ""
    assert check(parcels, parcels.release(image(AGNES)), "h1", accession="B7X") == "", "in whatever case"


@pytest.mark.usefixtures("first")
def test_whose_the_local_id_is_comes_first_and_both_ticks_let_it_through(parcels: Parcels) -> None:
    released(parcels, parcels.release(image(AGNES)), "H3")
    twin = parcels.release(image(TWIN))
    assert check(parcels, twin, "H3", accession="B7x") == CALLED_OTHERWISE
    assert check(parcels, twin, "H3", accession="B7x", same_person="H3") == ANOTHERS_ACCESSION
    assert check(parcels, twin, "H3", accession="B7x", same_person="H3", right_accession="B7x") == ""


def test_it_does_not_count_against_the_delivery_itself(parcels: Parcels, first: str) -> None:
    assert check(parcels, first, "H9", accession="B7x") == ""


def test_a_sender_s_number_is_another_number(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    parcels.release(image(AGNES | {"AccessionNumber": "B7x"}))
    assert check(parcels, parcels.release(image(BORIS)), "H2", accession="B7x") == ""


@pytest.mark.parametrize("state", ["refused", "abandoned"])
def test_what_never_went_has_used_no_number(parcels: Parcels, first: str, state: str) -> None:
    with parcels.database.begin() as session:
        session.get_one(Delivery, first).state = state
    assert check(parcels, parcels.release(image(BORIS)), "H2", accession="B7x") == ""


def test_another_institution_s_numbers_are_its_own(parcels: Parcels, first: str) -> None:
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, first)
        delivery.institution_id = "ZX3"
        delivery.identity = (delivery.identity or {}) | {"IssuerOfPatientID": "ZX3", "accession_issuer": "ZX3"}
    assert check(parcels, parcels.release(image(BORIS)), "H2", accession="B7x") == ""


def test_of_two_people_who_enter_it_at_once_the_later_is_asked(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    one, other = (on_worklist(parcels, parcels.release(image(patient))) for patient in (AGNES, BORIS))
    earlier = entered(parcels, one, "H1", accession="B7x")
    assert check(parcels, other, "H2", accession="b7x") == ANOTHERS_ACCESSION
    assert check(parcels, other, "H2", accession="B8") == ""
    assert check(parcels, other, "H2", accession="B7x", right_accession="B7x") == ""
    assert asked(parcels, one, earlier) == "", "the earlier goes"


def test_the_course_says_what_whoever_released_it_has_ticked(parcels: Parcels) -> None:
    plain, ticked = (parcels.release(image(AGNES)) for _ in range(2))
    released(parcels, plain, "H1")
    released(parcels, ticked, "H1", same_person="H1", right_accession="", under_another_id=True)
    with parcels.database.begin() as session:
        said = {row.subject_id: row.detail for row in session.scalars(select(TransitionRow))}
    assert said[plain] == ""
    assert said[ticked] == (
        "Somebody has looked: it is the person known under that ID. "
        "Other images of the study went under another Patient ID."
    )
