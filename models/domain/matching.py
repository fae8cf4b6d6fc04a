"""Whether a study that arrived is one that somebody asked for, with the reasons: names of what agrees and differs.

Automatic only when the source's own StudyInstanceUID or Accession Number was named, or the patient's NHS number, birth
date, family and given name all agree and so does the study's modality or date; and nothing contradicts. Everything less
is for a person: a description alone is not compared, and the right patient may have had another study.

Images and their report are wanted each for itself. What holds no image is never the images that were asked for, nor a
study a report; a secondary capture may be one that was scanned, which a person sees.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from models.domain.identity import family_and_given, folded
from models.domain.parts import Part


class Field(StrEnum):
    """What is compared. No value of it ever stands in a verdict."""

    STUDY = "Study Instance UID"
    ACCESSION = "accession number"
    NHS_NUMBER = "NHS number"
    BIRTH_DATE = "birth date"
    FAMILY_NAME = "family name"
    GIVEN_NAME = "given name"
    SOURCE_ID = "source's patient ID"
    MODALITY = "modality"
    STUDY_DATE = "study date"
    IMAGES = "images"
    REPORT = "report"
    ITS_IMAGES = "study of its images"


NAMED = frozenset({Field.STUDY, Field.ACCESSION})
SAME_PERSON = frozenset({Field.NHS_NUMBER, Field.BIRTH_DATE, Field.FAMILY_NAME, Field.GIVEN_NAME})
OF_NO_IMAGE = frozenset({"SR", "DOC", "KO", "PR"})
"""Modalities that say nothing of what was done to the patient (PS3.3 Section C.7.3.1.1.1)."""
OF_NO_REPORT = OF_NO_IMAGE | {"OT"}
"""Encapsulated documents are often called "other"."""
SAME_STUDY = NAMED | {Field.MODALITY, Field.STUDY_DATE}
PERSON = SAME_PERSON | {Field.SOURCE_ID}


@dataclass(frozen=True)
class Wanted:
    """One part of one study that an open request names. Dates are DICOM dates (YYYYMMDD); empty means not said.

    The images of a study and the report of it have the same `item`; `came` are the StudyInstanceUIDs of what has
    answered for the images, where the report is still wanted.
    """

    study_id: str
    request_id: str
    requester: str
    nhs_number: str = ""
    birth_date: str = ""
    family_name: str = ""
    given_name: str = ""
    source_patient_id: str = ""
    StudyInstanceUID: str = ""
    AccessionNumber: str = ""
    Modality: str = ""
    study_date_from: str = ""
    study_date_to: str = ""
    is_prior: bool = False
    part: Part = Part.IMAGES
    item: str = ""
    came: frozenset[str] = frozenset()
    held_already: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Arrived:
    """What the headers of one arrival say; several accession numbers and modalities are one study's.

    `holds` are the parts that the arrival itself brought; of a report, `written` says that a person certainly wrote it.
    `scanned`: there are secondary captures, which may show one.
    """

    StudyInstanceUID: str
    nhs_numbers: frozenset[str] = frozenset()
    PatientID: str = ""
    PatientName: str = ""
    PatientBirthDate: str = ""
    StudyDate: str = ""
    accessions: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    holds: frozenset[Part] = frozenset()
    written: bool = False
    scanned: bool = False

    def may_hold(self, part: Part) -> bool:
        return part in self.holds or (part is Part.REPORT and self.scanned)


@dataclass(frozen=True)
class Fit:
    """How well one wanted study fits: the verdict explains itself by the fields that agree and that differ."""

    wanted: Wanted
    agrees: tuple[Field, ...]
    differs: tuple[Field, ...]

    @property
    def is_certain(self) -> bool:
        agrees = set(self.agrees)
        is_of_patient = bool(agrees & NAMED) or agrees >= SAME_PERSON
        return is_of_patient and self._is_of_study and not self.differs

    @property
    def _is_of_study(self) -> bool:
        said = SAME_STUDY.intersection(self.agrees)
        if self.wanted.part is Part.IMAGES:
            return bool(said)
        # A report that comes alone does not tell what was examined: within a span of days there may be others.
        if self.wanted.study_date_from != self.wanted.study_date_to and not self.wanted.is_prior:
            said -= {Field.STUDY_DATE}
        return Field.REPORT in self.agrees and bool(said)

    @property
    def is_possible(self) -> bool:
        """Whether it is worth showing to a person: it was named, or much says that it is the same patient."""
        agrees, differs = set(self.agrees), set(self.differs)
        if agrees & NAMED:
            return True
        if Field.STUDY in differs:
            return False
        if Field.NHS_NUMBER in differs:
            # A number may have been mistyped, or the request been placed for a namesake: a person looks.
            return agrees >= SAME_PERSON - {Field.NHS_NUMBER}
        known = bool(agrees & {Field.NHS_NUMBER, Field.SOURCE_ID}) or agrees >= {Field.BIRTH_DATE, Field.FAMILY_NAME}
        return known and not agrees.isdisjoint(PERSON)


def fits(arrived: Arrived, wanted: Iterable[Wanted]) -> list[Fit]:
    """Every wanted study that the arrival may be, the best first; for each request its best one alone.

    What holds images and report may be both parts of that one.
    """
    best: dict[str, Fit] = {}
    found: list[Fit] = []
    for fit in sorted((compare(arrived, each) for each in wanted), key=_rank):
        if not (fit.is_possible and arrived.may_hold(fit.wanted.part)):
            continue
        first = best.setdefault(fit.wanted.request_id, fit)
        if fit is first or (arrived.holds == frozenset(Part) and _is_other_part(fit.wanted, first.wanted)):
            found.append(fit)
    return found


def compare(arrived: Arrived, wanted: Wanted) -> Fit:
    """Field by field: what either side does not say neither agrees nor differs."""
    if wanted.part in arrived.holds and arrived.StudyInstanceUID in wanted.came:
        # All else was compared, or looked at by a person, when its images came.
        return Fit(wanted, agrees=(Field.STUDY, *((Field.REPORT,) if arrived.written else ())), differs=())
    family, given = family_and_given(arrived.PatientName)
    said: list[tuple[Field, bool | None]] = [
        (Field.STUDY, _same(wanted.StudyInstanceUID, (arrived.StudyInstanceUID,))),
        (Field.ACCESSION, _same(wanted.AccessionNumber, arrived.accessions)),
        (Field.NHS_NUMBER, _same(wanted.nhs_number, arrived.nhs_numbers)),
        (Field.BIRTH_DATE, _same(wanted.birth_date, (arrived.PatientBirthDate,))),
        (Field.FAMILY_NAME, _same(folded(wanted.family_name), (family,))),
        (Field.GIVEN_NAME, _same(folded(wanted.given_name), (given,))),
        (Field.SOURCE_ID, _same(wanted.source_patient_id, (arrived.PatientID,))),
        (Field.MODALITY, _same(wanted.Modality, _modalities(arrived, wanted.part))),
        (Field.STUDY_DATE, _within(arrived.StudyDate, wanted.study_date_from, wanted.study_date_to)),
        *_parts(arrived, wanted),
    ]
    if wanted.is_prior and arrived.StudyInstanceUID in wanted.held_already:
        said.append((Field.STUDY, False))
    agrees = tuple(field for field, same in said if same)
    if wanted.came and arrived.StudyInstanceUID not in wanted.came and NAMED.isdisjoint(agrees):
        said.append((Field.ITS_IMAGES, False))
    return Fit(wanted, agrees, differs=tuple(field for field, same in said if same is False))


def _is_other_part(one: Wanted, of: Wanted) -> bool:
    return one.item == of.item and one.part is not of.part


def _modalities(arrived: Arrived, part: Part) -> frozenset[str]:
    """Of the images alone: a report has one of its own, which does not tell what it is about."""
    return arrived.modalities - (OF_NO_REPORT if part is Part.REPORT else OF_NO_IMAGE)


def _parts(arrived: Arrived, wanted: Wanted) -> list[tuple[Field, bool | None]]:
    """That images are images goes without saying; whether a document is the report may be for a person to say."""
    there = wanted.part in arrived.holds
    if wanted.part is Part.IMAGES:
        return [(Field.IMAGES, None if there else False)]
    return [(Field.REPORT, (True if arrived.written else None) if there else False)]


def _same(wanted: str, arrived: Collection[str]) -> bool | None:
    said = {value.strip() for value in arrived} - {""}
    return wanted.strip() in said if wanted.strip() and said else None


def _within(day: str, first: str, last: str) -> bool | None:
    if not day or not (first or last):
        return None
    return (not first or day >= first) and (not last or day <= last)


def _rank(fit: Fit) -> tuple[bool, bool, int, int]:
    """Named before described, certain before possible, fewer differences, more agreement."""
    return not fit.is_certain, not set(fit.agrees) & NAMED, len(fit.differs), -len(fit.agrees)
