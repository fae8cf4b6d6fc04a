"""Whether two headers, or a header and what is known of somebody, are about one person.

One table for every ID under which a study may be filed: an own one, the NHS number, or its sender's. Of five things
that are compared only what both say counts. Given name and sex are one thing: both tell twins apart, and both are
entered wrongly together.
"""

from __future__ import annotations

from datetime import date
from enum import Enum

from models.domain.identity import PatientFacts, folded, nhs_numbers, unpadded


class Likeness(Enum):
    """Of a known person and the patient of images, by how much agrees."""

    SAME = "same"
    """Nothing differs, and name and birth date agree, or the NHS number does."""
    ALIKE = "alike"
    """Nothing differs, but too little is said to be sure: an initial, or no birth date."""
    SILENT = "silent"
    """Nothing can be compared."""
    DOUBTFUL = "doubtful"
    """One thing differs, as after a marriage, for a mistyped birth date, or of twins: somebody must have looked."""
    ANOTHER = "another"
    """More differs, or both have NHS numbers, and not the same."""


def likeness(known: PatientFacts, patient: PatientFacts, *, number_tells: bool = True) -> Likeness:
    """How alike they are. Under an NHS number the number itself tells nothing (`number_tells` False): all share it."""
    number = _number(known, patient)
    if number is False:
        return Likeness.ANOTHER
    family, given = _names(known, patient)
    born, sex = _born_alike(known, patient), _alike(_sex(known), _sex(patient))
    person = False if sex is False else given
    if family is False and given is False and _are_swapped(known, patient):
        family, person = False, sex
    said = family, person, born
    if False not in said:
        if all((family, given, born)) or (number and number_tells):
            return Likeness.SAME
        return Likeness.ALIKE if family or born else Likeness.SILENT
    if said.count(False) > 1:
        # Somebody unknown is often scanned first, and named and dated afterwards.
        is_unnamed = born is None and sex is not False
        return Likeness.DOUBTFUL if is_unnamed else Likeness.ANOTHER
    if family is False and number and given and born:
        return Likeness.SAME
    if born is False:
        return Likeness.DOUBTFUL if family and given else Likeness.ANOTHER
    return Likeness.DOUBTFUL


def agrees_in_all(known: PatientFacts, patient: PatientFacts) -> bool:
    """Whether both say the same name, birth date and, if the patient's images say it, sex."""
    names = _names(known, patient) == (True, True)
    born = _born_alike(known, patient)
    same_sex = not _sex(patient) or _sex(known) == _sex(patient)
    return names and born is True and same_sex and _number(known, patient) is not False


def says_nothing(known: PatientFacts) -> bool:
    """Whether nothing is said by which somebody could be told from others."""
    return not (any(_groups(known)) or any(_birth_date(known)) or nhs_numbers(known))


def _number(known: PatientFacts, patient: PatientFacts) -> bool | None:
    one, other = nhs_numbers(known), nhs_numbers(patient)
    return bool(one & other) if one and other else None


def _alike(one: str, other: str) -> bool | None:
    """None where either says nothing."""
    return one == other if one and other else None


def _names(one: PatientFacts, other: PatientFacts) -> tuple[bool | None, bool | None]:
    """Whether family and given names agree, in every writing that both have them in."""
    each = [
        (_alike(folded(mine[0]), folded(theirs[0])), _given_alike(mine[1], theirs[1]))
        for mine, theirs in zip(_groups(one), _groups(other), strict=True)
        if mine and theirs
    ]
    family, given = ([said[which] for said in each if said[which] is not None] for which in (0, 1))
    return all(family) if family else None, all(given) if given else None


def _are_swapped(one: PatientFacts, other: PatientFacts) -> bool:
    """Whether the one's family name is the other's given name, and the other way round."""
    return any(
        bool(mine and theirs) and [*map(folded, mine)] == [*map(folded, theirs)][::-1]
        for mine, theirs in zip(_groups(one), _groups(other), strict=True)
    )


def _groups(facts: PatientFacts) -> tuple[tuple[str, ...], ...]:
    """Family and given name of the alphabetic, ideographic and phonetic group (PS3.5 Section 6.2.1); () where empty."""
    groups = [*facts.PatientName.split("="), "", "", ""][:3]
    named = [tuple([*group.split("^"), ""][:2]) for group in groups]
    return tuple(one if any(map(folded, one)) else () for one in named)


def _given_alike(one: str, other: str) -> bool | None:
    """By name after name, as far as both go. An initial, or the first half of a double name, leaves it open."""
    mine, theirs = (given.split() for given in (one, other))
    each = [_name_alike(*pair) for pair in zip(mine, theirs, strict=False)]
    if not each or False in each:
        return False if each else None
    return each[0]


def _name_alike(one: str, other: str) -> bool | None:
    mine, theirs = folded(one), folded(other)
    if mine == theirs:
        return True if mine else None
    shorter, longer = sorted((mine, theirs), key=len)
    is_half = any(folded(name.partition("-")[0]) == shorter for name in (one, other) if folded(name) == longer)
    # In a writing without capitals a single character is a whole name.
    is_initial = len(shorter) == 1 and shorter != shorter.upper() and longer.startswith(shorter)
    return None if is_half or is_initial or not shorter else False


def _born_alike(one: PatientFacts, other: PatientFacts) -> bool | None:
    """By the day; where either has no day, a year that differs still does."""
    (year, day), (other_year, other_day) = _birth_date(one), _birth_date(other)
    if day and other_day:
        return day == other_day
    return False if _alike(year, other_year) is False else None


def _birth_date(facts: PatientFacts) -> tuple[str, str]:
    """Year and day of eight digits, which older objects part by full stops (PS3.5 Section 6.2, DA); empty if not so."""
    digits = "".join(filter(str.isdigit, facts.PatientBirthDate))
    year = digits[:4] if len(digits) == 8 and digits[:4] != "0000" else ""
    try:
        return year, date.fromisoformat(digits).isoformat() if year else ""
    except ValueError:
        return year, ""


def _sex(facts: PatientFacts) -> str:
    """F or M; what else a header says tells nobody apart."""
    sex = unpadded(facts.PatientSex).upper()
    return sex if sex in ("F", "M") else ""
