"""Whether an image costs more in a study that has many already.

The three stages of one study of many small images are let go one after the other, so that none is slowed by another
that ends meanwhile: the edge receives all, ingest takes all over, the worker sends all. Within each, stretches of equal
length are timed; each stretch of the first half is paired with the one as far into the second half.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from sqlalchemy import func, select

from bench.exchange import CALLED_AE_TITLE, DESTINATION, Exchange, exchange, of
from bench.measure import spread
from bench.outcome import Row, Section, at_most, spread_of
from bench.programs import scratch, until
from bench.pushing import LONGEST, push, small_study
from models.tables import Arrival, ArrivalInstance, Instance, LedgerEntry

NAME = "growth"
TARGET = 1.2
IMAGES, FEW, PAIRS, RUNS = 5_000, 500, 10, 2
QUICK_IMAGES, QUICK_RUNS = 1_000, 1
LEFT_OUT = 20
"""One image in so many, at either end: there associations open and close."""
WARM_UP = 50
QUIET = 0.2
SLOTS = 4
STAGES = ("receiving", "taking over", "sending")
WHOLE = "time per image to the confirmation, many / few"
Stages = dict[str, list[float]]


def measure(wanted: argparse.Namespace) -> Section:
    images, runs = (QUICK_IMAGES, QUICK_RUNS) if wanted.quick else (IMAGES, RUNS)
    few = images // (IMAGES // FEW)
    early: Stages = {stage: [] for stage in STAGES}
    late: Stages = {stage: [] for stage in STAGES}
    wholes = []
    with scratch(wanted.folder) as folder, exchange(folder / "exchange") as ours:
        ours.quiet_after(QUIET)
        _whole(ours, folder, WARM_UP)
        for _ in range(runs):
            wholes.append(_whole(ours, folder, images) / _whole(ours, folder, few))
            for stage, moments in _in_stages(ours, folder, images).items():
                stretches = _stretches(moments, 2 * PAIRS)
                early[stage] += stretches[:PAIRS]
                late[stage] += stretches[PAIRS:]
    whole = spread(wholes)
    return Section(
        NAME,
        "Many images in one study",
        f"{runs} times a study of {images:,} small CT stage by stage, in {runs * PAIRS} pairs of an early and a late "
        f"stretch; and {runs} times a study of {images:,} beside one of {few}, from the first image to the end.",
        [
            *(_verdict(stage, early[stage], late[stage]) for stage in STAGES),
            at_most(WHOLE, whole.median, TARGET, spread_of(whole)),
        ],
    )


def _verdict(stage: str, early: list[float], late: list[float]) -> Row:
    ratio = spread([after / before for before, after in zip(early, late, strict=True)])
    of_each = f"{spread(early).median:.1f} ms, then {spread(late).median:.1f} ms"
    return at_most(f"{stage}: an image, late / early", ratio.median, TARGET, f"{spread_of(ratio)}; {of_each}")


def _whole(ours: Exchange, folder: Path, n: int) -> float:
    """Seconds per image of a study of `n`."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        study = small_study(Path(place), n)
        push(Path(place), ours.port, CALLED_AE_TITLE)
        took = ours.until_confirmed(study)
    print(f"{n:,} images: confirmed after {took:.1f} s", file=sys.stderr, flush=True)
    return took / n


def _in_stages(ours: Exchange, folder: Path, n: int) -> Mapping[str, list[float]]:
    """For each stage, the moments (in seconds) at which it was done with an image, in order."""
    ours.allow(DESTINATION, 0)
    with tempfile.TemporaryDirectory(dir=folder) as place, ours.held("ingest"):
        study = small_study(Path(place), n)
        push(Path(place), ours.port, CALLED_AE_TITLE)
        kept = sorted(path.stat().st_mtime for path in ours.spool.iterdir())
    brought = select(ArrivalInstance.instance_id).join(Arrival).where(of(study))
    until(lambda: ours.one(select(func.count()).select_from(brought.subquery())) == n, LONGEST, "The taking over")
    ours.allow(DESTINATION, SLOTS)
    ours.until_confirmed(study)
    with ours.database.begin() as session:
        taken = session.scalars(select(Instance.received_at).where(Instance.id.in_(brought)))
        taken_at = sorted(at.timestamp() for at in taken)
        answers = session.scalars(select(LedgerEntry.answered_at).where(LedgerEntry.instance_id.in_(brought)))
        answered = sorted(at.timestamp() for at in answers)
    return dict(zip(STAGES, (kept, taken_at, answered), strict=True))


def _stretches(moments: list[float], number: int) -> list[float]:
    """Milliseconds per image in each of `number` stretches of equal length."""
    spared = len(moments) // LEFT_OUT
    length = (len(moments) - 2 * spared - 1) // number
    marks = [moments[spared + length * n] for n in range(number + 1)]
    return [(end - start) * 1000 / length for start, end in pairwise(marks)]
