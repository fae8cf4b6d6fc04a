"""What the rounds over the ways say: times, ratios, and whether they count."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measure import Round, ratio, spread
from bench.outcome import Row, at_most, spread_of

STRAIGHT, LUA, BARE, EXCHANGE = "straight", "lua", "bare", "exchange"
WORDS = {
    STRAIGHT: "storescu straight to Orthanc",
    LUA: "through an Orthanc that forwards by Lua",
    BARE: "through a bare relay",
    EXCHANGE: "through the exchange",
}
COUNTS_BELOW = 0.3
"""Of the straight way: a bare relay slower than this says that the machine, and not the program, was measured."""
TARGET = 1.5
"""Times the bare relay."""
SLOW_WAYS = (
    "The first two ways are slow because Orthanc as a receiver delays the acknowledgement (TCP) of what storescu sends "
    "in two writes, by 40 ms an image."
)


def report(rounds: Sequence[Round], images: int) -> str:
    """The table of times, as Markdown that reads well on a terminal."""
    lines = [
        f"{images} CT of 0.5 MB, {len(rounds)} interleaved rounds; median (least–most). {SLOW_WAYS}",
        "",
        f"| {'way':39} | {'delivered, s':>20} | {'pushed, s':>9} | {'images/s':>8} |",
        f"|:{'-' * 39}-|-{'-' * 20}:|-{'-' * 9}:|-{'-' * 8}:|",
    ]
    for name, words in WORDS.items():
        journeys = [found[name] for found in rounds if name in found]
        if journeys:
            delivered = spread([journey.delivered for journey in journeys])
            pushed = spread([journey.pushed for journey in journeys])
            rate = images / delivered.median
            lines.append(f"| {words:39} | {spread_of(delivered):>20} | {pushed.median:>9.2f} | {rate:>8.0f} |")
    return "\n".join(lines)


def verdicts(rounds: Sequence[Round]) -> list[Row]:
    """Ratios, taken within the rounds."""
    said = []
    if bare := ratio(rounds, BARE, STRAIGHT):
        row = at_most("bare relay / straight (else the run does not count)", bare.median, COUNTS_BELOW, spread_of(bare))
        said.append(row)
    if ours := ratio(rounds, EXCHANGE, BARE):
        said.append(at_most("exchange / bare relay", ours.median, TARGET, spread_of(ours)))
    if lua := ratio(rounds, EXCHANGE, LUA):
        said.append(Row("exchange / Lua-forwarding Orthanc", spread_of(lua)))
    return said
