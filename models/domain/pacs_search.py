"""Searching one's own PACS: what must be asked, what an answer must agree with, which earlier studies are relevant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from models.domain.identity import PatientFacts, another_person, folded, may_be_twins
from models.domain.nhs_number import ISSUER, parse_nhs_number

MOST = 100
"""Answers after which a search is stopped: whoever gets more must ask for less."""
PRIORS, PRIOR_YEARS = 2, 5
WITHOUT_IMAGES = frozenset({"SR", "PR", "KO", "DOC", "OT"})
"""Modalities that say nothing of what was examined."""
Questions = tuple[Mapping[str, str], ...]


class Level(StrEnum):
    STUDY = "STUDY"
    SERIES = "SERIES"


class State(StrEnum):
    ASKING = "asking"
    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(frozen=True)
class Criteria:
    """What is looked for; dates are DICOM dates (YYYYMMDD), empty means any. Nothing in it holds a wildcard."""

    nhs_number: str = ""
    patient_id: str = ""
    accession: str = ""
    family_name: str = ""
    given_name: str = ""
    birth_date: str = ""
    StudyInstanceUID: str = ""
    date_from: str = ""
    date_to: str = ""
    Modality: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one for one in (self.patient_id, self.nhs_number) if one))

    @property
    def is_strong(self) -> bool:
        """Whether it points at one patient or study: a search for a common name alone would show half the archive."""
        return bool(self.ids or self._named or (self.family_name and self.birth_date))

    @property
    def by_name(self) -> bool:
        """A name is asked for where there is nothing better: it may have changed, or be written in another way."""
        return not (self.ids or self._named)

    @property
    def _named(self) -> str:
        return self.accession or self.StudyInstanceUID

    @property
    def has_dates(self) -> bool:
        return bool(self.date_from or self.date_to)


@dataclass(frozen=True)
class Hit:
    """One answer at STUDY level (PS3.4 Section C.6.2.1.3); None is a count that the PACS does not say."""

    StudyInstanceUID: str
    PatientName: str = ""
    PatientID: str = ""
    IssuerOfPatientID: str = ""
    PatientBirthDate: str = ""
    PatientSex: str = ""
    other_ids: tuple[str, ...] = ()
    StudyDate: str = ""
    StudyTime: str = ""
    AccessionNumber: str = ""
    ModalitiesInStudy: tuple[str, ...] = ()
    StudyDescription: str = ""
    series: int | None = None
    images: int | None = None


def questions(criteria: Criteria) -> Questions:
    """The keys of the queries that are made one after another, until one is answered (PS3.4 Section C.2.2.2)."""
    common = {
        "AccessionNumber": criteria.accession,
        "StudyInstanceUID": criteria.StudyInstanceUID,
        "StudyDate": f"{criteria.date_from}-{criteria.date_to}" if criteria.has_dates else "",
        "ModalitiesInStudy": criteria.Modality,
    }
    if criteria.by_name:
        names = (f"{criteria.family_name}*^{criteria.given_name}*", f"{criteria.family_name}*")
        name = names[0] if criteria.given_name else names[1]
        # Some archives compare names letter by letter, and most of them keep capitals.
        spelt = dict.fromkeys((name, name.upper()))
        return tuple(common | {"PatientName": one, "PatientBirthDate": criteria.birth_date} for one in spelt)
    if not criteria.ids:
        return (common,)
    asked: list[Mapping[str, str]] = [common | {"PatientID": one} for one in criteria.ids]
    if criteria.nhs_number:
        asked += [common | {keyword: criteria.nhs_number} for keyword in ("OtherPatientIDsSequence", "OtherPatientIDs")]
    return tuple(asked)


def contradictions(criteria: Criteria, hit: Hit) -> tuple[str, ...]:
    """Which of the keys that were asked an answer does not match, in words.

    What points at the patient or study must be there; what only narrows counts where the answer says it.
    """
    return tuple(_contradictions(criteria, hit))


def _contradictions(criteria: Criteria, hit: Hit) -> Iterator[str]:
    if criteria.ids and not set(map(_same_id, criteria.ids)) & set(map(_same_id, (hit.PatientID, *hit.other_ids))):
        yield "Patient ID"
    if criteria.accession and _same_id(criteria.accession) != _same_id(hit.AccessionNumber):
        yield "accession number"
    if criteria.StudyInstanceUID not in ("", hit.StudyInstanceUID):
        yield "Study Instance UID"
    if criteria.by_name:
        yield from differences(criteria, hit)
    if hit.StudyDate and not (criteria.date_from or hit.StudyDate) <= hit.StudyDate <= (criteria.date_to or "9"):
        yield "dates"
    if criteria.Modality and hit.ModalitiesInStudy and criteria.Modality not in hit.ModalitiesInStudy:
        yield "modality"


def differences(criteria: Criteria, hit: Hit) -> tuple[str, ...]:
    """What of the name and birth date looked for the answer does not have; shown where they were not asked for."""
    different = []
    if criteria.family_name and not any(_begins(criteria, name) for name in hit.PatientName.split("=")):
        different.append("name")
    if criteria.birth_date and criteria.birth_date != "".join(filter(str.isdigit, hit.PatientBirthDate)):
        different.append("birth date")
    return tuple(different)


def _begins(criteria: Criteria, name: str) -> bool:
    family, given, *_ = [*name.split("^"), ""]
    return folded(family).startswith(folded(criteria.family_name)) and folded(given).startswith(
        folded(criteria.given_name)
    )


def _same_id(text: str) -> str:
    return parse_nhs_number(text) or text.strip().casefold()


def priors(hits: Sequence[Hit], picked: Collection[str], held: Collection[str] = ()) -> tuple[Hit, ...]:
    """The last two relevant of five years before what is picked: the same patient and kind, and not `held` there."""
    chosen = [hit for hit in hits if hit.StudyInstanceUID in picked]
    earlier = [
        hit
        for hit in hits
        if hit.StudyInstanceUID not in {*picked, *held} and any(_is_prior(hit, one) for one in chosen)
    ]
    return tuple(sorted(earlier, key=lambda hit: (hit.StudyDate, hit.StudyTime), reverse=True)[:PRIORS])


def _is_prior(hit: Hit, of: Hit) -> bool:
    same_patient = (hit.PatientID, hit.IssuerOfPatientID) == (of.PatientID, of.IssuerOfPatientID)
    kinds = {*hit.ModalitiesInStudy} & {*of.ModalitiesInStudy} - WITHOUT_IMAGES
    return same_patient and bool(kinds) and _years_before(of.StudyDate) <= hit.StudyDate < of.StudyDate


def _years_before(day: str) -> str:
    """The DICOM date five years before; what is no date has none before it."""
    try:
        then = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    except ValueError:
        return day
    # 29 February has its like only every fourth year.
    return f"{then.year - PRIOR_YEARS:04}{then:%m}{min(then.day, 28):02}"


def are_several(hits: Sequence[Hit]) -> str:
    """Why these studies cannot be of one patient; empty when nothing speaks against it. Holds no patient detail."""
    for one, other in pairwise(map(facts_of, hits)):
        if another_person(one, other) or may_be_twins(one, other):
            return "What is ticked is of more than one patient; send the studies of one patient at a time."
    return ""


def facts_of(hit: Hit) -> PatientFacts:
    """The patient of a study, as the PACS lists it; every valid NHS number among the other IDs counts as one."""
    ids = tuple((one, ISSUER if parse_nhs_number(one) else "") for one in (*hit.other_ids, hit.PatientID))
    return PatientFacts(
        hit.PatientID, hit.IssuerOfPatientID, hit.PatientName, hit.PatientBirthDate, hit.PatientSex, ids
    )
