"""The made-up studies, judged by dciodvfy and by what the exchange will look for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from demo.patients import ADA, PATIENTS
from demo.studies import NHS_NUMBER_OID, STUDIES, Study, make_study, preload, write_study
from tests.conftest import Peers

ALL = [study for studies in STUDIES.values() for study in studies]


@pytest.mark.peer
@pytest.mark.parametrize("study", ALL, ids=lambda study: study.seed)
def test_dciodvfy_finds_no_fault(study: Study, peers: Peers, tmp_path: Path) -> None:
    judge = peers.need("dciodvfy")
    write_study(tmp_path, study)
    for path in (tmp_path / "1.dcm", tmp_path / f"{study.n}.dcm"):
        verdict = subprocess.run([judge, path], capture_output=True, text=True, check=False)
        assert "Error" not in verdict.stdout + verdict.stderr
        assert "Image" in verdict.stderr, "dciodvfy names the information object that it judged by"
        assert verdict.returncode == 0


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    for seed, folder in (("a", "one"), ("a", "two"), ("b", "three")):
        make_study(tmp_path / folder, seed=seed, patient=ADA, institution_id="ZX1", n=2, rows=64, columns=64)
    one, two, three = [
        [(tmp_path / folder / f"{n}.dcm").read_bytes() for n in (1, 2)] for folder in ("one", "two", "three")
    ]
    assert one == two
    assert one[0] != one[1]
    assert one[0] != three[0]


def test_uids_are_of_one_study_and_differ_by_image(tmp_path: Path) -> None:
    study = make_study(tmp_path, seed="uids", patient=ADA, institution_id="ZX1", n=3, rows=64, columns=64)
    headers = [dcmread(path, stop_before_pixels=True) for path in tmp_path.glob("*.dcm")]
    assert {header.StudyInstanceUID for header in headers} == {study.study_instance_uid}
    assert len({header.SeriesInstanceUID for header in headers}) == 1
    assert len({header.SOPInstanceUID for header in headers}) == 3
    assert all(header.SOPInstanceUID.startswith("2.25.") for header in headers)
    assert all(header.SOPInstanceUID == header.file_meta.MediaStorageSOPInstanceUID for header in headers)
    assert {header.AccessionNumber for header in headers} == {study.accession_number}


@pytest.mark.parametrize("with_issuer", [True, False])
def test_the_nhs_number_is_the_second_identifier(tmp_path: Path, with_issuer: bool) -> None:
    make_study(
        tmp_path, seed="id", patient=ADA, institution_id="ZX1", n=1, rows=64, columns=64, with_issuer=with_issuer
    )
    header = dcmread(tmp_path / "1.dcm")
    assert header.PatientID == ADA.local_id("ZX1") != ADA.local_id("ZX3")
    assert header.get("IssuerOfPatientID") == ("ZX1" if with_issuer else None)
    (other,) = header.OtherPatientIDsSequence
    assert (other.PatientID, other.IssuerOfPatientID) == ("9990000018", "NHS")
    assert other.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == NHS_NUMBER_OID


def test_every_patient_is_plainly_made_up() -> None:
    for patient in PATIENTS:
        assert patient.name.startswith("TESTPATIENT^")
        assert patient.nhs_number.startswith("999")
        weighted = sum(int(digit) * (10 - place) for place, digit in enumerate(patient.nhs_number[:9]))
        assert (11 - weighted % 11) % 11 == int(patient.nhs_number[-1])


def test_the_picture_is_more_than_noise(tmp_path: Path) -> None:
    make_study(tmp_path, seed="pixels", patient=ADA, institution_id="ZX1", n=3)
    pixels = dcmread(tmp_path / "2.dcm").pixel_array
    assert pixels.shape == (512, 512)
    spine, lung, air = pixels[350, 256], pixels[235, 154], pixels[5, 5]
    assert spine > lung > air
    assert pixels.max() < 4096


def test_preloading_twice_makes_nothing_new_and_repairs_what_was_unfinished(tmp_path: Path) -> None:
    unfinished = tmp_path / "tmp" / "zx3-cr-chest"
    unfinished.mkdir(parents=True)
    (unfinished / "9.dcm").touch()
    assert preload(tmp_path, "ZX3") == STUDIES["ZX3"]
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.dcm")}
    assert len(times) == sum(study.n for study in STUDIES["ZX3"])
    preload(tmp_path, "ZX3")
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.dcm")}
    assert preload(tmp_path / "ZX2", "ZX2") == ()
