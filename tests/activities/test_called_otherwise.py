"""A local ID that is known under another name or birth date: only that somebody has looked lets it go under it."""

from __future__ import annotations

from models.local_patients import ANOTHERS_ID, CALLED_OTHERWISE
from models.tables import LocalPatient
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import AGNES, BORIS, check, image, released


def test_who_has_married_is_filed_under_her_own_id_once_somebody_has_looked(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES)), "H123")
    married = parcels.release(image(AGNES | {"PatientName": "MARRIED^Agnes"}))
    assert check(parcels, married, "H123") == CALLED_OTHERWISE
    assert check(parcels, married, "H123", same_person="H123") == ""


def test_a_birth_date_that_alone_differs_is_taken_for_mistyped_once_somebody_has_looked(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES)), "H123")
    mistyped = AGNES | {"PatientBirthDate": "19510302"}
    waits = parcels.release(image(mistyped))
    assert check(parcels, waits, "H123") == CALLED_OTHERWISE
    assert check(parcels, waits, "H123", same_person="H123") == ""
    released(parcels, waits, "H123", same_person="H123")
    with parcels.database.begin() as session:
        assert session.get_one(LocalPatient, ("ZX2", "H123")).PatientBirthDate == "19510203"
    other_given_name = parcels.release(image(mistyped | {"PatientName": "EXAMPLE^Berta"}))
    assert check(parcels, other_given_name, "H123", same_person="H123") == ANOTHERS_ID


def test_nobody_says_so_of_another_person(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES)), "H123")
    assert check(parcels, parcels.release(image(BORIS)), "H123", same_person="H123") == ANOTHERS_ID
