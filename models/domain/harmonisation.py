"""What changes in a header on its way out: identifiers only, never UIDs, names or pixels.

The plan is a pure function of stored facts, so that a retry sends the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.domain import nhs_number
from models.domain.identity import PatientFacts, SentIdentity, nhs_numbers, unpadded
from models.domain.nhs_number import issued_by_nhs

MODIFYING_SYSTEM = "Image Exchange"


@dataclass(frozen=True)
class OtherIdentifier:
    """One entry of OtherPatientIDsSequence; `type_code` is from HL7 table 0203."""

    PatientID: str
    IssuerOfPatientID: str
    type_code: str
    universal_id: str = ""


@dataclass(frozen=True)
class Plan:
    """Elements to set, identifiers to keep beside them, and who changed them when (PS3.3 Section C.12.1)."""

    sent: SentIdentity
    universal_id: str
    others: tuple[OtherIdentifier, ...]
    source_of_previous_values: str
    modified_at: datetime


def plan(
    facts: PatientFacts,
    sent: SentIdentity,
    source: str,
    released_at: datetime,
    *,
    patient_id_may_be_nhs: bool = False,
) -> Plan:
    """The header as the destination receives it. `released_at` (aware UTC) stamps it, not the clock."""
    others: list[OtherIdentifier] = []
    patient_id, issuer = unpadded(facts.PatientID), unpadded(facts.IssuerOfPatientID) or source
    kept = (sent.PatientID, sent.IssuerOfPatientID)
    # What only claims to be an NHS number is not passed on as an identifier; the original attributes keep it.
    if patient_id and not issued_by_nhs(issuer) and (patient_id, issuer) != kept:
        others.append(OtherIdentifier(patient_id, issuer, "MR"))
    for number in sorted(nhs_numbers(facts, patient_id_may_be_nhs=patient_id_may_be_nhs)):
        if (number, nhs_number.ISSUER) != kept:
            others.append(OtherIdentifier(number, nhs_number.ISSUER, "NH", nhs_number.OID))
    universal_id = nhs_number.OID if sent.IssuerOfPatientID == nhs_number.ISSUER else ""
    return Plan(sent, universal_id, tuple(others), source, released_at)
