"""The make-believe PACS against DCMTK's programs."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from demo.patients import ADA
from demo.studies import Study
from tests.conftest import Peers
from tests.demo.programs import program
from tests.demo.site import Site
from tests.eventually import eventually

pytestmark = pytest.mark.peer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_echo_and_end(site: Site, number: int) -> None:
    assert site.call("echoscu").startswith("exit 0")
    assert site.pacs.stop(number) == 0


def test_one_answer_per_study_with_counts(filled: Site, made: tuple[Path, Study, Study]) -> None:
    ct = made[1]
    keys = (
        "StudyInstanceUID", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "AccessionNumber",
        "ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
    )  # fmt: skip
    answers = filled.find("STUDY", *keys)
    assert len(answers) == 2
    found = next(answer for answer in answers if answer["StudyInstanceUID"] == ct.study_instance_uid)
    assert found["NumberOfStudyRelatedInstances"] == "6"
    assert found["NumberOfStudyRelatedSeries"] == "1"
    assert found["ModalitiesInStudy"] == "CT"
    assert found["PatientName"] == ADA.name
    assert found["PatientID"] == ct.patient_id
    assert found["IssuerOfPatientID"] == "ZX1"
    assert found["PatientBirthDate"] == ADA.birth_date
    assert found["AccessionNumber"] == ct.accession_number
    assert found["RetrieveAETitle"] == "ZX1_PACS"


@pytest.mark.parametrize(
    ("key", "seeds"),
    [
        ("PatientName=testpatient^a*", ["pacs-ct"]),
        ("PatientName=TESTPATIENT^?ORIS^^MR", ["pacs-mr"]),
        ("PatientName=TESTPATIENT", []),
        ("StudyDate=20260101-20261231", ["pacs-ct"]),
        ("StudyDate=-20250101", ["pacs-mr"]),
        ("StudyDate=20250102-", ["pacs-ct"]),
        ("StudyDate=20260412", ["pacs-ct"]),
        ("StudyTime=10-11", ["pacs-ct", "pacs-mr"]),
        ("StudyTime=11-", []),
        ("ModalitiesInStudy=MR", ["pacs-mr"]),
        ("PatientSex=F", ["pacs-ct"]),
        ("AccessionNumber=*", ["pacs-ct", "pacs-mr"]),
        ("OtherPatientIDsSequence[0].PatientID=9990000026", ["pacs-mr"]),
        ("IssuerOfPatientID=ZX2", []),
    ],
)
def test_matching(filled: Site, made: tuple[Path, Study, Study], key: str, seeds: list[str]) -> None:
    by_uid = {study.study_instance_uid: study.seed for study in made[1:]}
    answers = filled.find("STUDY", "StudyInstanceUID", key)
    assert sorted(by_uid[answer["StudyInstanceUID"]] for answer in answers) == seeds


def test_lists_of_uids_and_the_lower_levels(filled: Site, made: tuple[Path, Study, Study]) -> None:
    _, ct, mr = made
    both = f"StudyInstanceUID={ct.study_instance_uid}\\{mr.study_instance_uid}"
    assert len(filled.find("STUDY", both)) == 2
    (series,) = filled.find("SERIES", f"StudyInstanceUID={ct.study_instance_uid}", "SeriesInstanceUID", "Modality",
                            "NumberOfSeriesRelatedInstances")  # fmt: skip
    assert (series["Modality"], series["NumberOfSeriesRelatedInstances"]) == ("CT", "6")
    images = filled.find("IMAGE", both, "SOPInstanceUID", "SOPClassUID", "PatientID", "AccessionNumber")
    assert len({image["SOPInstanceUID"] for image in images}) == 8
    assert {image["PatientID"] for image in images} == {ct.patient_id, mr.patient_id}
    (patient,) = filled.find("PATIENT", f"PatientID={ct.patient_id}", "NumberOfPatientRelatedStudies", root="-P")
    assert patient["NumberOfPatientRelatedStudies"] == "1"
    assert filled.find("STUDY", "StudyInstanceUID=1.2.3") == []


def test_keys_it_does_not_know_are_not_returned(filled: Site) -> None:
    answers = filled.find("STUDY", "StudyInstanceUID", "RequestingService")
    assert all("RequestingService" not in answer for answer in answers)


def test_move_to_a_peer(tmp_path: Path, peers: Peers, made: tuple[Path, Study, Study]) -> None:
    folder, ct, _ = made
    received, port = tmp_path / "received", free_port()
    received.mkdir()
    shutil.copytree(folder, tmp_path / "pacs" / "preloaded")
    arguments = ("--ae-title", "ZX1_PACS", "--folder", str(tmp_path / "pacs"), "--peer", f"SINK=127.0.0.1:{port}")
    sink = subprocess.Popen([peers.need("storescp"), "-od", received, "+xa", "-uf", str(port)])
    try:
        with program(tmp_path / "log", "demo.pacs", *arguments) as pacs:
            site = Site(pacs, tmp_path / "pacs", peers)
            wanted = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ct.study_instance_uid}")
            eventually(lambda: site.call("movescu", before=("-S", "-aem", "SINK", *wanted)).startswith("exit 0"))
            assert "MoveDestinationUnknown" in site.call("movescu", before=("-S", "-aem", "NOWHERE", *wanted))
    finally:
        sink.kill()
        sink.wait()
    moved = {str(dcmread(path).SOPInstanceUID): dcmread(path) for path in received.iterdir()}
    assert len(moved) == 6
    for path in (folder / "ct").glob("*.dcm"):
        sent = dcmread(path)
        assert moved[str(sent.SOPInstanceUID)] == sent


def test_get(filled: Site, made: tuple[Path, Study, Study], tmp_path: Path) -> None:
    wanted = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={made[2].study_instance_uid}")
    assert filled.call("getscu", before=("-S", "-od", str(tmp_path), *wanted)).startswith("exit 0")
    assert len(list(tmp_path.glob("MR*"))) == 2


def test_a_retrieval_of_everything_gets_nothing(filled: Site, tmp_path: Path) -> None:
    everything = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
    filled.call("getscu", before=("-S", "-od", str(tmp_path), *everything))
    assert not list(tmp_path.glob("MR*"))


def test_what_was_acknowledged_survives_kill_9(
    site: Site, made: tuple[Path, Study, Study], tmp_path: Path, peers: Peers
) -> None:
    site.store(made[0])
    site.pacs.stop(signal.SIGKILL)
    # An object that had begun to come.
    (site.folder / "tmp" / "unfinished.dcm").write_bytes(b"\0" * 200)
    with program(tmp_path / "log", "demo.pacs", "--ae-title", "ZX1_PACS", "--folder", str(site.folder)) as again:
        answers = Site(again, site.folder, peers).find("STUDY", "NumberOfStudyRelatedInstances")
    assert sorted(answer["NumberOfStudyRelatedInstances"] for answer in answers) == ["2", "6"]
    assert not list((site.folder / "tmp").iterdir())


def test_the_first_copy_stays(site: Site, made: tuple[Path, Study, Study], tmp_path: Path) -> None:
    site.store(made[0])
    changed = dcmread(made[0] / "ct" / "1.dcm")
    changed.PatientID = "OTHER"
    changed.save_as(tmp_path / "changed.dcm")
    site.store(tmp_path / "changed.dcm")
    assert site.find("IMAGE", f"SOPInstanceUID={changed.SOPInstanceUID}", "PatientID")[0]["PatientID"] != "OTHER"
    assert len(list(site.folder.glob("*.dcm"))) == 8


def test_odd_objects_of_the_real_world_are_kept_and_found(site: Site, real_dicom: Path) -> None:
    odd = [*real_dicom.glob("malformed-*"), real_dicom / "charsets-chr", real_dicom / "transfer-syntax-matrix"]
    for folder in odd:
        site.call("dcmsend", folder, before=("+sd", "+r", "-nh", "-dn"))
    assert len(list(site.folder.glob("*.dcm"))) > 20
    assert len(site.find("STUDY", "StudyInstanceUID", "PatientName")) > 5
    assert len(site.find("IMAGE", "SOPInstanceUID", "PatientName=*", "StudyDate=19000101-")) > 5
    assert site.call("echoscu").startswith("exit 0")
    assert site.pacs.log.read_text().count("\n") == 1
