"""The keys of the make-believe PACS by level of the query/retrieve information models (PS3.4 C.6)."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


UNIQUE = {
    "PATIENT": ("PatientID", "IssuerOfPatientID"),
    "STUDY": ("StudyInstanceUID",),
    "SERIES": ("SeriesInstanceUID",),
    "IMAGE": ("SOPInstanceUID",),
}
LEVELS = tuple(UNIQUE)
UIDS = {"StudyInstanceUID": "STUDY", "SeriesInstanceUID": "SERIES", "SOPInstanceUID": "IMAGE"}
KEYS = {
    "PATIENT": _words(
        "PatientName PatientID IssuerOfPatientID IssuerOfPatientIDQualifiersSequence OtherPatientIDsSequence "
        "PatientBirthDate PatientBirthTime PatientSex OtherPatientNames EthnicGroup PatientComments"
    ),
    "STUDY": _words(
        "StudyInstanceUID StudyID StudyDate StudyTime AccessionNumber IssuerOfAccessionNumberSequence "
        "StudyDescription ReferringPhysicianName PatientAge PatientSize PatientWeight InstitutionName "
        "NameOfPhysiciansReadingStudy AdmittingDiagnosesDescription ProcedureCodeSequence"
    ),
    "SERIES": _words(
        "SeriesInstanceUID SeriesNumber Modality SeriesDescription SeriesDate SeriesTime BodyPartExamined "
        "ProtocolName Manufacturer StationName Laterality PerformedProcedureStepStartDate "
        "PerformedProcedureStepStartTime RequestAttributesSequence OperatorsName"
    ),
    "IMAGE": _words(
        "SOPInstanceUID SOPClassUID InstanceNumber ContentDate ContentTime AcquisitionDate AcquisitionTime "
        "AcquisitionNumber ImageType Rows Columns BitsAllocated NumberOfFrames ContentLabel "
        "ConceptNameCodeSequence DocumentTitle MIMETypeOfEncapsulatedDocument CompletionFlag VerificationFlag"
    ),
}
STORED = tuple(dict.fromkeys(keyword for keys in KEYS.values() for keyword in keys))
