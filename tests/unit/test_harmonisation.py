"""What a destination receives beside the identifiers it files under: the sender's own, and the NHS number."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.domain.harmonisation import OtherIdentifier, Plan, plan
from models.domain.identity import IssuerForm, PatientFacts, SentIdentity, automatic, local
from models.domain.nhs_number import ISSUER, OID

FIRST, SECOND, INVALID = "9990000018", "9990000026", "9990000019"
RELEASED_AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
NHS_NUMBER = OtherIdentifier(FIRST, ISSUER, "NH", OID)
SENDERS_ID = OtherIdentifier("H123", "ZX1", "MR")
LOCAL = local("L9", "B5", "ZX2")
PERSON = PatientFacts("H123", other_ids=((FIRST, ISSUER),))


def planned(facts: PatientFacts, sent: SentIdentity | None, *, may_be_nhs: bool = False) -> Plan:
    assert sent is not None
    return plan(facts, sent, "ZX1", RELEASED_AT, patient_id_may_be_nhs=may_be_nhs)


def test_a_retry_plans_the_same() -> None:
    assert planned(PERSON, LOCAL) == planned(PERSON, LOCAL)


def test_is_stamped_with_the_release_and_the_sender() -> None:
    made = planned(PERSON, LOCAL)
    assert (made.modified_at, made.source_of_previous_values, made.sent) == (RELEASED_AT, "ZX1", LOCAL)


def test_local_ids_go_first_and_the_others_are_kept_with_their_issuers() -> None:
    made = planned(PERSON, LOCAL)
    assert made.others == (SENDERS_ID, NHS_NUMBER)
    assert made.universal_id == ""


def test_the_nhs_number_as_patient_id_carries_the_oid_and_is_not_repeated() -> None:
    made = planned(PERSON, automatic(PERSON, "", "ZX1", IssuerForm.ELEMENT, nhs_first=True))
    assert made.universal_id == OID
    assert made.others == (SENDERS_ID,)


def test_the_senders_id_as_patient_id_is_not_repeated() -> None:
    made = planned(PERSON, automatic(PERSON, "", "ZX1", IssuerForm.ELEMENT, nhs_first=False))
    assert made.universal_id == ""
    assert made.others == (NHS_NUMBER,)


def test_a_prefixed_id_keeps_the_plain_one_beside_it() -> None:
    made = planned(PERSON, automatic(PERSON, "", "ZX1", IssuerForm.PREFIX, nhs_first=False))
    assert made.sent.PatientID == "ZX1H123"
    assert made.others == (SENDERS_ID, NHS_NUMBER)


@pytest.mark.parametrize("facts", [PatientFacts("999 000 0018", ISSUER), PatientFacts(FIRST, OID)])
def test_an_nhs_number_as_the_senders_patient_id_is_kept_once_and_as_what_it_is(facts: PatientFacts) -> None:
    assert planned(facts, LOCAL).others == (NHS_NUMBER,)


@pytest.mark.parametrize("issuer", [ISSUER, OID])
def test_what_only_claims_to_be_an_nhs_number_is_not_passed_on(issuer: str) -> None:
    assert planned(PatientFacts(INVALID, issuer), LOCAL).others == ()


def test_ids_declared_as_nhs_numbers_are_kept_as_both() -> None:
    made = planned(PatientFacts(FIRST), LOCAL, may_be_nhs=True)
    assert made.others == (OtherIdentifier(FIRST, "ZX1", "MR"), NHS_NUMBER)


def test_an_nhs_number_typed_as_local_id_still_stands_as_nhs_number() -> None:
    assert NHS_NUMBER in planned(PERSON, local(FIRST, "", "ZX2")).others


def test_a_third_partys_id_keeps_its_own_issuer() -> None:
    assert planned(PatientFacts("H123", "ZX9"), LOCAL).others == (OtherIdentifier("H123", "ZX9", "MR"),)


@pytest.mark.parametrize("blank", ["", " ", "\0"])
def test_a_blank_id_is_not_kept(blank: str) -> None:
    assert planned(PatientFacts(blank), LOCAL).others == ()


def test_the_order_of_numbers_does_not_depend_on_chance() -> None:
    facts = PatientFacts(other_ids=((SECOND, ISSUER), (FIRST, ISSUER)))
    assert [other.PatientID for other in planned(facts, LOCAL).others] == [FIRST, SECOND]
