"""What people type into forms, checked: each function answers with the value or raises Wrong with what to do."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import request
from werkzeug.exceptions import UnprocessableEntity

from models.domain.identity import AMBIGUOUS, LONG_STRING, SHORT_STRING
from models.domain.naming import NOBODY, Identifying, named_in
from models.domain.nhs_number import parse_nhs_number

REASON = 500
FEWEST = 2
"""Letters without which a reason says nothing."""
LINE = 120
SPACED = re.compile(r"\d{3} \d{3} \d{4}")
"""An NHS number as people read it."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Wrong(ValueError):
    """`field` is the id of the input concerned; the message tells how to put it right."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


def must_be_typeable() -> None:
    """Turns away a request with a NUL, which no keyboard makes and no column of the database takes."""
    given = [*request.form.items(multi=True), *request.args.items(multi=True), *(request.view_args or {}).items()]
    if any("\0" in str(text) for pair in given for text in pair):
        raise UnprocessableEntity


def patient_id(text: str) -> str:
    """A Patient ID that every PACS takes (value representation LO)."""
    if not text.strip():
        raise Wrong("patient_id", "Enter your own Patient ID for this patient.")
    # An NHS number is the same one with the blanks that people read it by; other numbers keep theirs.
    is_spaced = parse_nhs_number(text) and SPACED.fullmatch(text.strip())
    return _identifier("patient_id", "Patient ID", text.replace(" ", "") if is_spaced else text, LONG_STRING)


def accession(text: str, field: str = "accession") -> str:
    """An Accession Number (value representation SH); it may be empty."""
    return _identifier(field, "Accession Number", text, SHORT_STRING)


def sources_patient_id(text: str) -> str:
    """The patient's ID where the study is; it may be empty."""
    return _identifier("source_patient_id", "patient's ID there", text, LONG_STRING)


def own_patient_id(text: str) -> str:
    """A Patient ID of the own PACS, to look for; it may be empty."""
    return _identifier("patient_id", "Patient ID", text, LONG_STRING)


def sought_name(text: str, field: str, what: str) -> str:
    """A part of a person's name, to look for; it may be empty. Nothing in it stands for other letters."""
    if not text.strip():
        return ""
    if set("*?") & set(text):
        raise Wrong(field, f"Leave * and ? out; what the {what} begins with is enough.")
    return name(text, field, what)


def nhs_number(text: str) -> str:
    """Ten digits, the last a check digit; it may be empty."""
    number = parse_nhs_number(text)
    if text.strip() and number is None:
        raise Wrong("nhs_number", "That is no NHS number: it has ten digits, and the last one checks the others.")
    return number or ""


def name(text: str, field: str, what: str) -> str:
    """A part of a person's name (value representation PN, PS3.5 Section 6.2)."""
    text = " ".join(text.split())
    if not text:
        raise Wrong(field, f"Enter the patient's {what}.")
    if len(text) > LONG_STRING or set("^=\\") & set(text) or not text.isprintable():
        raise Wrong(field, f"The {what} may have {LONG_STRING} letters at most, without ^, = and backslash.")
    return text


def day(text: str, field: str, today: date, is_needed: bool = False) -> str:
    """A date that has been, as people write it (3 5 2026, 03/05/2026, 3 May 2026), as DICOM does (YYYYMMDD)."""
    if not text.strip() and not is_needed:
        return ""
    found = _date(text)
    if found is None or found.year < 1850:
        raise Wrong(field, "Enter a date like 3 5 2026.")
    if found > today:
        raise Wrong(field, "That date is still to come.")
    return f"{found:%Y%m%d}"


def moment(text: str, field: str, zone: str, now: datetime, is_needed: bool = False) -> str:
    """A time that is to come, by the clocks of `zone` as a browser sends it; as ISO 8601 in UTC. It may be empty."""
    if not text.strip() and not is_needed:
        return ""
    try:
        local = datetime.strptime(text.strip(), "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - the zone follows
    except ValueError:
        raise Wrong(field, "Give a day and a time, like 24 November 2026, 18:00.") from None
    at = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if at <= now:
        raise Wrong(field, "That time has passed; give one that is to come.")
    return at.isoformat()


def line(text: str, field: str, needed: str, is_needed: bool = False) -> str:
    """A few words; `needed` says what to enter where there must be something."""
    text = " ".join(text.split())
    if is_needed and not text:
        raise Wrong(field, needed)
    if len(text) > LINE or not text.isprintable():
        raise Wrong(field, f"Use {LINE} characters at most, without control characters.")
    return text


def reason(text: str, field: str, about: Identifying = NOBODY) -> str:
    """Why, in a sentence that the other side reads."""
    given = sentence(text, field, "a reason", "the other side reads it", about)
    if sum(map(str.isalpha, given)) < FEWEST:
        raise Wrong(field, f"Give a reason in words, {FEWEST} letters at least; the other side reads it.")
    return given


def sentence(text: str, field: str, what: str, who_reads: str, about: Identifying = NOBODY) -> str:
    """A few words of prose, called `what` in what is said of a wrong entry; they do not name whom they are `about`."""
    text = " ".join(text.split())
    if not text:
        raise Wrong(field, f"Give {what}; {who_reads}.")
    if not text.isprintable():
        raise Wrong(field, f"Give {what} without control characters; type it instead of pasting it.")
    if named := named_in(text, about):
        words = f"Do not name the patient: give {what} without the {named}; the page says already whom it is about."
        raise Wrong(field, words)
    if len(text) > REASON:
        raise Wrong(field, f"Give {what} of at most {REASON} characters.")
    return text


def _date(text: str) -> date | None:
    parts = re.findall(r"[0-9]+|[a-z]+", text.casefold())
    if len(parts) != 3:
        return None
    first, month, last = parts
    # Whoever pastes an ISO date begins with the year.
    years, days = (first, last) if len(first) == 4 else (last, first)
    if month[:3] in MONTHS:
        month = str(MONTHS.index(month[:3]) + 1)
    if len(years) != 4 or not (years + month + days).isdecimal():
        return None
    try:
        return date(int(years), int(month), int(days))
    except (ValueError, OverflowError):
        return None


def _identifier(field: str, name: str, text: str, longest: int) -> str:
    text = text.strip()
    if len(text) > longest:
        raise Wrong(field, f"The {name} may have {longest} characters at most; this has {len(text)}.")
    if set(AMBIGUOUS) & set(text) or not text.isprintable():
        raise Wrong(field, f"The {name} may not contain a backslash, * or ?, or control characters.")
    if not text.isascii():
        # Letters and digits of other alphabets look alike and are others: one patient would have two IDs.
        raise Wrong(
            field, f"Type the {name} with the letters A to Z, the digits 0 to 9 and the signs of a keyboard only."
        )
    return text
