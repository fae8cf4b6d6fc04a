"""What a search of the own PACS asks, what an answer must agree with, and which earlier studies are relevant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.domain.pacs_search import Criteria, Hit, are_several, contradictions, differences, priors, questions

NHS = "9990000018"
HIT = Hit(
    "2.25.1", PatientName="EXAMPLE^Agnes", PatientID="N1", PatientBirthDate="19510203", StudyDate="20260503",
    AccessionNumber="A1", ModalitiesInStudy=("CT",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("criteria", "is_strong"),
    [
        ({"nhs_number": NHS}, True),
        ({"patient_id": "N1"}, True),
        ({"accession": "A1"}, True),
        ({"StudyInstanceUID": "2.25.1"}, True),
        ({"family_name": "Example", "birth_date": "19510203"}, True),
        ({"family_name": "Example", "given_name": "Agnes"}, False),
        ({"birth_date": "19510203"}, False),
        ({"date_from": "20260503", "Modality": "CT"}, False),
        ({}, False),
    ],
)
def test_a_strong_key(criteria: dict[str, str], is_strong: bool) -> None:
    assert Criteria(**criteria).is_strong is is_strong


def test_an_nhs_number_is_asked_as_the_patient_id_first() -> None:
    asked = questions(Criteria(nhs_number=NHS, patient_id="N1", date_from="20260101", Modality="CT"))
    ids = ("PatientID", "OtherPatientIDsSequence", "OtherPatientIDs")
    assert [(key, one[key]) for one in asked for key in ids if key in one] == [
        ("PatientID", "N1"),
        ("PatientID", NHS),
        ("OtherPatientIDsSequence", NHS),
        ("OtherPatientIDs", NHS),
    ]
    assert {(one["StudyDate"], one["ModalitiesInStudy"]) for one in asked} == {("20260101-", "CT")}


def test_a_name_is_asked_where_there_is_nothing_better() -> None:
    name = {"family_name": "Example", "given_name": "Ag", "birth_date": "19510203"}
    assert [one["PatientName"] for one in questions(Criteria(**name))] == ["Example*^Ag*", "EXAMPLE*^AG*"]
    (asked,) = questions(Criteria(accession="A1", **name))
    assert "PatientName" not in asked
    assert asked["AccessionNumber"] == "A1"


@pytest.mark.parametrize(
    ("criteria", "hit", "against"),
    [
        ({"patient_id": "n1 "}, {}, ()),
        ({"patient_id": "N2"}, {}, ("Patient ID",)),
        ({"nhs_number": NHS}, {}, ("Patient ID",)),
        ({"nhs_number": NHS}, {"other_ids": ("999 000 0018",)}, ()),
        ({"nhs_number": NHS, "patient_id": "N1"}, {}, ()),
        ({"accession": "A1"}, {}, ()),
        ({"accession": "A1"}, {"AccessionNumber": ""}, ("accession number",)),
        ({"StudyInstanceUID": "2.25.2"}, {}, ("Study Instance UID",)),
        ({"family_name": "Exam", "birth_date": "19510203"}, {}, ()),
        ({"family_name": "Exam", "birth_date": "19510203"}, {"PatientBirthDate": ""}, ("birth date",)),
        ({"family_name": "Xample", "birth_date": "19510203"}, {}, ("name",)),
        ({"family_name": "Ex", "given_name": "b", "birth_date": "19510203"}, {}, ("name",)),
        ({"family_name": "Muller", "birth_date": "19510203"}, {"PatientName": "MÜLLER^J"}, ()),
        ({"family_name": "山田", "birth_date": "19510203"}, {"PatientName": "YAMADA^T=山田^太郎"}, ()),
        ({"accession": "A1", "date_from": "20260504"}, {}, ("dates",)),
        ({"accession": "A1", "date_to": "20260502"}, {}, ("dates",)),
        ({"accession": "A1", "date_from": "20260503", "date_to": "20260503"}, {}, ()),
        ({"accession": "A1", "date_from": "20260504"}, {"StudyDate": ""}, ()),
        ({"accession": "A1", "Modality": "MR"}, {}, ("modality",)),
        ({"accession": "A1", "Modality": "MR"}, {"ModalitiesInStudy": ()}, ()),
    ],
)
def test_what_an_answer_contradicts(criteria: dict[str, str], hit: dict[str, Any], against: tuple[str, ...]) -> None:
    assert contradictions(Criteria(**criteria), replace(HIT, **hit)) == against


def test_a_name_that_was_not_asked_is_compared() -> None:
    looked_for = Criteria(patient_id="N1", family_name="Sample", birth_date="19520203")
    assert contradictions(looked_for, HIT) == ()
    assert differences(looked_for, HIT) == ("name", "birth date")


def earlier(uid: str, date: str, **more: Any) -> Hit:
    return replace(HIT, StudyInstanceUID=uid, StudyDate=date, **more)


def test_the_last_two_relevant_of_five_years() -> None:
    hits = [
        HIT,
        earlier("later", "20260504"),
        earlier("1", "20260502"),
        earlier("held", "20260501"),
        earlier("mr", "20260430", ModalitiesInStudy=("MR",)),
        earlier("other", "20260430", PatientID="N2"),
        earlier("sr", "20260429", ModalitiesInStudy=("SR",)),
        earlier("2", "20210503"),
        earlier("too old", "20210502"),
    ]
    assert [hit.StudyInstanceUID for hit in priors(hits, {"2.25.1"}, {"held"})] == ["1", "2"]
    assert [hit.StudyInstanceUID for hit in priors(hits, {"2.25.1"})] == ["1", "held"]
    assert priors(hits, ()) == ()
    assert priors([replace(HIT, StudyDate="")], {"2.25.1"}) == ()


def test_a_report_object_is_no_kind_of_its_own() -> None:
    both = earlier("1", "20260502", ModalitiesInStudy=("SR", "MR"))
    assert priors([replace(HIT, ModalitiesInStudy=("CT", "SR")), both], {"2.25.1"}) == ()


@pytest.mark.parametrize(
    ("other", "several"),
    [
        ({}, False),
        ({"PatientID": "N9"}, False),
        ({"PatientBirthDate": "19520203"}, True),
        ({"PatientName": "EXAMPLE^Berta"}, True),
        ({"PatientName": "SAMPLE^Agnes"}, True),
    ],
)
def test_studies_of_several_people(other: dict[str, Any], several: bool) -> None:
    assert bool(are_several([HIT, replace(HIT, **other)])) is several
