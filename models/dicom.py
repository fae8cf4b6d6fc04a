"""What one DICOM header says, as plain facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydicom.uid import KeyObjectSelectionDocumentStorage

from models.data_set import DataSet
from models.domain.identity import PatientFacts
from models.domain.routing import PRIVATE_ROUTE
from models.elements import Unreadable
from models.part10 import UID, Part10, opened

__all__ = ["Header", "Unreadable", "facts_from_json", "facts_to_json", "header_of", "read_header"]

ROUTING_CREATOR = "OPENIEP ROUTING 1.0"
ROUTING_GROUP = 0x0099
ROUTING_KEYWORDS = (
    "StudyComments",
    "RequestedProcedureComments",
    "ImagingServiceRequestComments",
    "InstitutionalDepartmentName",
    "InstitutionName",
)
COMPLETE_CONTENT = frozenset({"113032", "113033", "113034", "113035"})
"""Document titles (PS3.16 CID 7010): complete study content and complete acquisition content, signed or not."""
RECIPIENT = "NamesOfIntendedRecipientsOfResults"


@dataclass(frozen=True)
class Header:
    """One object's identity; `routing` maps the sources of models.domain.routing to what the header says there.

    `complete_content` has the SOPInstanceUIDs that the object names as the complete content of its study.
    """

    SOPClassUID: str
    SOPInstanceUID: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    TransferSyntaxUID: str
    Modality: str
    AccessionNumber: str
    StudyDate: str
    StudyDescription: str
    patient: PatientFacts
    routing: dict[str, str]
    complete_content: tuple[str, ...] = ()


def read_header(path: Path) -> Header:
    """The facts of the object at `path`; its pixels are not read.

    Raises Unreadable, with the reason, for whatever cannot be exchanged; OSError only where the file cannot be opened.
    """
    with opened(path) as part10:
        return header_of(part10)


def header_of(part10: Part10) -> Header:
    """The facts of an object that is open already. Raises Unreadable."""
    data_set = part10.data_set
    return Header(
        SOPClassUID=_uid(data_set, "SOPClassUID"),
        SOPInstanceUID=_uid(data_set, "SOPInstanceUID"),
        StudyInstanceUID=_uid(data_set, "StudyInstanceUID"),
        SeriesInstanceUID=_uid(data_set, "SeriesInstanceUID"),
        TransferSyntaxUID=part10.TransferSyntaxUID,
        Modality=data_set.text("Modality"),
        AccessionNumber=data_set.text("AccessionNumber"),
        StudyDate=data_set.text("StudyDate"),
        StudyDescription=data_set.text("StudyDescription"),
        patient=_patient(data_set),
        routing=_routing(data_set),
        complete_content=_complete_content(data_set),
    )


def facts_to_json(facts: PatientFacts) -> dict[str, Any]:
    """As it lies in a JSON column."""
    return asdict(facts) | {"other_ids": [list(pair) for pair in facts.other_ids]}


def facts_from_json(stored: dict[str, Any]) -> PatientFacts:
    """What `facts_to_json` made, back."""
    return PatientFacts(**stored | {"other_ids": tuple((value, issuer) for value, issuer in stored["other_ids"])})


def other_ids(data_set: DataSet) -> list[tuple[str, str]]:
    """(ID, issuer or the OID of its issuer) of each item of OtherPatientIDsSequence."""
    found = []
    for item in data_set.items("OtherPatientIDsSequence"):
        issuer = item.text("IssuerOfPatientID")
        for qualifiers in item.items("IssuerOfPatientIDQualifiersSequence"):
            issuer = issuer or qualifiers.text("UniversalEntityID")
        found.append((item.text("PatientID"), issuer))
    return found


def _uid(data_set: DataSet, keyword: str) -> str:
    value = data_set.text(keyword)
    if not UID.fullmatch(value):
        raise Unreadable(f"The object has no valid {keyword}.")
    return value


def _patient(data_set: DataSet) -> PatientFacts:
    retired = data_set.text("OtherPatientIDs").split("\\")
    pairs = other_ids(data_set) + [(value.strip(), "") for value in retired]
    return PatientFacts(
        PatientID=data_set.text("PatientID"),
        IssuerOfPatientID=data_set.text("IssuerOfPatientID"),
        PatientName=_name(data_set.text("PatientName")),
        PatientBirthDate=data_set.text("PatientBirthDate"),
        PatientSex=data_set.text("PatientSex"),
        other_ids=tuple((value, issuer) for value, issuer in pairs if value),
    )


def _name(written: str) -> str:
    """Without the empty components and groups at the ends, which some systems write (PS3.5 Section 6.2.1.1)."""
    return "=".join(group.rstrip("^ ") for group in written.split("=")).rstrip("=")


def _routing(data_set: DataSet) -> dict[str, str]:
    found = {keyword: data_set.text(keyword) for keyword in ROUTING_KEYWORDS}
    found[PRIVATE_ROUTE] = _private_route(data_set)
    found[RECIPIENT] = "\\".join(
        code.text("CodeValue")
        for recipient in data_set.items("IntendedRecipientsOfResultsIdentificationSequence")
        for code in recipient.items("InstitutionCodeSequence")
        if code.text("CodingSchemeDesignator") == "ODS"
    )
    return {source: value for source, value in found.items() if value}


def _private_route(data_set: DataSet) -> str:
    """Element 01 of the block that the creator has reserved (PS3.5 Section 7.8)."""
    for tag in data_set.elements:
        group, block = divmod(tag, 0x10000)
        if group == ROUTING_GROUP and 0x10 <= block <= 0xFF and data_set.text_at(tag) == ROUTING_CREATOR:
            return data_set.text_at(ROUTING_GROUP << 16 | block << 8 | 0x01)
    return ""


def _complete_content(data_set: DataSet) -> tuple[str, ...]:
    """What a Key Object Selection Document of such a title lists of its own study (PS3.3 Section C.17.6.2)."""
    if data_set.text("SOPClassUID") != KeyObjectSelectionDocumentStorage:
        return ()
    try:
        titles = {
            (code.text("CodingSchemeDesignator"), code.text("CodeValue"))
            for code in data_set.items("ConceptNameCodeSequence")
        }
        if not titles & {("DCM", value) for value in COMPLETE_CONTENT}:
            return ()
        study = data_set.text("StudyInstanceUID")
        listed = [
            reference.text("ReferencedSOPInstanceUID")
            for evidence in data_set.items("CurrentRequestedProcedureEvidenceSequence")
            if evidence.text("StudyInstanceUID") == study
            for series in evidence.items("ReferencedSeriesSequence")
            for reference in series.items("ReferencedSOPSequence")
        ]
    except Unreadable:
        # It can be exchanged all the same; it only says nothing about completeness.
        return ()
    return tuple(uid for uid in dict.fromkeys(listed) if UID.fullmatch(uid))
