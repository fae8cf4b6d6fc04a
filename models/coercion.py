"""A plan applied to an encoded header, keeping beside it what was there before (PS3.3 Section C.12.1.1.9)."""

from __future__ import annotations

from models.data_set import DataSet
from models.domain import nhs_number
from models.domain.harmonisation import MODIFYING_SYSTEM, OtherIdentifier, Plan
from models.elements import Unreadable
from models.encoding import Encoding, Unencodable, encoding_of, spliced, tag_of, with_items
from models.reencoding import in_unicode

DATE_TIME = "%Y%m%d%H%M%S.%f%z"


def coerced(data_set: DataSet, plan: Plan) -> bytes:
    """The elements before the pixels with the plan applied; the very same bytes where nothing changes.

    Raises Unreadable where what is there cannot be kept.
    """
    try:
        return _applied(data_set, plan)
    except Unencodable:
        head = in_unicode(data_set)
    try:
        return _applied(DataSet(head, 0, len(head), implicit=data_set.implicit, little=data_set.little), plan)
    except Unencodable as error:
        raise Unreadable("The object's identifiers are not where they should be, and cannot be changed.") from error


def _applied(data_set: DataSet, plan: Plan) -> bytes:
    encoding = encoding_of(data_set)
    changes = _identifiers(data_set, encoding, plan)
    changes |= _patient_id_issuer(data_set, encoding, plan, identity_changes=bool(changes))
    changes |= _accession_issuer(data_set, encoding, plan)
    changes |= _other_identifiers(data_set, encoding, plan)
    if not changes:
        return data_set.encoded()
    original = _original_attributes(data_set, encoding, plan, sorted(changes))
    changes |= with_items(data_set, "OriginalAttributesSequence", [original])
    changes |= with_items(data_set, "ContributingEquipmentSequence", [_contributing_equipment(encoding, plan)])
    return spliced(data_set, changes)


def _identifiers(data_set: DataSet, encoding: Encoding, plan: Plan) -> dict[int, bytes]:
    wanted = {
        "AccessionNumber": plan.sent.AccessionNumber,
        "PatientID": plan.sent.PatientID,
        "IssuerOfPatientID": plan.sent.IssuerOfPatientID,
    }
    return {
        tag_of(keyword): encoding.text(keyword, value)
        for keyword, value in wanted.items()
        if data_set.text(keyword) != value
    }


def _patient_id_issuer(data_set: DataSet, encoding: Encoding, plan: Plan, identity_changes: bool) -> dict[int, bytes]:
    """Qualifiers that named the issuer of another Patient ID must not stay beside the new one."""
    keyword = "IssuerOfPatientIDQualifiersSequence"
    present = [(item.text("UniversalEntityID"), item.text("UniversalEntityIDType")) for item in data_set.items(keyword)]
    if plan.universal_id and present != [(plan.universal_id, "ISO")]:
        type_code = "NH" if plan.universal_id == nhs_number.OID else ""
        return {tag_of(keyword): _qualifiers(encoding, plan.universal_id, type_code)}
    if not plan.universal_id and identity_changes and data_set.element(keyword):
        return {tag_of(keyword): b""}
    return {}


def _accession_issuer(data_set: DataSet, encoding: Encoding, plan: Plan) -> dict[int, bytes]:
    keyword = "IssuerOfAccessionNumberSequence"
    present = [item.text("LocalNamespaceEntityID") for item in data_set.items(keyword)]
    wanted = [plan.sent.accession_issuer] if plan.sent.accession_issuer else []
    if present == wanted:
        return {}
    items = [encoding.text("LocalNamespaceEntityID", issuer) for issuer in wanted]
    return {tag_of(keyword): encoding.sequence(keyword, items) if items else b""}


def _other_identifiers(data_set: DataSet, encoding: Encoding, plan: Plan) -> dict[int, bytes]:
    present = set()
    for item in data_set.items("OtherPatientIDsSequence"):
        present.add((item.text("PatientID"), item.text("IssuerOfPatientID")))
        for qualifiers in item.items("IssuerOfPatientIDQualifiersSequence"):
            present.add((item.text("PatientID"), qualifiers.text("UniversalEntityID")))
    added = [
        _other_identifier(encoding, other)
        for other in plan.others
        if not present & {(other.PatientID, other.IssuerOfPatientID), (other.PatientID, other.universal_id or None)}
    ]
    return with_items(data_set, "OtherPatientIDsSequence", added)


def _other_identifier(encoding: Encoding, other: OtherIdentifier) -> bytes:
    return b"".join(
        [
            encoding.text("PatientID", other.PatientID),
            encoding.text("IssuerOfPatientID", other.IssuerOfPatientID),
            encoding.text("TypeOfPatientID", "TEXT"),
            _qualifiers(encoding, other.universal_id, other.type_code),
        ]
    )


def _qualifiers(encoding: Encoding, universal_id: str, type_code: str) -> bytes:
    """The issuer by its OID, and the type of the identifier (PS3.3 Table 10-18)."""
    elements = []
    if universal_id:
        elements.append(encoding.text("UniversalEntityID", universal_id))
        elements.append(encoding.text("UniversalEntityIDType", "ISO"))
    if type_code:
        elements.append(encoding.text("IdentifierTypeCode", type_code))
    return encoding.sequence("IssuerOfPatientIDQualifiersSequence", [b"".join(elements)])


def _original_attributes(data_set: DataSet, encoding: Encoding, plan: Plan, tags: list[int]) -> bytes:
    """The received elements themselves; those that were absent with zero length."""
    before = b"".join(data_set.encoded(tag) or encoding.empty(tag) for tag in tags)
    return b"".join(
        [
            encoding.sequence("ModifiedAttributesSequence", [before]),
            encoding.text("AttributeModificationDateTime", plan.modified_at.strftime(DATE_TIME)),
            encoding.text("ModifyingSystem", MODIFYING_SYSTEM),
            encoding.text("SourceOfPreviousValues", plan.source_of_previous_values),
            encoding.text("ReasonForTheAttributeModification", "COERCE"),
        ]
    )


def _contributing_equipment(encoding: Encoding, plan: Plan) -> bytes:
    """Who changed the header (PS3.3 Section C.12.1.1.5); the code is from CID 7005."""
    purpose = b"".join(
        [
            encoding.text("CodeValue", "109103"),
            encoding.text("CodingSchemeDesignator", "DCM"),
            encoding.text("CodeMeaning", "Modifying Equipment"),
        ]
    )
    return b"".join(
        [
            encoding.text("Manufacturer", MODIFYING_SYSTEM),
            encoding.text("ContributionDateTime", plan.modified_at.strftime(DATE_TIME)),
            encoding.sequence("PurposeOfReferenceCodeSequence", [purpose]),
        ]
    )
