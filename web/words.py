"""Codes as people read them: states, DICOM names and dates, NHS numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from models.domain.decision_words import asked
from models.domain.held_words import apart, fitting
from models.domain.identity import Basis
from models.domain.nhs_number import parse_nhs_number, spaced
from models.domain.readable import readable

COLOURS: Mapping[str, str] = {
    "placed": "blue",
    "awaiting-source": "yellow",
    "awaiting-requester": "yellow",
    "awaiting-study": "blue",
    "partly-answered": "blue",
    "listed": "blue",
    "retrieving": "blue",
    "retrieved": "blue",
    "delivering": "blue",
    "fulfilled": "green",
    "declined": "grey",
    "withdrawn": "grey",
    "expired": "grey",
    "matched": "blue",
    "receiving": "blue",
    "forwarding": "blue",
    "settled": "blue",
    "held": "orange",
    "routed": "blue",
    "waiting": "blue",
    "on-worklist": "yellow",
    "sending": "blue",
    "sent": "aqua-green",
    "needs-attention": "red",
    "differs-at-destination": "orange",
    "confirmed": "green",
    "confirmed-in-part": "yellow",
    "unverifiable": "yellow",
    "abandoned": "grey",
    "refused": "grey",
    "up": "green",
    "failing": "yellow",
    "down": "red",
    "probing": "blue",
    "in-downtime": "orange",
    "looking": "blue",
    "failed": "red",
    "asked": "blue",
    "answered": "green",
    "unanswerable": "yellow",
}
"""The colour of each state's tag; the word beside it says the same."""

FILED: Mapping[str, str] = {
    Basis.NHS_NUMBER: "the patient's NHS number",
    Basis.SENDERS_NHS_NUMBER: "the patient's NHS number, which the sender uses as its Patient ID",
    Basis.SENDERS_ID: "the sender's own Patient ID, with the sender named as its issuer",
    Basis.PREFIXED_ID: "the sender's own Patient ID, with the sender's code before it",
    Basis.BY_A_PERSON: "the identifiers that its PACS officer entered",
}
"""What a study is filed under, to go on after "under"."""

SEXES: Mapping[str, str] = {"M": "male", "F": "female", "O": "other"}


def phrase(code: str) -> str:
    """Like "Needs attention" for "needs-attention"."""
    words = code.replace("-", " ")
    return words[:1].upper() + words[1:]


def person_name(name: str) -> str:
    """A DICOM person name (PS3.5 Section 6.2.1) as "FAMILY, Given Middle (Prefix)": its first group that names any."""
    group = next((one for one in readable(name).split("=") if one.strip("^ ")), "")
    family, given, middle, prefix, suffix = (*(part.strip() for part in group.split("^")), *[""] * 5)[:5]
    named = " ".join(part for part in (given, middle, suffix) if part)
    whole = ", ".join(part for part in (family.upper(), named) if part)
    return f"{whole} ({prefix})" if prefix else whole


def dicom_date(value: str) -> str:
    """Like "3 May 2026"; what is no date is shown as it is."""
    try:
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return readable(value)
    return f"{day.day} {day:%B %Y}"


def sex(value: str) -> str:
    return SEXES.get(value, readable(value))


def identifier(value: str) -> str:
    """A patient's ID; an NHS number as people read it, in three groups."""
    number = parse_nhs_number(value)
    return spaced(number) if number else readable(value)


def images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def days(first: str, last: str) -> str:
    """A span of DICOM dates as people say it; empty where neither end is given."""
    if first == last or not (first and last):
        return (
            dicom_date(first)
            if first == last
            else f"from {dicom_date(first)}"
            if first
            else f"until {dicom_date(last)}"
        )
    return f"{dicom_date(first)} to {dicom_date(last)}"


def study(description: str, modalities: Sequence[str]) -> str:
    """Like "CT head": the description, with the modalities before it where it does not begin with one itself."""
    description = readable(description)
    if description.upper().startswith(tuple(modalities)) and modalities:
        return description
    return " ".join(part for part in ("/".join(modalities), description) if part) or "Not described"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "phrase": phrase,
    "person_name": person_name,
    "dicom_date": dicom_date,
    "sex": sex,
    "identifier": identifier,
    "readable": readable,
    "apart": apart,
    "images": images,
    "study": study,
    "days": days,
    "filed": lambda basis: FILED[basis],
    "asked": asked,
    "fitting": fitting,
    "colour": lambda state: COLOURS[state],
}
