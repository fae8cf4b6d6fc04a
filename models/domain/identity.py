"""Who a study is about, and under which identifiers a destination files it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from models.domain import nhs_number
from models.domain.nhs_number import issued_by_nhs, parse_nhs_number

LONG_STRING = 64
"""The longest PatientID (value representation LO, PS3.5 Section 6.2), in characters."""

SHORT_STRING = 16
"""The longest AccessionNumber (value representation SH), in characters."""


AMBIGUOUS = "\\*?"
"""What parts values (PS3.5 Section 6.4), and what stands for any other in a question (PS3.4 Section C.2.2.2.4)."""


class IssuerForm(StrEnum):
    """How a destination's Node wants the issuer of somebody else's Patient ID and Accession Number to be said."""

    ELEMENT = "element"
    PREFIX = "prefix"


class Basis(StrEnum):
    """Whose identifiers a study is filed under."""

    NHS_NUMBER = "the NHS number"
    SENDERS_NHS_NUMBER = "the sender's NHS number"
    SENDERS_ID = "the sender's ID with its issuer"
    PREFIXED_ID = "the sender's ID, prefixed with its code"
    BY_A_PERSON = "entered by a person"


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
        """What a header says of its patient, to the letter."""
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
    if patient_id_may_be_nhs:
        facts = declared_nhs(facts)
    named = ((facts.PatientID, facts.IssuerOfPatientID), *facts.other_ids)
    numbers = (parse_nhs_number(value) for value, issuer in named if issued_by_nhs(issuer))
    return frozenset(number for number in numbers if number)


def declared_nhs(facts: PatientFacts) -> PatientFacts:
    """What a header says that comes from a Node whose Patient IDs are NHS numbers."""
    return facts if unpadded(facts.IssuerOfPatientID) else replace(facts, IssuerOfPatientID=nhs_number.ISSUER)


def together(headers: Iterable[PatientFacts]) -> PatientFacts:
    """What the headers of one study, which agree, say together: an image may leave out what others say."""
    several = list(headers) or [PatientFacts()]
    # One that names the NHS number speaks for those that do not.
    first = next(filter(nhs_numbers, several), several[0])
    born = first.PatientBirthDate or max(one.PatientBirthDate for one in several)
    sex = first.PatientSex or max(one.PatientSex for one in several)
    return replace(first, PatientBirthDate=born, PatientSex=sex)


def disagreement(headers: Iterable[PatientFacts], *, patient_id_may_be_nhs: bool = False) -> str | None:
    """Why the images of one study cannot be about one person; None when they agree. Holds no patient detail."""
    seen = list(headers)
    numbers = set().union(*(nhs_numbers(f, patient_id_may_be_nhs=patient_id_may_be_nhs) for f in seen))
    if len(numbers) > 1:
        return "The images carry different NHS numbers."
    said: dict[str, set[str] | set[str | tuple[str, str]]] = {
        "Patient IDs": {unpadded(facts.PatientID) for facts in seen},
        "issuers of the Patient ID": {unpadded(facts.IssuerOfPatientID) for facts in seen},
        "patient names": {_name_as_compared(facts.PatientName) for facts in seen},
        # An image that leaves these out says nothing against the others.
        "birth dates": {_birth_date(facts) for facts in seen} - {""},
        "sexes": {facts.PatientSex.strip().upper() for facts in seen} & {"F", "M"},
    }
    for what, values in said.items():
        if len(values) > 1:
            return f"The images carry different {what}."
    return None


def _name_as_compared(name: str) -> str | tuple[str, str]:
    """Consoles of one hospital write a name in capitals or not, and with a title or not."""
    named = family_and_given(name)
    return named if any(named) else folded(name)


def another_person(a: PatientFacts, b: PatientFacts) -> bool:
    """Whether headers of one study that came from two Institutions are about two people.

    Local Patient IDs and their issuers rightly differ, and a name may be written in another way. NHS numbers decide
    first, then birth dates; family names only where no NHS number is shared, since they change. What a header leaves
    empty contradicts nothing.
    """
    numbers, others = nhs_numbers(a), nhs_numbers(b)
    shared = numbers & others
    if numbers and others and not shared:
        return True
    families = (family_and_given(one.PatientName)[0] for one in (a, b))
    return _differ(_birth_date(a), _birth_date(b)) or (not shared and _differ(*families))


def may_be_twins(a: PatientFacts, b: PatientFacts) -> bool:
    """Whether two that `another_person` does not part have given names of two people, and no NHS number is shared.

    Twins share family name and birth date. An initial, or the first of several given names, is no other name.
    """
    return _are_given_otherwise(a, b) and not nhs_numbers(a) & nhs_numbers(b)


def _are_given_otherwise(a: PatientFacts, b: PatientFacts) -> bool:
    one, other = (_given_names(facts) for facts in (a, b))
    initial = bool(one and other) and 1 in (len(one[0]), len(other[0])) and one[0][0] == other[0][0]
    return bool(one and other) and one[0] != other[0] and not initial


def _given_names(facts: PatientFacts) -> list[str]:
    """As they are compared; several stand in one component, parted by blanks."""
    _, given, *_ = [*facts.PatientName.partition("=")[0].split("^"), ""]
    return [name for name in map(folded, given.split()) if name]


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _birth_date(facts: PatientFacts) -> str:
    """Its digits: older objects part them by full stops (PS3.5 Section 6.2, note on DA)."""
    return "".join(filter(str.isdigit, facts.PatientBirthDate))


def folded(name: str) -> str:
    """A part of a name as it is compared: letters without case, accents, blanks and hyphens.

    Vowel signs are no accents: in many writings only they tell two names apart.
    """
    return "".join(filter(_is_letter, unicodedata.normalize("NFKD", name))).casefold()


def _is_letter(character: str) -> bool:
    is_accent = "\u0300" <= character <= "\u036f"
    return character.isalnum() or (unicodedata.category(character).startswith("M") and not is_accent)


def family_and_given(person_name: str) -> tuple[str, str]:
    """Both as they are compared, of a person name's alphabetic group (PS3.5 Section 6.2.1)."""
    family, given, *_ = [*person_name.partition("=")[0].split("^"), ""]
    return folded(family), folded(given)


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
    header names no certain patient, an issuer other than `source` and the NHS, or what nobody can read. Nothing is ever
    truncated.
    """
    numbers = nhs_numbers(facts, patient_id_may_be_nhs=patient_id_may_be_nhs)
    patient_id, issuer, accession = map(unpadded, (facts.PatientID, facts.IssuerOfPatientID, accession))
    if len(numbers) > 1 or set(AMBIGUOUS) & set(patient_id + accession) or not patient_id.isprintable():
        return None
    sent_accession = automatic_accession(accession, source, form)
    if sent_accession is None:
        return None
    accession, accession_issuer = sent_accession, source if accession else ""
    if nhs_first and numbers:
        (number,) = numbers
        return SentIdentity(number, nhs_number.ISSUER, accession, accession_issuer, Basis.NHS_NUMBER)
    if form is IssuerForm.ELEMENT and issued_by_nhs(issuer):
        number = parse_nhs_number(patient_id) or ""
        if not number:
            return None
        return SentIdentity(number, nhs_number.ISSUER, accession, accession_issuer, Basis.SENDERS_NHS_NUMBER)
    # An issuer that is not the sender may be the destination itself, or go by a name that the destination uses too.
    if not patient_id or issuer not in ("", source):
        return None
    basis = Basis.SENDERS_ID
    if form is IssuerForm.PREFIX:
        patient_id, basis = source + patient_id, Basis.PREFIXED_ID
    if len(patient_id) > LONG_STRING:
        return None
    return SentIdentity(patient_id, source, accession, accession_issuer, basis)


def automatic_accession(accession: str, source: str, form: IssuerForm) -> str | None:
    """One image's own accession number as it is sent when no person gave the destination's.

    None where it would be too long, or has what nobody can read, as what turns the letters after it around.
    """
    sent = source + unpadded(accession) if form is IssuerForm.PREFIX and unpadded(accession) else unpadded(accession)
    fits = len(sent) <= SHORT_STRING or form is IssuerForm.ELEMENT
    return sent if fits and sent.isprintable() else None


BY_A_PERSON = Basis.BY_A_PERSON


def local(patient_id: str, accession: str, destination: str) -> SentIdentity:
    """The destination's own identifiers, entered by its person."""
    patient_id, accession = unpadded(patient_id), unpadded(accession)
    return SentIdentity(patient_id, destination, accession, destination if accession else "", BY_A_PERSON)
