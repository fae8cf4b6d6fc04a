"""Ways for a study to reach the destination, measured in interleaved rounds."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.orthanc import Orthanc
from bench.programs import LOOK_EVERY, BenchError, need
from demo.studies import bench_study

LONGEST = 300.0
"""Seconds for one study on one way."""


@dataclass(frozen=True)
class Way:
    """`called` is the AE title to push to at `port`; `settle` returns when all is quiet again afterwards."""

    name: str
    port: int
    called: str
    settle: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Journey:
    """Seconds from the start of `storescu` until it had ended, and until the destination had every image."""

    pushed: float
    delivered: float


Round = dict[str, Journey]


def run_round(ways: Sequence[Way], destination: Orthanc, folder: Path, images: int) -> Round:
    """One fresh study, over each way in turn; the destination forgets it in between."""
    found = {}
    with tempfile.TemporaryDirectory(dir=folder) as study:
        bench_study(Path(study), images, seed=f"bench-{uuid.uuid4().hex}")
        for way in ways:
            destination.clear()
            found[way.name] = carry(way, destination, Path(study), images)
            way.settle()
    return found


def carry(way: Way, destination: Orthanc, study: Path, images: int) -> Journey:
    """Push `study` and watch it arrive. BenchError when it does not."""
    argv = [need("storescu", "dcmtk"), "-aec", way.called, "+sd", "127.0.0.1", str(way.port), str(study)]
    started = time.monotonic()
    pushed = 0.0
    with tempfile.TemporaryFile() as said, subprocess.Popen(argv, stdout=said, stderr=said) as sender:
        try:
            while destination.count() < images or not pushed:
                if not pushed and sender.poll() is not None:
                    pushed = time.monotonic() - started
                if sender.poll():
                    raise BenchError(f"storescu could not send over {way.name}; it ended with {sender.returncode}.")
                if time.monotonic() - started > LONGEST:
                    raise BenchError(f"Over {way.name} only {destination.count()} of {images} arrived in time.")
                time.sleep(LOOK_EVERY)
        finally:
            if sender.poll() is None:
                sender.terminate()
        return Journey(pushed, time.monotonic() - started)


@dataclass(frozen=True)
class Spread:
    """The median of a few numbers, with the least and the greatest."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def ratio(rounds: Sequence[Round], way: str, to: str) -> Spread | None:
    """Of two ways, round by round: what the machine does to one round it does to both."""
    pairs = [(found[way], found[to]) for found in rounds if way in found and to in found]
    return spread([one.delivered / other.delivered for one, other in pairs]) if pairs else None
