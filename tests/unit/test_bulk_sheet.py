"""The rows of a bulk sheet: what they ask for, and the one sentence beside each that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.bulk_sheet import (
    MOST_COLUMNS,
    MOST_ROWS,
    Column,
    SheetEntry,
    SheetRow,
    clean,
    harmless,
    read_sheet,
)
from models.domain.errors import NotAllowed
from models.domain.readable import UNREADABLE

RIGHT = {
    "Study Instance UID": "2.25.771",
    "Destination": "ZX2",
    "Recipient": "Dr R Cipient",
    "Call back": "01632 960222",
    "Reason": "For the meeting.",
}


def only(**changes: str) -> SheetRow:
    """The one row of a sheet; keywords are column names with "_" for blanks."""
    said = RIGHT | {name.replace("_", " "): value for name, value in changes.items()}
    (row,) = read_sheet([(1, list(said)), (2, list(said.values()))]).rows
    return row


def test_a_right_row() -> None:
    assert only().entry == SheetEntry("2.25.771", "", "ZX2", "", "Dr R Cipient", "01632 960222", "For the meeting.")
    assert only().wrong == ""


def test_an_accession_number_a_worklist_and_a_check() -> None:
    entry = only(
        Study_Instance_UID="", Accession_Number="A1", Destination="zx2, CT head", NHS_number="999 000 0018"
    ).entry
    assert entry
    assert (entry.AccessionNumber, entry.destination, entry.worklist) == ("A1", "ZX2", "CT head")
    assert entry.nhs_number == "9990000018"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Study_Instance_UID": ""}, "either a Study Instance UID or an Accession Number"),
        ({"Accession_Number": "A1"}, "either a Study Instance UID or an Accession Number"),
        ({"Study_Instance_UID": "2.25.x"}, "digits and points"),
        ({"Study_Instance_UID": "2.025"}, "digits and points"),
        ({"Study_Instance_UID": "2." + "1" * 63}, "digits and points"),
        ({"Study_Instance_UID": "=1+1"}, "holds a formula"),
        ({"Study_Instance_UID": "", "Accession_Number": "1.23457E+11"}, "rounded by the spreadsheet"),
        ({"Study_Instance_UID": "", "Accession_Number": "2026-02-01"}, "became a date"),
        ({"Recipient": "#N/A"}, "holds an error of the spreadsheet, #N/A"),
        ({"Study_Instance_UID": "", "Accession_Number": "A" * 17}, "16 characters at most"),
        ({"Study_Instance_UID": "", "Accession_Number": "A*"}, "without backslash"),
        ({"Destination": ""}, "Give a Destination"),
        ({"Destination": "Royal!"}, "Give a Destination"),
        ({"Recipient": ""}, "Recipient is empty"),
        ({"Recipient": "x" * 121}, "121 characters"),
        ({"Recipient": "Dr\x07 R"}, "cannot be read"),
        ({"Reason": ""}, "Reason is empty"),
        ({"Recipient": "", "Reason": ""}, "Recipient and Reason are empty"),
        ({"Reason": "?"}, "in words"),
        ({"Reason": "About 999 000 0018"}, "Do not name the patient"),
        ({"Reason": "About ZX1-0042", "Patient_ID": "ZX1-0042"}, "Do not name the patient"),
        ({"NHS_number": "999 000 0019"}, "no NHS number"),
    ],
)
def test_a_wrong_row_says_what_is_wrong(changes: dict[str, str], words: str) -> None:
    row = only(**changes)
    assert row.entry is None
    assert words in row.wrong
    assert row.wrong.endswith((".", "."))


def test_columns_in_any_order_and_writing_and_unknown_ones_are_kept() -> None:
    names = ["our note", "  REASON ", "destination", "Recipient", "study  instance uid"]
    sheet = read_sheet([(1, names), (4, ["kept", "For the clinic.", "ZX3", "Dr R", "2.25.1"])])
    assert sheet.columns == ("our note", "REASON", "destination", "Recipient", "study instance uid")
    (row,) = sheet.rows
    assert (row.position, row.cells[0]) == (4, "kept")
    assert row.entry
    assert (row.entry.reason, row.entry.call_back) == ("For the clinic.", "")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([], "empty"),
        ([(1, list(RIGHT))], "column names only"),
        ([(1, ["Destination"]), (2, ["ZX2"])], "no Study Instance UID or Accession Number, no Recipient, no Reason"),
        ([(1, [*RIGHT, "destination"]), (2, [*RIGHT.values()])], "two columns Destination"),
        ([(1, [*RIGHT, *"x" * MOST_COLUMNS]), (2, [*RIGHT.values()])], f"more than {MOST_COLUMNS} columns"),
        (
            [(n, list(RIGHT) if n == 1 else list(RIGHT.values())) for n in range(1, MOST_ROWS + 3)],
            "more than 2,000 rows",
        ),
    ],
)
def test_a_sheet_that_is_none(table: list[tuple[int, list[str]]], words: str) -> None:
    with pytest.raises(NotAllowed, match=words):
        read_sheet(table)


def test_the_same_study_to_the_same_destination_goes_once() -> None:
    values = list(RIGHT.values())
    sheet = read_sheet([(1, list(RIGHT)), (2, values), (3, values), (4, [values[0], "ZX3", *values[2:]])])
    assert [bool(row.entry) for row in sheet.rows] == [True, False, True]
    assert sheet.rows[1].wrong.startswith("Row 2 sends the same study there")


def test_a_sheet_that_came_back_sends_only_what_failed() -> None:
    columns = [*RIGHT, "State", "State reason"]
    rows = [
        (n, [f"2.25.{n}", *list(RIGHT.values())[1:], state, "Said."])
        for n, state in enumerate(("Fulfilled", "Failed", ""), 2)
    ]
    sheet = read_sheet([(1, columns), *rows])
    assert (sheet.done, [row.position for row in sheet.rows]) == (1, [3, 4])
    assert sheet.columns == tuple(RIGHT)
    assert all(len(row.cells) == len(RIGHT) for row in sheet.rows)
    with pytest.raises(NotAllowed, match="No row of that sheet has failed"):
        read_sheet([(1, columns), rows[0]])


@given(st.lists(st.lists(st.text(max_size=40), max_size=8), min_size=1, max_size=6))
def test_whatever_stands_in_a_row_it_is_right_or_says_why(rows: list[list[str]]) -> None:
    columns = [str(column) for column in Column][:8]
    sheet = read_sheet([(1, columns), *enumerate(rows, 2)])
    for row in sheet.rows:
        assert bool(row.entry) != bool(row.wrong)
        assert len(row.cells) == len(columns)
        assert all(cell.isprintable() or UNREADABLE in cell for cell in row.cells)
        assert "\0" not in "".join(row.cells)


@given(st.text())
def test_what_goes_back_is_no_formula_and_comes_in_again_as_it_was(text: str) -> None:
    cell = clean(text)
    assert not harmless(cell).startswith(("=", "+", "-", "@"))
    assert clean(harmless(cell)) == cell or cell.startswith("'")
