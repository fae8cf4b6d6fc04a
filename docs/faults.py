"""The page of faults, from the catalogue and from what `make soak` has measured (docs/faults.json)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.catalogue import ROWS, Row

MEASURED = Path(__file__).parent / "faults.json"
ENOUGH = 20


def lines() -> Iterator[str]:
    measured = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    yield "# Faults"
    yield ""
    yield "What is done to the exchange, what must hold, which tests hold it in every run, and what the long runs"
    yield "(`make soak ROWS=P1,T1`) have found. Recovery is the time from when everything runs again and all is pushed"
    yield "until the study is confirmed there; aimed at (p95): 10 s for a worker, 15 s for engine and database. Rows"
    yield "that trouble no process are their tests, run once for each seed."
    yield ""
    yield "| Row | Fault | Must hold | Held by | Long runs |"
    yield "|---|---|---|---|---|"
    for row in ROWS:
        tests = "<br>".join([*(f"`{test}`" for test in row.tests), *([row.open] if row.open else [])])
        yield f"| {row.id} | {row.fault} | {row.holds} | {tests} | {said(row, measured.get(row.id))} |"


def said(row: Row, figures: dict[str, Any] | None) -> str:
    """What the long runs of a row have found, in words."""
    if figures is None:
        return "CI only" if row.tests else "none"
    seeds, failed = figures["seeds"], figures["failed"]
    few = f" Fewer than {ENOUGH} seeds: too few to rely on." if len(seeds) < ENOUGH else ""
    broken = f"failed at {', '.join(map(str, failed))}" if failed else "all held"
    return (
        f"{len(seeds)} seeds ({', '.join(map(str, seeds))}): {broken}{_measured(row, figures)}.{few}"
        f" Commit {figures['commit']}; {figures['machine']}."
    )


def _measured(row: Row, figures: dict[str, Any]) -> str:
    if not row.victim:
        return "; the tests named, each time as a whole"
    again = figures["sends"] - figures["images"]
    return f"; {figures['images']} images, {again} sent again; {recovery(figures.get('recovery_ms', []))}"


def recovery(milliseconds: list[int]) -> str:
    """The middle of the recovery times, and what 95 in 100 stay below (by nearest rank)."""
    if not milliseconds:
        return "recovery not measured"
    middle, high = (_ranked(milliseconds, share) / 1000 for share in (50, 95))
    return f"recovery p50 {middle:.1f} s, p95 {high:.1f} s"


def _ranked(milliseconds: list[int], percent: int) -> int:
    return sorted(milliseconds)[max(0, math.ceil(len(milliseconds) * percent / 100) - 1)]
