"""A match explains itself, and is automatic only when nothing contradicts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.uid import UID

from models.domain.identity import folded
from models.domain.matching import Arrived, Field, Wanted, compare, fits
from models.domain.parts import REPORTS, STORAGE, Part, parts_of

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
    holds=frozenset(Part),
    written=True,
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
        ({"nhs_number": "9990000026"}, True),
        ({"nhs_number": "9990000026", "given_name": "Beth"}, False),
        ({"nhs_number": "9990000026", "birth_date": ""}, False),
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


IMAGES = replace(PERSON, Modality="CT", item="i1")
REPORT = replace(IMAGES, study_id="s2", part=Part.REPORT)
DATED = replace(REPORT, study_date_from="20260503", study_date_to="20260503")
ONLY_IMAGES = replace(ARRIVED, holds=frozenset({Part.IMAGES}), modalities=frozenset({"CT"}))
ONLY_REPORT = replace(ARRIVED, holds=frozenset({Part.REPORT}), modalities=frozenset({"SR"}))
NEITHER = replace(ARRIVED, holds=frozenset(), modalities=frozenset({"KO"}))


@pytest.mark.parametrize("changes", [{}, {"StudyInstanceUID": "1.2.3"}, {"AccessionNumber": "A77"}])
@pytest.mark.parametrize("arrived", [ONLY_REPORT, NEITHER])
def test_what_holds_no_image_is_never_the_images(arrived: Arrived, changes: dict[str, str]) -> None:
    """Nor is a person asked, also where it is of the very study whose images came before."""
    for modalities in (arrived.modalities, {"CT", *arrived.modalities}):
        one = replace(arrived, modalities=frozenset(modalities))
        assert fits(one, [replace(IMAGES, **changes)]) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arrived", "wanted", "certain"),
    [
        (ONLY_REPORT, DATED, True),
        (ONLY_REPORT, replace(REPORT, AccessionNumber="A77"), True),
        (ONLY_REPORT, replace(REPORT, StudyInstanceUID="1.2.3"), True),
        (ONLY_REPORT, REPORT, False),
        (ONLY_REPORT, replace(DATED, study_date_to="20260502"), False),
        (replace(ONLY_REPORT, modalities=frozenset({"CT", "SR"})), REPORT, True),
        (replace(ONLY_REPORT, modalities=frozenset({"MR", "SR"})), DATED, False),
        (replace(ONLY_REPORT, modalities=frozenset({"OT"})), DATED, True),
        (ONLY_IMAGES, DATED, False),
        (ONLY_IMAGES, replace(DATED, StudyInstanceUID="1.2.3"), False),
        (NEITHER, DATED, False),
        (ARRIVED, REPORT, True),
    ],
)
def test_a_report_is_compared_by_whose_study_it_is_of_and_not_by_its_own_modality(
    arrived: Arrived, wanted: Wanted, certain: bool
) -> None:
    fit = compare(arrived, wanted)
    assert fit.is_certain is certain
    assert (Field.REPORT in fit.agrees) is (Part.REPORT in arrived.holds)


def test_what_holds_images_and_report_is_both_of_one_study() -> None:
    other = [replace(IMAGES, study_id="s3", item="i2"), replace(REPORT, study_id="s4", item="i2")]
    found = fits(ARRIVED, [IMAGES, REPORT, *other])
    assert sorted(fit.wanted.study_id for fit in found) == ["s1", "s2"]
    assert all(fit.is_certain for fit in found)
    assert [fit.wanted.study_id for fit in fits(ONLY_IMAGES, [IMAGES, REPORT, *other])] == ["s1"]
    assert [fit.wanted.study_id for fit in fits(ONLY_REPORT, [IMAGES, REPORT, *other])] == ["s2"]


def test_a_secondary_capture_may_be_a_report_that_was_scanned_which_a_person_says() -> None:
    (fit,) = fits(replace(ONLY_IMAGES, scanned=True), [DATED])
    assert fit.differs == (Field.REPORT,)


@pytest.mark.parametrize("changes", [{}, {"StudyInstanceUID": "1.2.3"}, {"AccessionNumber": "A77"}])
def test_other_images_are_never_the_report(changes: dict[str, str]) -> None:
    assert fits(ONLY_IMAGES, [replace(DATED, **changes)]) == []  # type: ignore[arg-type]


def test_the_report_of_the_study_whose_images_came_is_certain_and_of_another_is_not() -> None:
    misspelt = replace(REPORT, family_name="Testpatent", came=frozenset({"1.2.3"}))
    assert compare(ONLY_REPORT, misspelt).is_certain
    assert not compare(ONLY_IMAGES, misspelt).is_certain
    another = compare(ARRIVED, replace(DATED, came=frozenset({"1.2.4"})))
    assert (another.is_certain, another.is_possible, another.differs) == (False, True, (Field.ITS_IMAGES,))
    assert compare(ARRIVED, replace(DATED, came=frozenset({"1.2.4"}), AccessionNumber="A77")).is_certain


@pytest.mark.parametrize(
    ("classes", "parts"),
    [
        (["2"], {Part.IMAGES}),
        (["2", "88.67"], {Part.IMAGES}),
        (["88.22"], {Part.REPORT}),
        (["104.1"], {Part.REPORT}),
        (["104.2", "7"], {Part.IMAGES, Part.REPORT}),
        (["88.59"], set()),
        (["11.1", "88.67"], set()),
        (["104.3"], set()),
    ],
)
def test_parts_are_told_by_sop_classes(classes: list[str], parts: set[Part]) -> None:
    """CT, SC; Enhanced SR, dose report, key objects; encapsulated PDF, CDA, STL; a presentation state."""
    assert parts_of(f"{STORAGE}{number}" for number in classes) == parts


def test_reports_are_classes_of_the_standard() -> None:
    assert all("SR" in UID(uid).keyword or "Encapsulated" in UID(uid).keyword for uid in REPORTS)


def test_names_are_compared_without_case_accents_blanks_and_hyphens() -> None:
    assert folded("Möller-van Dyke") == folded("MOLLER VANDYKE")


@pytest.mark.parametrize("wanted", [REPORT, replace(REPORT, came=frozenset({"1.2.3"}))])
def test_what_a_machine_may_have_written_is_the_report_only_if_a_person_says_so(wanted: Wanted) -> None:
    fit = compare(replace(ONLY_REPORT, written=False), wanted)
    assert (fit.is_certain, fit.is_possible, Field.REPORT in (*fit.agrees, *fit.differs)) == (False, True, False)


def test_a_report_that_comes_alone_is_not_told_by_a_span_of_days() -> None:
    span = replace(DATED, study_date_from="20260101", study_date_to="20261231")
    assert not compare(ONLY_REPORT, span).is_certain
    assert compare(ONLY_REPORT, replace(span, is_prior=True)).is_certain
    assert compare(ONLY_REPORT, replace(span, study_date_from="20260503", study_date_to="20260503")).is_certain
