"""Bulk sheets as files: what is read of CSV and XLSX, what is refused, and that nothing that goes back is computed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.formula import ArrayFormula

from models.domain.bulk_sheet import read_sheet
from models.domain.errors import NotAllowed
from models.sheet_files import (
    CSV,
    MOST_BESIDE,
    MOST_BYTES,
    MOST_UNPACKED,
    XLSX,
    kind_of,
    read_file,
    template,
    with_states,
    written,
)

NAMES = ("Study Instance UID", "Destination", "Recipient", "Reason", "Note")
ROW = ("2.25.771", "ZX2", "Dr R Cipient", "For the meeting.", "=HYPERLINK(1)")


def workbook(*rows: Sequence[object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(content: bytes, part: str, text: str) -> bytes:
    """The workbook with one part replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, text if info.filename == part else old.read(info))
    return out.getvalue()


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_what_is_written_is_read_again(kind: str) -> None:
    table = read_file(written(kind, [NAMES, ROW]))
    sheet = read_sheet(table)
    assert sheet.rows[0].cells == ROW
    assert sheet.rows[0].entry
    back = written(kind, with_states(sheet.columns, [(sheet.rows[0].cells, "Failed", "=Said.")]))
    again = read_sheet(read_file(back))
    assert again.rows[0].cells == ROW


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_the_template_is_read(kind: str) -> None:
    with pytest.raises(NotAllowed, match="column names only"):
        read_sheet(read_file(template(kind)))


def test_nothing_is_a_formula_in_what_goes_back() -> None:
    assert b"\n'=HYPERLINK(1)" in written(CSV, [["x"], [ROW[4]]])
    book = load_workbook(io.BytesIO(written(XLSX, [["=1+1", "+1", "\x01"]])))
    assert [(cell.value, cell.data_type) for cell in book.active[1]] == [("=1+1", "s"), ("+1", "s"), ("?", "s")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(encoding: str, delimiter: str) -> None:
    text = "\r\n".join(delimiter.join(row) for row in (("Note", "Name"), ("Jörg", "Müller")))
    assert read_file(text.encode(encoding)) == [(1, ["Note", "Name"]), (2, ["Jörg", "Müller"])]


def test_blank_rows_are_passed_over_and_positions_are_those_of_the_file() -> None:
    assert [number for number, _ in read_file(b"a,b\r\n,\r\n\r\n1,2\r\n")] == [1, 4]


def test_numbers_of_a_workbook_are_text() -> None:
    days = map(datetime.fromisoformat, ("2026-05-03", "2026-05-03T09:30"))
    table = read_file(workbook(["n"], [1000042], [1000042.0], [True], [1.5], *([day] for day in days)))
    said = ["1000042", "1000042", "TRUE", "1.5", "2026-05-03", "2026-05-03T09:30:00"]
    assert [cells[0] for _, cells in table[1:]] == said


def test_a_number_of_which_the_spreadsheet_has_lost_digits_is_no_identifier() -> None:
    names = ("Accession Number", *NAMES[1:])
    (row,) = read_sheet(read_file(workbook(names, (1234567890123456, *ROW[1:])))).rows
    assert row.wrong.startswith("Accession Number was rounded")


def test_a_day_that_no_calendar_has_is_an_error_and_no_warning() -> None:
    book = Workbook()
    book.active.append(["n"])
    book.active.append([60_000_000])
    book.active["A2"].number_format = "yyyy-mm-dd"
    assert read_file(saved(book))[1][1] == ["#VALUE!"]


def test_merged_cells_are_said_by_the_first_of_them() -> None:
    book = Workbook()
    for row in (NAMES, ROW, ROW):
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    first, second = read_sheet(read_file(saved(book))).rows
    assert first.entry
    assert second.wrong.startswith("Give a Destination")


def test_a_formula_of_a_workbook_is_not_computed() -> None:
    assert read_file(workbook(["n"], ["=1+1"], [ArrayFormula("A3:A4", "=SUM(1)")]))[1:] == [(2, ["=1+1"]), (3, ["="])]


def test_more_rows_than_are_taken() -> None:
    with pytest.raises(NotAllowed, match="more than 2,000 rows"):
        read_file(b"a\r\n" * 2002)
    with pytest.raises(NotAllowed, match="more than 2,000 rows"):
        read_file(written(XLSX, [NAMES, *[ROW] * 10_000]))
    with pytest.raises(NotAllowed, match="more than 2,000 rows"):
        read_file(b"\r\n" * 20_001)


BOOK = workbook(["a"], ["b"])
SHEET = "xl/worksheets/sheet1.xml"
ENTITY = '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a" * (MOST_BYTES + 1), "larger than 5 MB"),
        ("a,b".encode("utf-16-le"), "no text"),
        ("a,b".encode("utf-16")[:-1], "letters of that file"),
        (b"a,\x81\xff\r\n", "letters of that file"),
        (b'a,"b\r\n', "no CSV"),
        (b"\xd0\xcf\x11\xe0 and so on", "old or a protected workbook"),
        (b"PK\x03\x04 and nothing", "cannot be read"),
        (BOOK[:-40], "cannot be read"),
        (changed(BOOK, SHEET, "<worksheet"), "cannot be read"),
        (changed(BOOK, SHEET, ENTITY), "holds what no workbook needs"),
        (changed(BOOK, SHEET, " " * (MOST_UNPACKED + 1)), "too large once it is unpacked"),
        (changed(BOOK, "xl/styles.xml", " " * (MOST_BESIDE + 1)), "far more than its cells"),
    ],
)
def test_what_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(NotAllowed, match=words):
        read_file(content)


def test_a_row_far_down_does_not_hold_the_page() -> None:
    far = changed(BOOK, SHEET, _far())
    with pytest.raises(NotAllowed, match="more than 2,000 rows"):
        read_file(far)


def _far() -> str:
    with zipfile.ZipFile(io.BytesIO(BOOK)) as archive:
        return archive.read(SHEET).decode().replace('r="2"', 'r="1048576"').replace("A2", "A1048576")


@pytest.mark.parametrize(("name", "kind"), [("a.csv", CSV), ("a.XLSX", XLSX), ("a", CSV), ("a.txt", CSV)])
def test_it_goes_back_as_it_came(name: str, kind: str) -> None:
    assert kind_of(name) == kind
