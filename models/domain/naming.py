"""Whether what a person typed names the patient it is about: words that others read before they may know."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from models.domain.nhs_number import parse_nhs_number

TEN_DIGITS = re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")
SHORTEST_WORD, SHORTEST_ID = 3, 4
"""Shorter names and Patient IDs stand in too many sentences that mean something else."""
ORDINARY = re.compile(
    r"\b(?:art|bill|black|brown|case|dawn|day|east|faith|grace|green|hall|hill|holly|hope|house|joy|king|lane|long|mark|may|"
    r"moss|north|page|park|pat|patience|price|rich|rose|sage|short|small|south|summer|west|white|will|wise|wood|young)\b"
)
"""Names that are words: in small letters they mean nobody."""
BETWEEN = r"[ .,/-]{1,2}"


@dataclass(frozen=True)
class Identifying:
    """What names one patient: a DICOM person name and date (PS3.5 Section 6.2), Patient IDs.

    A name does not count that is also one of the `other_words`: of a site, or of what was examined.
    """

    PatientName: str = ""
    PatientBirthDate: str = ""
    ids: frozenset[str] = frozenset()
    other_words: str = ""


NOBODY = Identifying()


def named_in(text: str, patient: Identifying) -> str:
    """What of a patient `text` names, like "family name"; empty when nothing. Any valid NHS number counts."""
    if any(map(parse_nhs_number, TEN_DIGITS.findall(text))):
        return "NHS number"
    said = _words(ORDINARY.sub(" ", text)) - _words(patient.other_words)
    family, given, *_ = (*patient.PatientName.split("=")[0].split("^"), "", "")
    for part, what in ((family, "family name"), (given, "given name")):
        if {word for word in _words(part) if len(word) >= SHORTEST_WORD} & said:
            return what
    if any(re.search(spelling, text.casefold()) for spelling in _spellings(patient.PatientBirthDate)):
        return "birth date"
    long_enough = (one.strip().casefold() for one in patient.ids if len(one.strip()) >= SHORTEST_ID)
    if any(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text.casefold()) for one in long_enough):
        return "Patient ID"
    return ""


def _words(text: str) -> set[str]:
    """Whole words, whatever their case and accents."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return set(re.findall(r"[^\W\d_]+", plain.casefold()))


def _spellings(value: str) -> tuple[str, ...]:
    """Patterns of how people write a DICOM date: 3/2/1951, 03.02.51, 3rd February 1951, Feb 3, 1951, 1951-02-03."""
    try:
        born = date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return ()
    name = f"{born:%B}".casefold()
    day, year = f"0?{born.day}(?:st|nd|rd|th)?", f"(?:{born:%Y}|'?{born:%y})"
    month, in_words = f"0?{born.month}", f"{name[:3]}(?:{name[3:]}|t)?"
    return tuple(
        rf"(?<!\d){pattern}(?!\d)"
        for pattern in (
            f"{born:%Y%m%d}",
            f"{born:%d%m%Y}",
            f"{born:%Y}{BETWEEN}{month}{BETWEEN}0?{born.day}",
            f"{day}{BETWEEN}{month}{BETWEEN}{year}",
            f"{day}[ .-]?(?:of )?{in_words}[ .,-]{{0,2}}{year}",
            f"{in_words}[ .]{{0,2}}{day}{BETWEEN}{year}",
        )
    )
