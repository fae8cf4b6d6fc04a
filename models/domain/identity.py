"""Who a study is about, and under which identifiers a destination files it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from models.domain import nhs_number
from models.domain.nhs_number import issued_by_nhs, parse_nhs_number

LONG_STRING = 64
"""The longest PatientID (value representation LO, PS3.5 Section 6.2), in characters."""

SHORT_STRING = 16
"""The longest AccessionNumber (value representation SH), in characters."""


class IssuerForm(StrEnum):
    """How a destination's Node wants the issuer of somebody else's Patient ID and Accession Number to be said."""

    ELEMENT = "element"
    PREFIX = "prefix"


@dataclass(frozen=True)
class PatientFacts:
    """What one header says about the patient, as sent; `other_ids` are (ID, issuer or its OID)."""

    PatientID: str = ""
    IssuerOfPatientID: str = ""
    PatientName: str = ""
    PatientBirthDate: str = ""
    PatientSex: str = ""
    other_ids: tuple[tuple[str, str], ...] = ()

    def same_person_fields(self) -> tuple[str, ...]:
        """The fields in which images of one study must agree."""
        named = (self.PatientID, self.IssuerOfPatientID, self.PatientName, self.PatientBirthDate)
        return tuple(map(unpadded, named))


@dataclass(frozen=True)
class SentIdentity:
    """What the delivered objects carry, and what the destination is asked about afterwards."""

    PatientID: str
    IssuerOfPatientID: str
    AccessionNumber: str
    accession_issuer: str
    basis: str


def unpadded(text: str) -> str:
    """`text` without the blanks and NULs around it, which mean nothing (PS3.5 Section 6.2)."""
    return text.replace("\0", " ").strip()


def nhs_numbers(facts: PatientFacts, *, patient_id_may_be_nhs: bool = False) -> frozenset[str]:
    """Every valid NHS number that one header names as such.

    A Node may declare its Patient IDs to be NHS numbers; a header that names another issuer overrules that.
    """
    named = [value for value, issuer in facts.other_ids if issued_by_nhs(issuer)]
    undeclared = not unpadded(facts.IssuerOfPatientID)
    if issued_by_nhs(facts.IssuerOfPatientID) or (patient_id_may_be_nhs and undeclared):
        named.append(facts.PatientID)
    return frozenset(number for number in map(parse_nhs_number, named) if number)


def disagreement(headers: Iterable[PatientFacts], *, patient_id_may_be_nhs: bool = False) -> str | None:
    """Why the images of one study cannot be about one person; None when they agree. Holds no patient detail."""
    seen = list(headers)
    numbers = set().union(*(nhs_numbers(f, patient_id_may_be_nhs=patient_id_may_be_nhs) for f in seen))
    if len(numbers) > 1:
        return "The images carry different NHS numbers."
    for name, values in zip(
        ("Patient IDs", "issuers of the Patient ID", "patient names", "birth dates"),
        zip(*(facts.same_person_fields() for facts in seen), strict=True),
        strict=False,
    ):
        if len(set(values)) > 1:
            return f"The images carry different {name}."
    return None


def automatic(
    facts: PatientFacts,
    accession: str,
    source: str,
    form: IssuerForm,
    *,
    nhs_first: bool,
    patient_id_may_be_nhs: bool = False,
) -> SentIdentity | None:
    """Identifiers that cannot be mistaken for the destination's own; None when a person must give them.

    ZX1's H123 never arrives as H123 alone: it is the NHS number, or carries its issuer. A person decides where the
    header names no certain patient, or an issuer other than `source` and the NHS. Nothing is ever truncated.
    """
    numbers = nhs_numbers(facts, patient_id_may_be_nhs=patient_id_may_be_nhs)
    patient_id, issuer, accession = map(unpadded, (facts.PatientID, facts.IssuerOfPatientID, accession))
    if len(numbers) > 1 or "\\" in patient_id + accession:
        return None
    sent_accession = automatic_accession(accession, source, form)
    if sent_accession is None:
        return None
    accession, accession_issuer = sent_accession, source if accession else ""
    if nhs_first and numbers:
        (number,) = numbers
        return SentIdentity(number, nhs_number.ISSUER, accession, accession_issuer, "the NHS number")
    if form is IssuerForm.ELEMENT and issued_by_nhs(issuer):
        number = parse_nhs_number(patient_id) or ""
        if not number:
            return None
        return SentIdentity(number, nhs_number.ISSUER, accession, accession_issuer, "the sender's NHS number")
    # An issuer that is not the sender may be the destination itself, or go by a name that the destination uses too.
    if not patient_id or issuer not in ("", source):
        return None
    basis = "the sender's ID with its issuer"
    if form is IssuerForm.PREFIX:
        patient_id, basis = source + patient_id, "the sender's ID, prefixed with its code"
    if len(patient_id) > LONG_STRING:
        return None
    return SentIdentity(patient_id, source, accession, accession_issuer, basis)


def automatic_accession(accession: str, source: str, form: IssuerForm) -> str | None:
    """One image's own accession number as it is sent when no person gave the destination's; None when too long."""
    sent = source + unpadded(accession) if form is IssuerForm.PREFIX and unpadded(accession) else unpadded(accession)
    return sent if len(sent) <= SHORT_STRING or form is IssuerForm.ELEMENT else None


BY_A_PERSON = "entered by a person"


def local(patient_id: str, accession: str, destination: str) -> SentIdentity:
    """The destination's own identifiers, entered by its person."""
    patient_id, accession = unpadded(patient_id), unpadded(accession)
    return SentIdentity(patient_id, destination, accession, destination if accession else "", BY_A_PERSON)
