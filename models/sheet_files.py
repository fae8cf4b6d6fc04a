"""Bulk sheets as files, CSV and XLSX: read as text whatever they hold, written so that nothing in them is computed."""

from __future__ import annotations

import codecs
import csv
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time
from pathlib import PurePath
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from models.domain.bulk_sheet import ADDED, ASKED, MOST_COLUMNS, MOST_ROWS, Table, clean, harmless
from models.domain.errors import NotAllowed
from models.domain.readable import UNREADABLE

MOST_BYTES = 5 * 1024 * 1024
MOST_UNPACKED, MOST_PARTS = 20 * 1024 * 1024, 500
CELLS, MOST_BESIDE = ("xl/worksheets/", "xl/sharedStrings.xml", "xl/media/"), 512 * 1024
"""Where a workbook has its cells (and pictures); any other part, such as the styles, costs far more to read."""
CSV, XLSX = "csv", "xlsx"
ZIP, OLE, UTF_16 = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
LONGEST_NUMBER = 10**15
"""A spreadsheet keeps fifteen digits of a number and makes the others zeros."""
FARTHEST = 10 * MOST_ROWS
"""Rows of a file, blank ones included, after which nothing is looked for."""


def read_file(content: bytes) -> Table:
    """The rows that are not blank. Raises NotAllowed with a sentence when it is no sheet, or not a harmless one."""
    if len(content) > MOST_BYTES:
        raise NotAllowed("That file is larger than 5 MB; split it.")
    if content.startswith(OLE):
        raise NotAllowed("That is an old or a protected workbook; save it as XLSX without a password, or as CSV UTF-8.")
    rows = _of_workbook(content) if content.startswith(ZIP) else _of_text(content)
    table = []
    for number, cells in enumerate(rows, 1):
        if number > FARTHEST:
            raise NotAllowed(f"That sheet has more than {MOST_ROWS:,} rows; split it.")
        if said := _to_the_last(cells):
            table.append((number, said))
        if len(table) > MOST_ROWS + 1:
            raise NotAllowed(f"That sheet has more than {MOST_ROWS:,} rows; split it.")
    return table


def kind_of(file_name: str) -> str:
    """In which form a sheet goes back: as it came."""
    return XLSX if PurePath(file_name).suffix.casefold() == f".{XLSX}" else CSV


def written(kind: str, rows: Iterable[Sequence[str]]) -> bytes:
    """A file of these rows; a cell that looks like a formula is text in it."""
    return _workbook(rows) if kind == XLSX else _text(rows)


def template(kind: str) -> bytes:
    """A sheet to fill in."""
    return written(kind, [tuple(map(str, ASKED))])


def with_states(columns: Sequence[str], rows: Iterable[tuple[Sequence[str], str, str]]) -> Iterator[Sequence[str]]:
    """The rows as they came, with how each of them stands and why."""
    yield (*columns, *map(str, ADDED))
    for cells, state, reason in rows:
        yield (*cells, state, reason)


def _to_the_last(cells: Sequence[str]) -> list[str]:
    """Without the blank cells at the end, of which a workbook may have any number."""
    last = max((number for number, cell in enumerate(cells, 1) if cell.strip()), default=0)
    return list(cells[:last])


def _of_text(content: bytes) -> Iterator[list[str]]:
    text = _decoded(content)
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error:
        raise NotAllowed("That file is no CSV that can be read; save it as CSV UTF-8 again.") from None


def _decoded(content: bytes) -> str:
    says_so = content.startswith(UTF_16)
    if b"\0" in content and not says_so:
        raise NotAllowed("That file is no text; save the sheet as CSV UTF-8, or as XLSX.")
    for encoding in ("utf-16",) if says_so else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise NotAllowed("The letters of that file cannot be read; save it as CSV UTF-8.")


def _of_workbook(content: bytes) -> Iterator[list[str]]:
    try:
        _must_be_harmless(content)
        # A warning may cite a cell.
        with warnings.catch_warnings(action="ignore"):
            yield from _cells_of(content)
    except NotAllowed:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with a stranger's file, it is not read
        raise NotAllowed("That workbook cannot be read; save it as XLSX again, or as CSV UTF-8.") from None


def _cells_of(content: bytes) -> Iterator[list[str]]:
    with closing(load_workbook(io.BytesIO(content), read_only=True, keep_links=False)) as book:
        sheet = book.worksheets[0]
        # What a file says of its own size is not believed.
        sheet.reset_dimensions()
        for row in sheet.iter_rows(max_row=FARTHEST + 1, max_col=MOST_COLUMNS + 1, values_only=True):
            yield [_as_text(value) for value in row]


def _must_be_harmless(content: bytes) -> None:
    """A ZIP gives out no more than each part's header says, so the headers' sum bounds all that is unpacked."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
            raise NotAllowed("That workbook is too large once it is unpacked; copy the rows into a new one.")
        if any(part.file_size > MOST_BESIDE and not part.filename.startswith(CELLS) for part in parts):
            raise NotAllowed("That workbook holds far more than its cells; copy the rows into a new one.")
        for part in parts:
            # No program that writes workbooks declares entities; what does wants to fill the memory.
            if b"<!DOCTYPE" in archive.read(part).replace(b"\0", b""):
                raise NotAllowed("That workbook holds what no workbook needs; copy the rows into a new one.")


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case int() | float() if abs(value) >= LONGEST_NUMBER:
            return f"{value:.14E}"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time.min:
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case ArrayFormula() | DataTableFormula():
            return "="
        case _:
            return str(value)


def _text(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _workbook(rows: Iterable[Sequence[str]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet")
    for row in rows:
        sheet.append([_cell(sheet, text) for text in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=clean(text).replace(UNREADABLE, "?"))
    # A text that begins like a formula would be taken for one; numbers of patients keep their zeros.
    cell.data_type, cell.number_format = "s", "@"
    return cell
