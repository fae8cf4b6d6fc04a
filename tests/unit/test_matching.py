"""A match explains itself, and is automatic only when nothing contradicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.domain.identity import folded
from models.domain.matching import Arrived, Field, Wanted, compare, fits

NHS = "9990000018"
ARRIVED = Arrived(
    StudyInstanceUID="1.2.3",
    nhs_numbers=frozenset({NHS}),
    PatientID="H123",
    PatientName="TESTPATIENT^ADA^^DR",
    PatientBirthDate="19610203",
    StudyDate="20260503",
    accessions=frozenset({"A77"}),
    modalities=frozenset({"CT", "SR"}),
)
PERSON = Wanted(
    study_id="s1",
    request_id="r1",
    requester="ZX2",
    nhs_number=NHS,
    birth_date="19610203",
    family_name="Testpatient",
    given_name="Ada",
)


@pytest.mark.parametrize(
    ("changes", "certain"),
    [
        ({}, False),
        ({"Modality": "CT"}, True),
        ({"Modality": "MR"}, False),
        ({"study_date_from": "20260501", "study_date_to": "20260510"}, True),
        ({"study_date_from": "20260504"}, False),
        ({"study_date_to": "20260502"}, False),
        ({"nhs_number": ""}, False),
        ({"nhs_number": "", "AccessionNumber": "A77"}, True),
        ({"nhs_number": "", "StudyInstanceUID": "1.2.3"}, True),
        ({"nhs_number": "", "StudyInstanceUID": "1.2.3", "birth_date": "19610204"}, False),
        ({"Modality": "CT", "source_patient_id": "H123"}, True),
        ({"Modality": "CT", "source_patient_id": "H124"}, False),
        ({"Modality": "CT", "StudyInstanceUID": "1.2.4"}, False),
        ({"Modality": "CT", "AccessionNumber": "A78"}, False),
        ({"Modality": "CT", "nhs_number": ""}, False),
        ({"Modality": "CT", "given_name": "Beth"}, False),
        ({"Modality": "CT", "given_name": ""}, False),
        ({"Modality": "CT", "family_name": "Other"}, False),
        ({"source_patient_id": "H123"}, False),
    ],
)
def test_only_what_agrees_in_full_or_was_named_is_automatic(changes: dict[str, str], certain: bool) -> None:
    assert compare(ARRIVED, replace(PERSON, **changes)).is_certain is certain  # type: ignore[arg-type]


def test_the_verdict_names_what_agrees_and_what_differs_and_no_value() -> None:
    fit = compare(ARRIVED, replace(PERSON, given_name="Beth", Modality="CT"))
    assert fit.agrees == (Field.NHS_NUMBER, Field.BIRTH_DATE, Field.FAMILY_NAME, Field.MODALITY)
    assert fit.differs == (Field.GIVEN_NAME,)
    assert fit.is_possible


@pytest.mark.parametrize(
    ("changes", "possible"),
    [
        ({"birth_date": "", "family_name": "", "given_name": ""}, True),
        ({"nhs_number": ""}, True),
        ({"nhs_number": "", "birth_date": ""}, False),
        ({"nhs_number": "9990000026"}, False),
        ({"nhs_number": "9990000026", "StudyInstanceUID": "1.2.3"}, True),
        ({"StudyInstanceUID": "1.2.4"}, False),
    ],
)
def test_what_is_worth_a_persons_look(changes: dict[str, str], possible: bool) -> None:
    assert compare(ARRIVED, replace(PERSON, **changes)).is_possible is possible  # type: ignore[arg-type]


def test_each_request_is_offered_its_best_study_once_and_the_surest_request_first() -> None:
    named = replace(PERSON, study_id="s2", AccessionNumber="A77")
    other = replace(PERSON, study_id="s3", request_id="r2", given_name="Beth")
    found = fits(ARRIVED, [other, PERSON, named])
    assert [fit.wanted.study_id for fit in found] == ["s2", "s3"]


def test_what_the_requester_holds_already_is_no_prior() -> None:
    prior = replace(PERSON, is_prior=True, held_already=frozenset({"1.2.3"}))
    assert not compare(ARRIVED, prior).is_possible


@pytest.mark.parametrize(("modalities", "certain"), [({"CT"}, False), ({"CT", "SR"}, True), ({"CT", "DOC"}, True)])
def test_images_alone_are_no_report(modalities: set[str], certain: bool) -> None:
    arrived = replace(ARRIVED, modalities=frozenset(modalities))
    assert compare(arrived, replace(PERSON, Modality="CT", report_only=True)).is_certain is certain


def test_names_are_compared_without_case_accents_blanks_and_hyphens() -> None:
    assert folded("Möller-van Dyke") == folded("MOLLER VANDYKE")
