"""What counts as naming the patient, and what does not."""

from __future__ import annotations

import pytest

from models.domain.naming import NOBODY, Identifying, named_in

AGNES = Identifying("TESTFAMILY^Agnes^^Mrs", "19510203", frozenset({"ZX1-0042", "7", ""}), "Royal Example ZX2 CT head")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("It is Testfamily's study.", "family name"),
        ("TESTFAMILY, not hers", "family name"),
        ("Ask agnes first.", "given name"),
        *((f"Born {date}, I think.", "birth date") for date in (
            "3/2/1951", "03/02/1951", "03.02.51", "3-2-1951", "3 2 1951", "1951-02-03", "19510203", "3 Feb 1951",
            "3rd of February 1951", "February 3, 1951", "03Feb1951", "3 FEB '51",
        )),
        ("Filed under zx1-0042 here.", "Patient ID"),
        ("It is 999 000 0018.", "NHS number"),
        ("It is 9990000018.", "NHS number"),
    ],
)  # fmt: skip
def test_what_names_the_patient(text: str, named: str) -> None:
    assert named_in(text, AGNES) == named


@pytest.mark.parametrize(
    "text",
    [
        "Testfamilys of many kinds", "Agnesium is no metal.", "We have 7 images of 3/2/1952.", "Sent 13/2/1951.",
        "ZX1-00421 is another.", "Call 01632 960020.", "The series 3251 is missing.",
    ],
)  # fmt: skip
def test_what_only_looks_like_it(text: str) -> None:
    assert named_in(text, AGNES) == ""


@pytest.mark.parametrize("family", ["HEAD", "Royal", "zx2", "NÉ"])
def test_a_name_that_is_another_word_or_short_does_not_count(family: str) -> None:
    patient = Identifying(f"{family}^Jo", "", frozenset(), AGNES.other_words)
    assert named_in("The CT head for the Royal at ZX2 is né jo's.", patient) == ""
    assert named_in("For Müller", Identifying("MULLER^X")) == "family name"


def test_of_nobody_only_an_nhs_number_counts() -> None:
    assert named_in("Agnes Testfamily, 3/2/1951", NOBODY) == ""
    assert named_in("999-000-0018", NOBODY) == "NHS number"


def test_a_name_that_is_a_word_counts_only_as_a_name() -> None:
    patient = Identifying("YOUNG^May")
    assert named_in("The young doctor says it may come tomorrow.", patient) == ""
    assert named_in("It is May's.", patient) == "given name"
    assert named_in("MR YOUNG HAS MOVED", patient) == "family name"
