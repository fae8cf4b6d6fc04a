"""Made-up studies, the same bytes for the same seed: CT, MR and CR that satisfy their information objects (PS3.3)."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

from demo import patients, phantom
from demo.image_modules import describe_image, describe_series
from demo.patients import Patient

NHS_NUMBER_OID = "2.16.840.1.113883.2.1.4.1"
STORAGE = {"CT": CTImageStorage, "MR": MRImageStorage, "CR": ComputedRadiographyImageStorage}


@dataclass(frozen=True)
class Study:
    """What a make-believe hospital has of a patient; everything else follows from it. Times are fixed, too.

    `with_issuer`: whether the hospital's modalities fill IssuerOfPatientID (many do not).
    """

    seed: str
    institution_id: str
    patient: Patient
    modality: str
    n: int
    rows: int = 512
    columns: int = 512
    description: str = "CT Thorax"
    body_part: str = "CHEST"
    date: str = "20260412"
    with_issuer: bool = True

    def uid(self, *path: str | int) -> str:
        """A UID below this study (PS3.5 B.2: 2.25 and a UUID as an integer)."""
        name = "/".join(map(str, (self.seed, *path)))
        return f"2.25.{uuid.uuid5(patients.NAMESPACE, name).int}"

    @property
    def study_instance_uid(self) -> str:
        return self.uid("study")

    @property
    def accession_number(self) -> str:
        return f"{self.institution_id}{uuid.uuid5(patients.NAMESPACE, self.seed).int % 10_000_000:07d}"

    @property
    def patient_id(self) -> str:
        return self.patient.local_id(self.institution_id)


def make_study(
    folder: Path,
    *,
    seed: str,
    patient: Patient,
    institution_id: str,
    n: int,
    modality: str = "CT",
    rows: int = 512,
    columns: int = 512,
    description: str = "CT Thorax",
    body_part: str = "CHEST",
    date: str = "20260412",
    with_issuer: bool = True,
) -> Study:
    """Writes the study's `n` files, `1.dcm` and on, into `folder` and returns what they are of."""
    study = Study(seed, institution_id, patient, modality, n, rows, columns, description, body_part, date, with_issuer)
    write_study(folder, study)
    return study


def write_study(folder: Path, study: Study) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = _header(study)
    pictures = phantom.slices(
        study.modality, study.rows, study.columns, study.n, uuid.uuid5(patients.NAMESPACE, study.seed).int
    )
    for number, picture in enumerate(pictures, start=1):
        describe_image(header, study.modality, number, study.n)
        header.SOPInstanceUID = study.uid("image", number)
        header.PixelData = picture.astype("<u2").tobytes()
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        dcmwrite(folder / f"{number}.dcm", header, enforce_file_format=True)


def preload(folder: Path, institution_id: str) -> tuple[Study, ...]:
    """Puts the Institution's studies into its PACS's folder, each in one that is complete or not there at all."""
    for study in STUDIES.get(institution_id, ()):
        place = folder / study.seed
        if not place.exists():
            unfinished = folder / "tmp" / study.seed
            shutil.rmtree(unfinished, ignore_errors=True)
            write_study(unfinished, study)
            unfinished.rename(place)
    return STUDIES.get(institution_id, ())


def bench_study(folder: Path, n: int = 500, seed: str = "bench") -> Study:
    """One CT study of `n` images of 0.5 MB."""
    return make_study(folder, seed=f"{seed}-{n}", patient=patients.FARAH, institution_id="ZX1", n=n)


STUDIES: dict[str, tuple[Study, ...]] = {
    "ZX1": (
        Study("zx1-ct-thorax", "ZX1", patients.ADA, "CT", 30),
        Study("zx1-cr-chest", "ZX1", patients.BORIS, "CR", 2, 880, 720, "XR Chest", "CHEST", "20260411"),
        Study("zx1-mr-head", "ZX1", patients.CHIDI, "MR", 24, 256, 256, "MRI Head", "BRAIN", "20260408"),
        Study("zx1-ct-head", "ZX1", patients.DILYS, "CT", 30, 256, 256, "CT Head", "HEAD", "20260412", False),
    ),
    "ZX3": (
        Study("zx3-ct-thorax", "ZX3", patients.EVIE, "CT", 30),
        Study("zx3-mr-spine", "ZX3", patients.ADA, "MR", 20, 256, 256, "MRI Lumbar spine", "LSPINE", "20250903"),
        Study("zx3-cr-chest", "ZX3", patients.FARAH, "CR", 1, 880, 720, "XR Chest", "CHEST", "20260410", False),
    ),
}


def _header(study: Study) -> Dataset:
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = STORAGE[study.modality]
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID = STORAGE[study.modality]
    _describe_patient(header, study)
    header.StudyInstanceUID = study.study_instance_uid
    header.StudyID = study.accession_number[-7:]
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = study.date
    header.StudyTime = header.SeriesTime = header.AcquisitionTime = header.ContentTime = "101500"
    header.AccessionNumber = study.accession_number
    header.StudyDescription = study.description
    header.ReferringPhysicianName = "EXAMPLE^REFERRER^^DR"
    header.InstitutionName = f"Example hospital {study.institution_id}"
    header.SeriesInstanceUID = study.uid("series")
    header.FrameOfReferenceUID = study.uid("frame")
    header.SeriesNumber = 1
    header.BodyPartExamined = study.body_part
    header.Rows, header.Columns = study.rows, study.columns
    describe_series(header, study.modality)
    return header


def _describe_patient(header: Dataset, study: Study) -> None:
    header.PatientName = study.patient.name
    header.PatientID = study.patient_id
    if study.with_issuer:
        header.IssuerOfPatientID = study.institution_id
    header.PatientBirthDate = study.patient.birth_date
    header.PatientSex = study.patient.sex
    qualifiers = Dataset()
    qualifiers.UniversalEntityID = NHS_NUMBER_OID
    qualifiers.UniversalEntityIDType = "ISO"
    qualifiers.IdentifierTypeCode = "NH"
    other = Dataset()
    other.PatientID = study.patient.nhs_number
    other.IssuerOfPatientID = "NHS"
    other.TypeOfPatientID = "TEXT"
    other.IssuerOfPatientIDQualifiersSequence = [qualifiers]
    header.OtherPatientIDsSequence = [other]
