"""What images carry, an NHS number or their sender's ID, may have gone to the destination with another person."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from activities.deliveries import ANOTHER_WENT_THERE, DeliveryActivities
from models.domain.contracts import CommandKind, Listing, NodeQuestion
from models.filed_under import ANOTHER_WENT, CALLED_OTHERWISE_WENT, NEEDS_A_LOOK
from models.local_patients import ANOTHERS_ID, DECIDED_BEFORE
from models.tables import Delivery, Node, Study, Worklist
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import AGNES, BORIS, asked, check, entered, image, on_worklist, pacs, released
from tests.demo.programs import Program
from tests.workflows.rows import command

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


@CARRIED
@pytest.mark.parametrize("as_if", [{"PatientName": "EXAMPLE^Berta"}, {"PatientSex": "M"}], ids=["twin", "other sex"])
def test_who_looks_otherwise_is_asked_about_whatever_number_is_shared(
    parcels: Parcels, carried: dict[str, str], as_if: dict[str, str]
) -> None:
    parcels.release(image(AGNES | carried | {"PatientSex": "F"}))
    other = waits(parcels, **AGNES | carried | {"PatientSex": "F"} | as_if)
    assert check(parcels, other, "") == CALLED_OTHERWISE_WENT
    assert check(parcels, other, "", same_person=carried["PatientID"]) == ""


@pytest.mark.parametrize("issuers", [("NHS", ""), ("", "NHS")], ids=["as such first", "as a local ID first"])
def test_an_nhs_number_is_one_whoever_is_said_to_issue_it(parcels: Parcels, issuers: tuple[str, str]) -> None:
    first, second = (NHS | {"IssuerOfPatientID": issuer} for issuer in issuers)
    parcels.release(image(AGNES | first))
    assert check(parcels, waits(parcels, **BORIS | second), "") == ANOTHER_WENT


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
    assert check(parcels, other, "") == DECIDED_BEFORE
    assert asked(parcels, one, earlier) == "", "the earlier goes"


def test_of_two_local_ids_that_are_entered_at_once_the_first_decision_counts(parcels: Parcels) -> None:
    one, other = waits(parcels, **AGNES), waits(parcels, **BORIS)
    earlier = entered(parcels, one, "H1")
    assert check(parcels, other, "H1") == DECIDED_BEFORE, "though it is carried out first"
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
    assert check(parcels, waits(parcels, **BORIS), typed) == ANOTHERS_ID


def test_nor_is_one_that_is_known_with_an_own_id(parcels: Parcels) -> None:
    released(parcels, waits(parcels, **AGNES | NHS), "H1")
    assert check(parcels, waits(parcels, **BORIS), "9990000018") == ANOTHERS_ID
    assert check(parcels, waits(parcels, **BORIS | NHS), "") == ANOTHER_WENT


def by_itself(parcels: Parcels) -> None:
    """ZX2's worklist releases by itself."""
    with parcels.database.begin() as session:
        session.get_one(Worklist, parcels.filling.registry.worklists["ZX2"]).auto_release = True


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
    by_itself(parcels)
    first, same, other = (arrives(parcels, patient | carried) for patient in (AGNES, AGNES, BORIS))
    assert [listed(parcels, one).automatic for one in (first, same)] == [True, True], "neither is released yet"
    answer = listed(parcels, other)
    assert (answer.automatic, answer.detail) == (False, NEEDS_A_LOOK)


def test_the_patient_of_a_disputed_id_goes_on(parcels: Parcels) -> None:
    by_itself(parcels)
    parcels.release(image(AGNES))
    assert not listed(parcels, arrives(parcels, BORIS | {"PatientID": "N1"})).automatic
    assert listed(parcels, arrives(parcels, AGNES)).automatic


def test_whom_an_id_alone_names_goes_to_nobody_by_itself(parcels: Parcels) -> None:
    by_itself(parcels)
    parcels.release(image(AGNES))
    nameless = AGNES | {"PatientName": "", "PatientBirthDate": ""}
    assert listed(parcels, arrives(parcels, nameless)).detail == NEEDS_A_LOOK
    assert listed(parcels, arrives(parcels, nameless | {"PatientID": "N7"})).automatic, "nobody else has that ID"


@CARRIED
def test_nor_whom_only_the_pacs_knows_otherwise(parcels: Parcels, pacs: Program, carried: dict[str, str]) -> None:
    by_itself(parcels)
    parcels.set_node(pacs.port, query_back=True)
    there = parcels.release(image(AGNES | carried))
    parcels.send(there)
    with parcels.database.begin() as session:
        session.get_one(Delivery, there).state = "refused"
    assert listed(parcels, arrives(parcels, BORIS | carried)).detail == NEEDS_A_LOOK
    assert listed(parcels, arrives(parcels, AGNES | carried)).automatic


def test_nor_while_a_person_releases_another_under_it(parcels: Parcels) -> None:
    entered(parcels, waits(parcels, **AGNES), "")
    by_itself(parcels)
    assert not listed(parcels, arrives(parcels, BORIS | {"PatientID": "N1"})).automatic


def test_once_somebody_has_looked_nobody_is_asked_again(parcels: Parcels) -> None:
    parcels.release(image(AGNES))
    parcels.release(image(AGNES | MARRIED))
    assert [check(parcels, waits(parcels, **AGNES | name), "") for name in ({}, MARRIED)] == ["", ""]
    other = AGNES | {"PatientName": "THIRDNAME^Agnes"}
    assert check(parcels, waits(parcels, **other), "") == CALLED_OTHERWISE_WENT


@CARRIED
def test_a_birth_date_may_have_been_corrected(parcels: Parcels, carried: dict[str, str]) -> None:
    parcels.release(image(AGNES | carried | {"PatientBirthDate": "19510302"}))
    corrected = waits(parcels, **AGNES | carried)
    assert check(parcels, corrected, "") == CALLED_OTHERWISE_WENT
    assert check(parcels, corrected, "", same_person=carried["PatientID"]) == ""


def test_who_was_unknown_when_first_scanned_is_asked_about(parcels: Parcels) -> None:
    parcels.release(image(AGNES | {"PatientName": "UNKNOWN^Female", "PatientBirthDate": ""}))
    named = waits(parcels, **AGNES)
    assert check(parcels, named, "") == CALLED_OTHERWISE_WENT
    assert check(parcels, named, "", same_person="N1") == ""


def test_whom_the_images_named_counts_and_not_what_was_first_pushed_of_the_study(parcels: Parcels) -> None:
    parcels.release(image(AGNES))
    with parcels.database.begin() as session:
        for study in session.query(Study):
            study.patient = study.patient | {"PatientName": "SAMPLE^Boris", "PatientBirthDate": "19480809"}
    assert check(parcels, waits(parcels, **AGNES), "") == ""
    assert check(parcels, waits(parcels, **BORIS | {"PatientID": "N1"}), "") == ANOTHER_WENT


def test_an_own_id_that_is_an_nhs_number_is_looked_at_from_the_other_side_too(parcels: Parcels) -> None:
    released(parcels, waits(parcels, **AGNES), "9990000018")
    assert check(parcels, waits(parcels, **BORIS | NHS), "") == ANOTHER_WENT


def test_another_node_that_files_otherwise_gets_it_under_nobody_else_s(parcels: Parcels) -> None:
    parcels.release(image(AGNES | NHS))
    both = BORIS | {"OtherPatientIDsSequence": [other_id("9990000018")]}
    with parcels.database.begin() as session:
        session.get_one(Node, parcels.node_id).nhs_first = False
    stopped = parcels.release(image(both))
    with parcels.database.begin() as session:
        assert (session.get_one(Delivery, stopped).identity or {})["PatientID"] == "N2"
        node = session.get_one(Node, parcels.filling.registry.nodes["ZX3_PACS"])
        node.institution_id, node.nhs_first, node.query_back = "ZX2", True, False
        content_id = command(session, CommandKind.REDIRECT_DELIVERY, stopped, node_id=node.id)
    question = NodeQuestion(stopped, content_id)
    activities = DeliveryActivities(parcels.database)
    assert parcels.environment.run(activities.cannot_go_to, question) == ANOTHER_WENT_THERE
    with parcels.database.begin() as session:
        session.get_one(Node, parcels.filling.registry.nodes["ZX3_PACS"]).nhs_first = False
    assert parcels.environment.run(activities.cannot_go_to, question) == ""


def other_id(number: str) -> Dataset:
    item = Dataset()
    item.PatientID, item.IssuerOfPatientID = number, "NHS"
    return item
