"""What edges and workers need at most in memory, and how long histories grow: few images, many, and a huge one."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import events
from bench.exchange import CALLED_AE_TITLE, Exchange, exchange
from bench.outcome import Row, Section, at_most
from bench.programs import BenchError, scratch
from bench.pushing import huge_object, push, small_study
from demo.studies import Study

NAME = "memory"
PARTS = ("edge-1", "edge-2", "ingest", "workflows", "transfer-urgent", "transfer-bulk")
TARGET_MB, TARGET_EVENTS = 30.0, 60
FEW, MANY, HUGE = 10, 5_000, 1 << 30
QUICK_MANY, QUICK_HUGE = 500, 128 << 20
WARM_UPS = 6
"""Studies of few images before the first that counts: both edges and all threads have worked by then."""
RESET_PEAK = "5"
"""Written to /proc/PID/clear_refs (proc(5)): the peak is counted anew from now on."""
Peaks = Mapping[str, float]


def measure(wanted: argparse.Namespace) -> Section:
    many, huge = (QUICK_MANY, QUICK_HUGE) if wanted.quick else (MANY, HUGE)
    with scratch(wanted.folder) as folder, exchange(folder / "exchange") as ours:
        for _ in range(WARM_UPS):
            _delivered(ours, folder, FEW)
        few, of_few = _peaks(ours, lambda: _delivered(ours, folder, FEW)), events.longest(ours.engine)
        most, of_many = _peaks(ours, lambda: _delivered(ours, folder, many)), events.longest(ours.engine)
        largest = _peaks(ours, lambda: _delivered(ours, folder, 1, huge))
    return Section(
        NAME,
        "Memory and histories",
        f"The peak of resident memory of each process while a study is pushed, delivered to the PACS of the demo and "
        f"confirmed: of {FEW} images, of {many:,}, and of one object of {huge / 2**30:.2g} GB.\n\n"
        f"{_table(few, most, largest, many)}",
        [
            _growth(f"memory: + from {FEW} to {many:,} images", few, most),
            _growth(f"memory: + for an object of {huge / 2**30:.2g} GB", few, largest),
            *_events(of_few, of_many, many),
        ],
    )


def _delivered(ours: Exchange, folder: Path, n: int, size: int = 0) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        study: Study = huge_object(Path(place), size) if size else small_study(Path(place), n)
        push(Path(place), ours.port, CALLED_AE_TITLE)
        took = ours.until_confirmed(study)
    print(f"{n:,} images of {size or 'few'} bytes: confirmed after {took:.1f} s", file=sys.stderr, flush=True)


def _peaks(ours: Exchange, act: Callable[[], None]) -> Peaks:
    """Megabytes that each part had at most while `act` was done."""
    for part in PARTS:
        Path(f"/proc/{ours.pid(part)}/clear_refs").write_text(RESET_PEAK)
    act()
    return {part: _peak_mb(ours.pid(part)) for part in PARTS}


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise BenchError("The system does not say how much memory a process had at most.")


def _table(few: Peaks, most: Peaks, largest: Peaks, many: int) -> str:
    head = ("part, MB", str(FEW), f"{many:,}", "one huge")
    rows = [(part, *(f"{peaks[part]:.0f}" for peaks in (few, most, largest))) for part in PARTS]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---", *["---:"] * 3), *rows))


def _growth(what: str, before: Peaks, after: Peaks) -> Row:
    grown = {part: after[part] - before[part] for part in PARTS}
    worst = max(PARTS, key=lambda part: grown[part])
    return at_most(what, grown[worst], TARGET_MB, f"{grown[worst]:.0f} MB ({worst})", " MB")


def _events(of_few: Mapping[str, int], of_many: Mapping[str, int], many: int) -> list[Row]:
    return [
        at_most(
            f"events of {name}", most, TARGET_EVENTS, f"{of_few[name]} with {FEW} images, {most} with up to {many:,}"
        )
        for name, most in of_many.items()
    ]
