"""What a run says: times, ratios, and whether it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bench.measure import Round, Spread, ratio, spread

STRAIGHT, LUA, BARE, EXCHANGE = "straight", "lua", "bare", "exchange"
WORDS = {
    STRAIGHT: "storescu straight to Orthanc",
    LUA: "through an Orthanc that forwards by Lua",
    BARE: "through a bare relay",
    EXCHANGE: "through the exchange",
}
COUNTS_BELOW = 0.3
"""Of the straight way: a bare relay slower than this says that the machine, and not the program, was measured."""
TARGET = 2.0
"""Times the bare relay."""


def report(rounds: Sequence[Round], images: int, facts: Mapping[str, str]) -> str:
    """The whole text, as Markdown that reads well on a terminal."""
    lines = [
        f"{images} CT of 0.5 MB, {len(rounds)} interleaved rounds, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "",
        *_times(rounds, images),
        "",
        *_ratios(rounds),
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
    ]
    return "\n".join(lines) + "\n"


def _times(rounds: Sequence[Round], images: int) -> list[str]:
    table = [
        f"| {'way':39} | {'delivered, s':>20} | {'pushed, s':>9} | {'images/s':>8} |",
        f"|:{'-' * 39}-|-{'-' * 20}:|-{'-' * 9}:|-{'-' * 8}:|",
    ]
    for name, words in WORDS.items():
        journeys = [found[name] for found in rounds if name in found]
        if journeys:
            delivered = spread([journey.delivered for journey in journeys])
            pushed = spread([journey.pushed for journey in journeys])
            rate = images / delivered.median
            table.append(f"| {words:39} | {_written(delivered):>20} | {pushed.median:>9.2f} | {rate:>8.0f} |")
    return table


def _ratios(rounds: Sequence[Round]) -> list[str]:
    said = []
    bare = ratio(rounds, BARE, STRAIGHT)
    ours = ratio(rounds, EXCHANGE, BARE)
    lua = ratio(rounds, EXCHANGE, LUA)
    if bare:
        verdict = "this run counts" if bare.median <= COUNTS_BELOW else "this run does NOT count"
        said.append(f"- bare relay / straight: {_written(bare)}; {verdict} (it must be {COUNTS_BELOW} at most)")
    if ours:
        verdict = "reached" if ours.median <= TARGET else "NOT reached"
        said.append(f"- exchange / bare relay: {_written(ours)}; the target of {TARGET:g} is {verdict}")
    if lua:
        said.append(f"- exchange / Lua-forwarding Orthanc: {_written(lua)}")
    return said


def _written(found: Spread) -> str:
    return f"{found.median:.2f} ({found.least:.2f}–{found.most:.2f})"
