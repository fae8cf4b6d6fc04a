"""The rows that have tests of their own and no process to trouble: these tests, once more for each seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.faults.catalogue import Row
from tests.faults.seeds import ROOT, VARIABLE


def repeat(rows: Iterable[Row], seed: int, folder: Path) -> dict[str, bool]:
    """Runs all tests of `rows` in a pytest of its own; whether those of each row passed, by its id.

    RuntimeError where it was cut off: that says nothing of the rows.
    """
    rows, report = list(rows), folder / f"{seed}.xml"
    tests = sorted({test for row in rows for test in row.tests})
    program = (sys.executable, "-m", "pytest", "-q", "--numprocesses", "0", "--junitxml", str(report), *tests)
    with (folder / f"{seed}.log").open("wb") as log:
        ended = subprocess.run(
            program, cwd=ROOT, env=os.environ | {VARIABLE: str(seed)}, stdout=log, stderr=log, timeout=1800, check=False
        ).returncode
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"The tests of seed {seed} were cut off: {folder / f'{seed}.log'}")
    passed = _passed(report)
    return {row.id: all(passed.get(test, False) for test in row.tests) for row in rows}


def _passed(report: Path) -> dict[str, bool]:
    """By test, without its parameters: all of its cases were run, and none failed."""
    cases: dict[str, list[bool]] = defaultdict(list)
    for test, passed in _cases(report):
        cases[test].append(passed)
    return {test: all(found) for test, found in cases.items()}


def _cases(report: Path) -> Iterator[tuple[str, bool]]:
    if not report.exists():
        return
    # The report of our own pytest: nobody else writes it.
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        file = case.attrib["classname"].replace(".", "/") + ".py"
        yield f"{file}::{case.attrib['name'].partition('[')[0]}", len(case.findall("*")) == 0
