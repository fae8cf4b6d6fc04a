"""Searching the own PACS: the demo's, and PACS that answer oddly, too much, too little or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from activities.inquiry import PATIENT_ROOT, STUDY_ROOT
from models.db import Database
from models.searches import hit_from_json
from models.tables import Node, PacsHit, PacsSearch
from tests.activities.asked_pacs import Answers, AskedPacs, Searcher, always, asked_pacs, study, uids
from tests.database import Registry
from tests.demo.programs import Program, program
from tests.edge.objects import save
from tests.ingest.filling import small_ct

NAME = {"family_name": "Example", "birth_date": "19510203"}
NHS = "9990000018"


@pytest.fixture
def searcher(database: Database, registry: Registry) -> Searcher:
    return Searcher(database, registry)


def put(folder: Path, number: int, **elements: Any) -> None:
    """One study with two series in the folder of a PACS."""
    for series in (1, 2):
        image = small_ct(
            number * 10 + series, StudyInstanceUID=f"2.25.77{number}", SeriesInstanceUID=f"2.25.77{number}.{series}",
            SeriesNumber=str(series), SeriesDescription=f"Series {series}", **elements,
        )  # fmt: skip
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        save(image, folder / f"{number}.{series}.dcm")


@pytest.fixture
def pacs(searcher: Searcher, tmp_path: Path) -> Iterator[Program]:
    folder = tmp_path / "pacs"
    folder.mkdir()
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = NHS, "NHS"
    agnes = {"PatientID": "N1", "PatientName": "EXAMPLE^Agnes", "PatientBirthDate": "19510203"}
    put(folder, 1, **agnes, StudyDate="20260503", AccessionNumber="A1", OtherPatientIDsSequence=[other])
    put(folder, 2, **agnes, StudyDate="20230101", AccessionNumber="A2", OtherPatientIDsSequence=[other])
    put(folder, 3, PatientID=NHS, PatientName="EXAMPLE^Nora", PatientBirthDate="19610101", StudyDate="20260101")
    put(
        folder, 4, PatientID="N4", PatientName="MÜLLER^Jörg=山田^太郎", PatientBirthDate="19550505",
        SpecificCharacterSet="ISO_IR 192", StudyDate="20260101",
    )  # fmt: skip
    arguments = ("--ae-title", "ZX1_PACS", "--folder", str(folder))
    with program(tmp_path / "log", "demo.pacs", *arguments) as running:
        searcher.set_node(running.port)
        yield running


def test_by_name_and_birth_date(searcher: Searcher, pacs: Program) -> None:
    found = searcher.search(**NAME, given_name="a")
    assert (found.state, uids(found), found.truncated) == ("answered", ["2.25.771", "2.25.772"], False)
    hit = hit_from_json(found.hits[0].facts)
    assert (hit.PatientName, hit.StudyDate, hit.ModalitiesInStudy) == ("EXAMPLE^Agnes", "20260503", ("CT",))
    assert (hit.series, hit.images, hit.AccessionNumber) == (2, 2, "A1")
    assert uids(searcher.search(**NAME, date_from="20260101")) == ["2.25.771"]
    assert uids(searcher.search(**NAME, Modality="MR")) == []


def test_by_each_of_its_numbers(searcher: Searcher, pacs: Program) -> None:
    assert uids(searcher.search(patient_id="N1")) == ["2.25.771", "2.25.772"]
    assert uids(searcher.search(accession="A2")) == ["2.25.772"]
    assert uids(searcher.search(StudyInstanceUID="2.25.772")) == ["2.25.772"]
    assert uids(searcher.search(nhs_number=NHS)) == ["2.25.773"], "where it is the Patient ID, that is asked first"


def test_an_nhs_number_among_the_other_ids(searcher: Searcher, pacs: Program) -> None:
    found = searcher.search(nhs_number=NHS, date_to="20240101")
    assert uids(found) == ["2.25.772"]
    assert hit_from_json(found.hits[0].facts).other_ids == (NHS,)


def test_nothing_there(searcher: Searcher, pacs: Program) -> None:
    assert searcher.search(patient_id="N1", date_to="20200101").sentence == "No match; widen the dates."
    assert searcher.search(patient_id="X").sentence.startswith("No match; look at what was entered")


@pytest.mark.parametrize("typed", ["Müller", "müller", "Mül"])
def test_names_in_any_writing(searcher: Searcher, pacs: Program, typed: str) -> None:
    found = searcher.search(family_name=typed, birth_date="19550505")
    assert hit_from_json(found.hits[0].facts).PatientName == "MÜLLER^Jörg=山田^太郎"


def test_the_series_of_a_study(searcher: Searcher, pacs: Program) -> None:
    found = searcher.series(searcher.search(accession="A1"))
    assert (found.state, found.level, found.sentence) == ("answered", "SERIES", "")
    assert [hit.SeriesInstanceUID for hit in found.hits] == ["2.25.771.1", "2.25.771.2"]
    assert found.hits[0].facts["SeriesDescription"] == "Series 1"
    assert found.hits[0].facts["images"] == 1


def test_latin_letters_go_and_come_as_declared(searcher: Searcher) -> None:
    match = study(SpecificCharacterSet="ISO_IR 100", PatientName="MÜLLER^Jörg")
    with asked_pacs(always((0xFF00, match))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(family_name="Müller", birth_date="19510203")
        assert pacs.asked[0].SpecificCharacterSet == "ISO_IR 100"
        assert str(pacs.asked[0].PatientName) == "Müller*"
        assert hit_from_json(found.hits[0].facts).PatientName == "MÜLLER^Jörg"


def test_undeclared_letters_are_read_all_the_same(searcher: Searcher) -> None:
    match = study(PatientName="x")
    match["PatientName"] = RawDataElement(Tag("PatientName"), "PN", 12, b"EXAMPLE^Zo\xeb", 0, True, True)
    with asked_pacs(always((0xFF00, match))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
        assert hit_from_json(found.hits[0].facts).PatientName == "EXAMPLE^Zoë"


def test_an_archive_that_minds_capitals(searcher: Searcher) -> None:
    def answer(pacs: AskedPacs, event: Any) -> Answers:
        if str(event.identifier.PatientName) == "EXAMPLE*":
            yield 0xFF00, study()

    with asked_pacs(answer) as pacs:
        searcher.set_node(pacs.port)
        assert uids(searcher.search(**NAME)) == ["2.25.771"]


def test_what_it_ignored_is_left_out_and_said(searcher: Searcher) -> None:
    others = [study(2, PatientBirthDate="19480101"), study(3, StudyDate="20100101"), study(4, ModalitiesInStudy=["MR"])]
    with asked_pacs(always(*((0xFF00, one) for one in (study(1), *others)))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME, date_from="20260101", Modality="CT")
    assert uids(found) == ["2.25.771"]
    assert found.sentence == (
        "3 answers that did not match what was asked (birth date, dates, modality) are left out: ZX1_PACS ignores that."
    )


def test_another_patient_never_shows(searcher: Searcher) -> None:
    """An archive that knows no other IDs answers with everybody."""
    with asked_pacs(lambda pacs, event: iter([(0xFF00, study(n)) for n in range(3)])) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(nhs_number=NHS)
        assert [keyword for one in pacs.asked for keyword in ("PatientID", "OtherPatientIDs") if one.get(keyword)] == [
            "PatientID",
            "OtherPatientIDs",
        ]
    assert uids(found) == []
    assert found.sentence.startswith("No match; look at what was entered")
    assert "3 answers that did not match what was asked (Patient ID) are left out" in found.sentence


def test_patient_root_alone(searcher: Searcher) -> None:
    def answer(pacs: AskedPacs, event: Any) -> Answers:
        asked = event.identifier
        if asked.QueryRetrieveLevel == "PATIENT":
            patient = Dataset()
            patient.QueryRetrieveLevel, patient.PatientID, patient.PatientName = "PATIENT", "N1", "EXAMPLE^Agnes"
            yield 0xFF00, patient
        elif asked.QueryRetrieveLevel == "STUDY" and asked.PatientID == "N1":
            yield 0xFF00, study()
        elif asked.QueryRetrieveLevel == "SERIES" and asked.PatientID == "N1":
            for number in (1, 2):
                series = Dataset()
                series.QueryRetrieveLevel = "SERIES"
                series.StudyInstanceUID, series.SeriesInstanceUID = f"2.25.77{number}", f"2.25.77{number}.1"
                yield 0xFF00, series

    with asked_pacs(answer, (PATIENT_ROOT,)) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
        assert uids(found) == uids(searcher.search(patient_id="N1")) == ["2.25.771"]
        assert [one.QueryRetrieveLevel for one in pacs.asked] == ["PATIENT", "STUDY", "STUDY"]
        assert [hit.SeriesInstanceUID for hit in searcher.series(found).hits] == ["2.25.771.1"], "not another study's"
        assert searcher.search(accession="A1").sentence == "ZX1_PACS cannot be asked this (A900); try again."


def test_study_root_is_preferred(searcher: Searcher) -> None:
    with asked_pacs(always((0xFF00, study())), (PATIENT_ROOT, STUDY_ROOT)) as pacs:
        searcher.set_node(pacs.port)
        searcher.search(**NAME)
        assert [one.QueryRetrieveLevel for one in pacs.asked] == ["STUDY"]


def test_what_was_answered_stays_and_what_is_forgotten_is_not_asked(searcher: Searcher) -> None:
    with asked_pacs(always((0xFF00, study()))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
        assert uids(searcher.carried_out(found.id)) == ["2.25.771"]
        assert len(pacs.asked) == 1
    with searcher.database.begin() as session:
        assert session.get_one(Node, searcher.node_id).last_answer_at is not None
        session.delete(session.get_one(PacsSearch, found.id))
    with searcher.database.begin() as session:
        assert session.get(PacsHit, (found.id, 1)) is None
