"""What is typed into the form of a request, read: partners, dates, rows of studies."""

from __future__ import annotations

from datetime import date

import pytest

from models.queries.partners import Askable
from web.entries import Wrong, day, reason
from web.requests.form import of_study, read_entry, typed, with_row, without_row
from web.requests.partners import partner

PARTNERS = (Askable("ZX1", "Northern Example", "", "UTC"), Askable("ZX2", "Royal Example", "", "UTC"))


def test_rows_move_up() -> None:
    content = typed({"rows": "3", "reason": "x", of_study(0, "from"): "a", of_study(2, "description"): "c"})
    fewer = without_row(content, 1)
    assert fewer == {"rows": "2", "reason": "x", "study-0-from": "a", "study-1-description": "c"}
    assert without_row(without_row(fewer, 0), 0) == {"rows": "1", "reason": "x"}
    assert without_row(content, 9) == content
    assert with_row({"rows": "10"})["rows"] == "10"
    for strange in ("x", "-1", "0", "", "²", "9" * 5000):
        assert typed({"rows": strange})["rows"] == "1"


@pytest.mark.parametrize(
    ("typed_words", "code"),
    [
        ("ZX1", "ZX1"),
        ("zx1", "ZX1"),
        ("Northern Example (ZX1)", "ZX1"),
        ("royal", "ZX2"),
        ("  royal   EXAMPLE ", "ZX2"),
    ],
)
def test_a_partner_is_meant(typed_words: str, code: str) -> None:
    assert partner(typed_words, PARTNERS).ods_code == code


def test_an_ambiguous_name_is_nobody() -> None:
    with pytest.raises(Wrong, match="these are near: Royal"):
        partner("example", PARTNERS)


@pytest.mark.parametrize("words", ["3 5 2026", "03/05/2026", "3 May 2026", "2026-05-03", "3.5.2026", "3 may, 2026"])
def test_a_date_as_people_write_it(words: str) -> None:
    assert day(words, "x", date(2026, 5, 3)) == "20260503"


@pytest.mark.parametrize("words", ["x", "x.", "1 x", "1234 56", "..."])
def test_a_single_letter_is_no_reason(words: str) -> None:
    with pytest.raises(Wrong, match=r"Give a reason in words, 2 letters at least; the other side reads it\."):
        reason(words, "x")


@pytest.mark.parametrize("words", ["Why?", "?PE", "MI", "Né"])
def test_what_clinicians_abbreviate_is_a_reason(words: str) -> None:
    assert reason(words, "x") == words


@pytest.mark.parametrize(
    "words", ["3 5 26", "today", "3 13 2026", "5 2026", "3 5 2026 7", "3 5 1700", "３ ５ ２０２６"]
)
def test_no_date(words: str) -> None:
    with pytest.raises(Wrong):
        day(words, "x", date(2026, 5, 4))


@pytest.mark.parametrize(
    ("description", "chosen", "modality"),
    [
        ("CT head", "", "CT"),
        ("mri of the knee", "", "MR"),
        ("MRI head", "CT", "CT"),
        ("X-ray chest", "", ""),
        ("Head CT", "", ""),
        ("", "", ""),
    ],
)
def test_the_kind_is_what_the_description_begins_with_unless_one_is_chosen(
    description: str, chosen: str, modality: str
) -> None:
    content = {
        "rows": "1",
        "study-0-description": description,
        "study-0-Modality": chosen,
        "study-0-AccessionNumber": "A1",
    }
    entry, _ = read_entry(content, PARTNERS, date(2026, 5, 4))
    assert [study.Modality for study in entry.studies] == [modality]
