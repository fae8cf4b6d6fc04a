"""Whether a study costs more when very many finished transactions are stored: two exchanges, one of them full.

The plans are those that really ran: the full one's tables must not have been read from end to end meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import text

from bench.exchange import CALLED_AE_TITLE, Exchange, exchange
from bench.filling import OPEN, fill
from bench.measure import spread
from bench.outcome import Row, Section, at_most, spread_of
from bench.programs import scratch
from bench.pushing import push, small_study

NAME = "stored"
TARGET = 1.2
STORED, IMAGES, PAIRS = 100_000, 60, 20
QUICK_STORED, QUICK_PAIRS = 20_000, 5
QUIET = 0.2
"""Seconds of silence of the sender: what is measured is work, and not waiting."""
WARM_UPS = 3
RATIO = "time per image to the confirmation, full / empty"
PLANS = "tables that grow and were read from end to end"
READS = "SELECT relname, n_live_tup, seq_scan, seq_tup_read FROM pg_stat_user_tables"


def measure(wanted: argparse.Namespace) -> Section:
    stored, pairs = (QUICK_STORED, QUICK_PAIRS) if wanted.quick else (STORED, PAIRS)
    times: list[tuple[float, float]] = []
    with (
        scratch(wanted.folder) as folder,
        exchange(folder / "full") as full,
        exchange(folder / "empty") as empty,
    ):
        _fill(full, stored)
        for ours in (full, empty):
            ours.quiet_after(QUIET)
            for _ in range(WARM_UPS):
                _per_image(ours, folder)
        before = _read(full, stored)
        for number in range(pairs):
            # There and back, so that each is first as often as the other.
            order = (full, empty) if number % 2 else (empty, full)
            found = {id(ours): _per_image(ours, folder) for ours in order}
            times.append((found[id(full)], found[id(empty)]))
            print(f"pair {number + 1} of {pairs}: {times[-1][0]:.1f}, {times[-1][1]:.1f}", file=sys.stderr, flush=True)
        scanned = [name for name, rows in _read(full, stored).items() if rows - before.get(name, 0) >= stored // 2]
    fulls, empties = zip(*times, strict=True)
    ratio = spread([one / other for one, other in times])
    return Section(
        NAME,
        "Many finished transactions stored",
        f"{IMAGES} small CT from the first image to the confirmation, {pairs} interleaved pairs: an exchange with "
        f"{stored:,} finished transactions, and an empty one.",
        [
            Row("full", spread_of(spread(fulls), " ms an image", 1)),
            Row("empty", spread_of(spread(empties), " ms an image", 1)),
            at_most(RATIO, ratio.median, TARGET, spread_of(ratio)),
            Row(PLANS, ", ".join(scanned) or "none", "none", "missed" if scanned else "reached"),
        ],
    )


def _fill(full: Exchange, stored: int) -> None:
    print(f"filling to {stored:,} ...", file=sys.stderr, flush=True)
    with full.database.begin() as session:
        # Without those that are open: the exchange would take them up.
        fill(session, OPEN, OPEN + stored - 1)
    with full.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def _per_image(ours: Exchange, folder: Path) -> float:
    """Milliseconds per image of one study."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        study = small_study(Path(place), IMAGES)
        push(Path(place), ours.port, CALLED_AE_TITLE)
        return ours.until_confirmed(study) * 1000 / IMAGES


def _read(ours: Exchange, stored: int) -> Mapping[str, int]:
    """How many rows have been read from end to end so far, of each table that has grown with what is stored."""
    with ours.database.begin() as session:
        rows = session.execute(text(READS)).all()
    return {row.relname: row.seq_tup_read for row in rows if row.n_live_tup >= stored // 2}
