"""Rules for every file: only test patients, no addresses in locks, plain names, modules one can read at once."""

from __future__ import annotations

import re
from pathlib import Path

from models.domain.nhs_number import parse_nhs_number
from tests.architecture.sources import ROOT, files, modules

LOCKS = (Path("requirements.lock"), Path("package-lock.json"))
LONGEST = 300  # lines of a module
TEN_DIGITS = re.compile(r"(?<![\w.])(\d{3})([ -]?)(\d{3})\2(\d{4})(?![\w]|\.\d)")
VAGUE = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}


def real_numbers(text: str) -> list[str]:
    """What could be a living person's NHS number: ten digits with a right check digit, outside 999…"""
    found = []
    for match in TEN_DIGITS.finditer(text):
        digits = match[1] + match[3] + match[4]
        if not digits.startswith("999") and parse_nhs_number(digits):
            found.append(digits)
    return found


def test_no_number_of_a_living_person() -> None:
    found = []
    for file in files():
        if file in LOCKS:
            continue
        text = (ROOT / file).read_bytes().decode("utf-8", errors="ignore")
        found += [f"{file}: {number}" for number in real_numbers(text)]
    assert not found, "\n" + "\n".join(found)


def test_such_a_number_is_found() -> None:
    living = "401023213" + "7"  # in two pieces, or this file would break its own rule
    assert real_numbers(f"NHS number {living}.") == [living]
    assert real_numbers("NHS number 401 023 " + "2137") == [living]
    assert real_numbers("999 000 0018, 9990000018, 2.25." + living + ".1") == []


def test_locks_name_no_address() -> None:
    for lock in LOCKS:
        assert not re.findall(r"https?://[^\s\"]*", (ROOT / lock).read_text()), lock


def test_names_say_what_is_inside() -> None:
    vague = [file for file in modules() if VAGUE & {part.lower() for part in file.with_suffix("").parts}]
    assert not vague


def test_a_module_is_read_at_once() -> None:
    lengths = {file: len((ROOT / file).read_text().splitlines()) for file in modules()}
    assert not {str(file): lines for file, lines in lengths.items() if lines > LONGEST}
