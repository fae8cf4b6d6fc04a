"""Key object selection documents (PS3.3 Section A.35.4)."""

from __future__ import annotations

import warnings

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, KeyObjectSelectionDocumentStorage


def key_objects(
    *uids: str,
    title: str = "113032",
    study: str = "2.25.1",
    uid: str = "2.25.9001",
    of_study: str = "2.25.1",
) -> Dataset:
    """A document of `study` that lists images of `of_study`; by default as the complete content of its study."""
    document = Dataset()
    document.SOPClassUID = KeyObjectSelectionDocumentStorage
    document.SOPInstanceUID = uid
    document.StudyInstanceUID = study
    document.SeriesInstanceUID = f"{uid}.1"
    document.Modality = "KO"
    document.PatientID = "H1234567"
    document.IssuerOfPatientID = "ZX1"
    document.PatientName = "Testpatient^Zebra"
    document.PatientBirthDate = "19700102"
    document.PatientSex = "F"
    document.AccessionNumber = "OLDACC1"
    name = Dataset()
    name.CodeValue = title
    name.CodingSchemeDesignator = "DCM"
    name.CodeMeaning = "made up"
    document.ConceptNameCodeSequence = [name]
    series = Dataset()
    series.SeriesInstanceUID = "2.25.2"
    series.ReferencedSOPSequence = []
    for one in uids:
        reference = Dataset()
        reference.ReferencedSOPClassUID = CTImageStorage
        with warnings.catch_warnings():
            # What is no UID is meant to be none.
            warnings.simplefilter("ignore")
            reference.ReferencedSOPInstanceUID = one
        series.ReferencedSOPSequence.append(reference)
    evidence = Dataset()
    evidence.StudyInstanceUID = of_study
    evidence.ReferencedSeriesSequence = [series]
    document.CurrentRequestedProcedureEvidenceSequence = [evidence]
    return document
