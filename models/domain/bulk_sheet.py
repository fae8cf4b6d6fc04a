"""The bulk sheet: what each of its rows asks to be sent, and what is wrong with a row, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from models.domain.errors import NotAllowed
from models.domain.identity import AMBIGUOUS, LONG_STRING, SHORT_STRING
from models.domain.naming import Identifying, named_in
from models.domain.nhs_number import parse_nhs_number
from models.domain.readable import UNREADABLE, readable

MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 2_000, 50, 1_000
LINE, REASON = 120, 500
UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+)?")
ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!)")
PLACE = re.compile(r"(?P<code>[A-Za-z0-9]{2,12})(?:[\s,:/]+(?P<worklist>.+))?")
FORMULA = tuple("=+-@＝＋－＠")
"""What a cell begins with that a spreadsheet program would compute."""


class Column(StrEnum):
    """A column that means something to the exchange, by its name; any other is kept, and comes back."""

    UID = "Study Instance UID"
    ACCESSION = "Accession Number"
    DESTINATION = "Destination"
    RECIPIENT = "Recipient"
    CALL_BACK = "Call back"
    REASON = "Reason"
    PATIENT_ID = "Patient ID"
    NHS_NUMBER = "NHS number"
    STATE = "State"
    STATE_REASON = "State reason"


ADDED = (Column.STATE, Column.STATE_REASON)
ASKED = tuple(column for column in Column if column not in ADDED)
NEEDED = (Column.DESTINATION, Column.RECIPIENT, Column.REASON)
FAILED = "failed"
Table = Sequence[tuple[int, Sequence[str]]]
"""The rows of a file that are not blank, each with its number there; the first of them names the columns."""


@dataclass(frozen=True)
class SheetEntry:
    """What one row asks for. An empty `worklist` is the destination's usual one; IDs are a check on the patient."""

    StudyInstanceUID: str
    AccessionNumber: str
    destination: str
    worklist: str
    recipient: str
    call_back: str
    reason: str
    patient_id: str = ""
    nhs_number: str = ""


@dataclass(frozen=True)
class SheetRow:
    """`position` is the row's number in the file; `wrong` a sentence, and then there is no `entry`."""

    position: int
    cells: tuple[str, ...]
    entry: SheetEntry | None
    wrong: str = ""


@dataclass(frozen=True)
class Sheet:
    """`done` rows came back from an earlier time as sent already: they are not sent again."""

    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    done: int = 0


class WrongRow(ValueError):
    """The message is the sentence that stands beside the row."""


def read_sheet(table: Table) -> Sheet:
    """Raises NotAllowed with a sentence when there is nothing in it that could be sent, row by row."""
    if not table:
        raise NotAllowed("That sheet is empty; fill in the template.")
    # What somebody has noted beside the columns that have a name comes back, too.
    columns = _as_wide(table[0][1], max(len(cells) for _, cells in table))
    where = columns_of(columns)
    if len(table) == 1:
        raise NotAllowed("That sheet has column names only; add a row for each study.")
    if len(table) - 1 > MOST_ROWS:
        raise NotAllowed(f"That sheet has more than {MOST_ROWS:,} rows; split it.")
    kept = [
        (position, _as_wide(cells, len(columns)))
        for position, cells in table[1:]
        if _is_to_be_sent(_as_wide(cells, len(columns)), where)
    ]
    if not kept:
        raise NotAllowed("No row of that sheet has failed; only rows that failed, or are new, are sent.")
    rest = [name for name in columns if not _is(name, *ADDED)]
    at = [number for number, name in enumerate(columns) if not _is(name, *ADDED)]
    narrowed = [(position, [cells[number] for number in at]) for position, cells in kept]
    return Sheet(tuple(rest), read_rows(rest, narrowed), len(table) - 1 - len(kept))


def read_rows(columns: Sequence[str], rows: Table) -> tuple[SheetRow, ...]:
    """Each row by itself, and a study that goes to one destination twice only once."""
    where, first, read = columns_of(columns), dict[tuple[str, str, str], int](), []
    for position, cells in rows:
        row = _read_row(position, tuple(cells), where)
        if row.entry is not None:
            key = (row.entry.StudyInstanceUID, row.entry.AccessionNumber, row.entry.destination)
            if (before := first.setdefault(key, position)) != position:
                row = replace(row, entry=None, wrong=f"Row {before} sends the same study there; leave one of them out.")
        read.append(row)
    return tuple(read)


def columns_of(names: Sequence[str]) -> Mapping[Column, int]:
    """Which column is where; NotAllowed with a sentence when one is missing, or there twice."""
    if len(names) > MOST_COLUMNS:
        raise NotAllowed(f"That sheet has more than {MOST_COLUMNS} columns; leave out those that nobody needs.")
    where: dict[Column, int] = {}
    for number, name in enumerate(names):
        for column in Column:
            if _is(name, column):
                if column in where:
                    raise NotAllowed(f"There are two columns {column}; leave one of them.")
                where[column] = number
    missing = [str(column) for column in NEEDED if column not in where]
    if Column.UID not in where and Column.ACCESSION not in where:
        missing.insert(0, f"{Column.UID} or {Column.ACCESSION}")
    if missing:
        raise NotAllowed(f"The first row must name the columns; there is no {', no '.join(missing)}.")
    return where


def clean(text: str) -> str:
    """A cell in one line, without what no keyboard makes; a mark that was put before a formula is taken away."""
    line = " ".join(text.split())
    if line.startswith("'") and line[1:].startswith(FORMULA):
        line = line[1:]
    return readable(line)


def harmless(text: str) -> str:
    """A cell as it may stand in a CSV file: no spreadsheet program computes it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def named_patient(reason: str, patient: Identifying) -> str:
    """A sentence if `reason`, which the other side reads first, names the patient; else empty."""
    named = named_in(reason, patient)
    return f"Do not name the patient: give a {Column.REASON} without the {named}." if named else ""


def _read_row(position: int, cells: tuple[str, ...], where: Mapping[Column, int]) -> SheetRow:
    said = {column: cells[number] for column, number in where.items()}
    try:
        return SheetRow(position, cells, _entry(said))
    except WrongRow as wrong:
        return SheetRow(position, cells, None, str(wrong))


def _entry(said: Mapping[Column, str]) -> SheetEntry:
    for column in ASKED:
        _must_be_plain(column, said.get(column, ""))
    uid, accession = said.get(Column.UID, ""), said.get(Column.ACCESSION, "")
    if bool(uid) == bool(accession):
        raise WrongRow(f"Give either a {Column.UID} or an {Column.ACCESSION}.")
    if uid and (len(uid) > 64 or not UID.fullmatch(uid)):
        raise WrongRow(f"A {Column.UID} is digits and points, 64 at most; this is none.")
    place = PLACE.fullmatch(said[Column.DESTINATION])
    if place is None:
        raise WrongRow(f"Give a {Column.DESTINATION}: its ODS code, then a worklist if it is not the usual one.")
    patient_id, nhs = said.get(Column.PATIENT_ID, ""), said.get(Column.NHS_NUMBER, "")
    number = parse_nhs_number(nhs) or ""
    if nhs and not number:
        raise WrongRow("That is no NHS number: it has ten digits, and the last one checks the others.")
    if not (said.get(Column.RECIPIENT) or said.get(Column.REASON)):
        raise WrongRow(f"{Column.RECIPIENT} and {Column.REASON} are empty; say whom the images are for, and why.")
    reason = _line(said, Column.REASON, REASON, "say why it is sent; the other side reads it")
    if wrong := named_patient(reason, Identifying(ids=frozenset({patient_id, nhs, number} - {""}))):
        raise WrongRow(wrong)
    if sum(map(str.isalpha, reason)) < 2:
        raise WrongRow(f"Give a {Column.REASON} in words; the other side reads it.")
    return SheetEntry(
        StudyInstanceUID=uid,
        AccessionNumber=_identifier(Column.ACCESSION, accession, SHORT_STRING),
        destination=place["code"].upper(),
        worklist=(place["worklist"] or "").strip(),
        recipient=_line(said, Column.RECIPIENT, LINE, "say whom the images are for"),
        call_back=_line(said, Column.CALL_BACK, LINE),
        reason=reason,
        patient_id=_identifier(Column.PATIENT_ID, patient_id, LONG_STRING),
        nhs_number=number,
    )


def _must_be_plain(column: Column, text: str) -> None:
    if UNREADABLE in text:
        raise WrongRow(f"{column} holds characters that cannot be read; type it again instead of pasting it.")
    if text.startswith("="):
        raise WrongRow(f"{column} holds a formula; enter its value instead.")
    if ERROR.fullmatch(text):
        raise WrongRow(f"{column} holds an error of the spreadsheet, {text}; enter its value instead.")


def _line(said: Mapping[Column, str], column: Column, longest: int, needed: str = "") -> str:
    text = said.get(column, "")
    if needed and not text:
        raise WrongRow(f"{column} is empty; {needed}.")
    if len(text) > longest:
        raise WrongRow(f"{column} has {len(text)} characters; {longest} at most are taken.")
    return text


def _identifier(column: Column, text: str, longest: int) -> str:
    if ROUNDED.fullmatch(text):
        raise WrongRow(f"{column} was rounded by the spreadsheet; make the column one of text and enter it again.")
    if DATE.fullmatch(text):
        raise WrongRow(f"{column} became a date in the spreadsheet; make the column one of text and enter it again.")
    if len(text) > longest or set(AMBIGUOUS) & set(text):
        raise WrongRow(f"{column} may have {longest} characters at most, without backslash, * and ?.")
    return text


def _is_to_be_sent(cells: Sequence[str], where: Mapping[Column, int]) -> bool:
    """A row of a sheet that came back says how it stands; only what failed, or is new, goes."""
    state = cells[where[Column.STATE]] if Column.STATE in where else ""
    return state.casefold() in ("", FAILED)


def _as_wide(cells: Sequence[str], width: int) -> tuple[str, ...]:
    return tuple(_cells(cells, width))


def _cells(cells: Sequence[str], width: int) -> Iterator[str]:
    for number in range(width):
        text = clean(cells[number]) if number < len(cells) else ""
        yield text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + UNREADABLE


def _is(name: str, *columns: Column) -> bool:
    return " ".join(name.split()).casefold().replace("-", " ") in {str(column).casefold() for column in columns}
