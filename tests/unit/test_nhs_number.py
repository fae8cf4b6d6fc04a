"""The NHS number's check digit, on numbers that were never issued."""

from __future__ import annotations

from string import digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.nhs_number import ISSUER, OID, issued_by_nhs, parse_nhs_number, spaced

VALID = [
    "9990000018",
    "9990000026",
    "9990000034",
    "9990000042",
    "9990000050",
    "9990000069",
    "9990000077",
    "9990000085",
    "9994926055",
    "9993290807",
    "9997897196",
    "9998361524",
    "9997893107",
    "9990386382",
    "9996516598",
    "9999443508",
    "9994285718",
    "9996087484",
    "9990888841",
    "9992158638",
]
INVALID = {
    "wrong check digit": "9990000019",
    "check digit of a base that has none": "999000000X",
    "zero in place of the check digit": "9990000000",
    "nine digits": "999000001",
    "eleven digits": "99900000180",
    "all the same": "9999999999",
    "all zero": "0000000000",
    "all one": "1111111111",
    "nothing": "",
    "blanks": "          ",
    "fullwidth digits": "９９９００００００１８",
    "Arabic-Indic digits": "٩٩٩٠٠٠٠٠١٨",
    "superscript": "999000001⁸",
    "two numbers": "9990000018\\9990000026",
    "a word before": "NHS9990000018",
    "a tab": "999\t000\t0018",
    "NUL inside": "99900\x0000018",
    "a sign": "+999000001",
}


@pytest.mark.parametrize("number", VALID)
def test_valid(number: str) -> None:
    assert parse_nhs_number(number) == number


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_invalid(text: str) -> None:
    assert parse_nhs_number(text) is None


@pytest.mark.parametrize("last", digits)
def test_a_base_whose_check_is_ten_has_no_number(last: str) -> None:
    assert parse_nhs_number("999000000" + last) is None


@pytest.mark.parametrize("text", ["999 000 0018", " 9990000018 ", "999-000-0018", "9990000018\0", "9990000018 \0"])
def test_is_kept_without_blanks(text: str) -> None:
    assert parse_nhs_number(text) == "9990000018"


def test_is_read_in_groups_of_three_three_and_four() -> None:
    assert spaced("9990000018") == "999 000 0018"


@pytest.mark.parametrize("issuer", [ISSUER, OID, " NHS", "NHS\0", "nhs"])
def test_the_nhs_as_issuer(issuer: str) -> None:
    assert issued_by_nhs(issuer)


@pytest.mark.parametrize("issuer", ["", "ZX1", "NHS Trust", "CHI", OID + ".1"])
def test_another_issuer(issuer: str) -> None:
    assert not issued_by_nhs(issuer)


@given(st.sampled_from(VALID), st.integers(0, 9), st.sampled_from(digits))
def test_every_single_digit_error_is_caught(number: str, position: int, digit: str) -> None:
    wrong = number[:position] + digit + number[position + 1 :]
    assert parse_nhs_number(wrong) == (number if wrong == number else None)


@given(st.sampled_from(VALID), st.integers(0, 8))
def test_every_swap_of_neighbours_is_caught(number: str, at: int) -> None:
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert parse_nhs_number(swapped) == (number if swapped == number else None)


@given(st.from_regex(r"\A999[0-9]{6}\Z"))
def test_at_most_one_check_digit_fits(base: str) -> None:
    assert sum(parse_nhs_number(base + last) is not None for last in digits) <= 1


@given(st.text(max_size=14))
def test_any_text_gives_ten_ascii_digits_or_none(text: str) -> None:
    number = parse_nhs_number(text)
    assert number is None or (len(number) == 10 and number.isascii() and number.isdigit())
    assert number is None or parse_nhs_number(spaced(number)) == number
