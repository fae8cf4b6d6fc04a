"""What a measurement comes to: rows with a target each, as a section of RESULTS.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bench.causes import CAUSES
from bench.measure import Spread

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = "# The last measurements\n\nWritten by `python -m bench --write`, each section when it was measured last.\n"
FORMAT = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One number that was measured; without a `target` it is only printed beside the others."""

    what: str
    measured: str
    target: str = ""
    verdict: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Section:
    """`name` is how it is asked for, `title` its heading; `text` stands between the two and the rows."""

    name: str
    title: str
    text: str
    rows: Sequence[Row]

    def written(self, facts: Mapping[str, str], at: datetime | None = None) -> str:
        lines = [
            f"## {self.title}",
            "",
            f"`python -m bench {self.name}`, {at or datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
        ]
        lines += ["", self.text.strip(), ""]
        if self.rows:
            lines += [*_table(self.rows), ""]
        return "\n".join([*lines, *(f"- {name}: {value}" for name, value in facts.items())]) + "\n"


def at_most(what: str, value: float, target: float, measured: str, unit: str = "") -> Row:
    """A row whose value must not be more than the target."""
    return _judged(what, value <= target, value, target, measured, f"≤ {target:g}{unit}")


def at_least(what: str, value: float, target: float, measured: str, unit: str = "") -> Row:
    """A row whose value must not be less than the target."""
    return _judged(what, value >= target, value, target, measured, f"≥ {target:g}{unit}")


def spread_of(found: Spread, unit: str = "", digits: int = 2) -> str:
    """Median, least and greatest."""
    return f"{found.median:.{digits}f}{unit} ({found.least:.{digits}f}–{found.most:.{digits}f})"


def keep(written: Mapping[str, str], path: Path = RESULTS) -> None:
    """Put the sections, by title, in the place of those of the same title; the others stay."""
    before = path.read_text() if path.exists() else ""
    pieces = FORMAT.split(before)[1:]
    sections = {title: f"## {title}{body}" for title, body in zip(pieces[::2], pieces[1::2], strict=True)} | dict(
        written
    )
    path.write_text("\n".join([HEAD, *(section.strip() + "\n" for section in sections.values())]))


def _judged(what: str, is_reached: bool, value: float, target: float, measured: str, aim: str) -> Row:
    row = Row(what, measured, aim, "reached")
    if is_reached:
        return row
    return replace(row, verdict=f"missed by {abs(value - target) / target:.0%}", cause=CAUSES.get(what, ""))


def _table(rows: Sequence[Row]) -> list[str]:
    head = ("what", "target", "measured", "verdict", "cause")
    cells = [(row.what, row.target, row.measured, row.verdict, row.cause) for row in rows]
    return [f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *cells)]
