"""What images carry, an NHS number or their sender's ID, may have gone to the destination with another person."""

from __future__ import annotations

from typing import Any

import pytest

from activities.deliveries import DeliveryActivities
from models.domain.contracts import Listing
from models.filed_under import ANOTHER_WENT, CALLED_OTHERWISE_WENT
from models.local_patients import ANOTHERS_ID, CALLED_OTHERWISE
from models.tables import Delivery, Worklist
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import AGNES, BORIS, asked, check, entered, image, on_worklist, pacs, released
from tests.demo.programs import Program

__all__ = ["pacs"]
NHS = {"PatientID": "9990000018", "IssuerOfPatientID": "NHS"}
MARRIED = {"PatientName": "NEWNAME^Agnes"}
"""Agnes, born on the same day."""
CARRIED = pytest.mark.parametrize("carried", [NHS, {"PatientID": "N1"}], ids=["NHS number", "sender's ID"])


@pytest.fixture
def parcels(parcels: Parcels) -> Parcels:
    parcels.set_node(1, query_back=False)
    return parcels


def waits(parcels: Parcels, **patient: Any) -> str:
    return on_worklist(parcels, parcels.release(image(patient)))


@CARRIED
def test_another_person_does_not_go_under_it(parcels: Parcels, carried: dict[str, str]) -> None:
    parcels.release(image(AGNES | carried))
    other = waits(parcels, **BORIS | carried)
    assert check(parcels, other, "") == ANOTHER_WENT
    assert check(parcels, other, "", same_person=carried["PatientID"]) == ANOTHER_WENT, "that cannot be"
    assert check(parcels, other, "H7") == "", "an ID of the own PACS is the way out"
    assert carried["PatientID"] not in ANOTHER_WENT, "it crosses the engine"


@CARRIED
def test_the_same_person_does(parcels: Parcels, carried: dict[str, str]) -> None:
    parcels.release(image(AGNES | carried))
    assert check(parcels, waits(parcels, **AGNES | carried), "") == ""
    nameless = AGNES | carried | {"PatientName": "", "PatientBirthDate": ""}
    assert check(parcels, waits(parcels, **nameless), "") == "", "by the sender's word"


def test_who_is_called_otherwise_goes_after_somebody_has_looked(parcels: Parcels) -> None:
    parcels.release(image(AGNES))
    married = waits(parcels, **AGNES | MARRIED)
    assert check(parcels, married, "") == CALLED_OTHERWISE_WENT
    assert check(parcels, married, "", same_person="N2") == CALLED_OTHERWISE_WENT
    assert check(parcels, married, "", same_person="N1") == ""


def test_an_nhs_number_stays_whoever_marries(parcels: Parcels) -> None:
    parcels.release(image(AGNES | NHS))
    assert check(parcels, waits(parcels, **AGNES | NHS | MARRIED), "") == ""


def test_another_sender_s_id_is_another_id(parcels: Parcels) -> None:
    parcels.release(image(AGNES))
    with parcels.database.begin() as session:
        for delivery in session.query(Delivery):
            delivery.identity = (delivery.identity or {}) | {"IssuerOfPatientID": "ZX3"}
    assert check(parcels, waits(parcels, **BORIS | {"PatientID": "N1"}), "") == ""


@pytest.mark.parametrize("state", ["refused", "abandoned"])
def test_what_never_went_has_used_no_id(parcels: Parcels, state: str) -> None:
    first = parcels.release(image(AGNES))
    with parcels.database.begin() as session:
        session.get_one(Delivery, first).state = state
    assert check(parcels, waits(parcels, **BORIS | {"PatientID": "N1"}), "") == ""


def test_of_two_who_are_released_at_once_the_later_is_asked(parcels: Parcels) -> None:
    one, other = waits(parcels, **AGNES), waits(parcels, **BORIS | {"PatientID": "n1"})
    earlier = entered(parcels, one, "")
    assert check(parcels, other, "") == ANOTHER_WENT
    assert asked(parcels, one, earlier) == "", "the earlier goes"


def test_of_two_local_ids_that_are_entered_at_once_the_first_decision_counts(parcels: Parcels) -> None:
    one, other = waits(parcels, **AGNES), waits(parcels, **BORIS)
    earlier = entered(parcels, one, "H1")
    assert check(parcels, other, "H1") == ANOTHERS_ID, "though it is carried out first"
    assert asked(parcels, one, earlier) == ""


def test_its_own_pacs_knows_more(parcels: Parcels, pacs: Program) -> None:
    parcels.set_node(pacs.port, query_back=True)
    there = parcels.release(image(AGNES | NHS))
    parcels.send(there)
    with parcels.database.begin() as session:
        session.get_one(Delivery, there).state = "refused"
    assert check(parcels, waits(parcels, **BORIS | NHS), "") == ANOTHER_WENT


@pytest.mark.parametrize("typed", ["9990000018", "999 000 0018"])
def test_an_nhs_number_entered_as_an_own_id_is_nobody_else_s(parcels: Parcels, typed: str) -> None:
    parcels.release(image(AGNES | NHS))
    assert check(parcels, waits(parcels, **AGNES), typed) == ""
    assert check(parcels, waits(parcels, **AGNES | MARRIED), typed) == CALLED_OTHERWISE
    assert check(parcels, waits(parcels, **BORIS), typed) == ANOTHERS_ID


def test_nor_is_one_that_is_known_with_an_own_id(parcels: Parcels) -> None:
    released(parcels, waits(parcels, **AGNES | NHS), "H1")
    assert check(parcels, waits(parcels, **BORIS), "9990000018") == ANOTHERS_ID
    assert check(parcels, waits(parcels, **BORIS | NHS), "") == ANOTHER_WENT


def listed(parcels: Parcels, delivery_id: str) -> Listing:
    answer = parcels.environment.run(DeliveryActivities(parcels.database).put_on_worklist, delivery_id)
    assert isinstance(answer, Listing)
    return answer


def arrives(parcels: Parcels, patient: dict[str, Any]) -> str:
    """A delivery that the exchange is about to list."""
    delivery_id = parcels.release(image(patient))
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state, delivery.released_at, delivery.identity = "waiting", None, None
    return delivery_id


@CARRIED
def test_nothing_goes_by_itself_under_another_s(parcels: Parcels, carried: dict[str, str]) -> None:
    with parcels.database.begin() as session:
        session.get_one(Worklist, parcels.filling.registry.worklists["ZX2"]).auto_release = True
    first, same, other = (arrives(parcels, patient | carried) for patient in (AGNES, AGNES, BORIS))
    assert [listed(parcels, one).automatic for one in (first, same)] == [True, True], "neither is released yet"
    answer = listed(parcels, other)
    assert (answer.automatic, answer.detail) == (False, ANOTHER_WENT)
