"""How soon a life-critical study begins to arrive while twenty bulk studies are queued for the same destination.

Each is a transfer from the PACS of one hospital to that of another: fetched by C-MOVE, matched, sent. The bulk ones are
fetched while the destination is held, then all go at once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import events
from bench.exchange import DESTINATION, Exchange, exchange
from bench.fetching import accepted, first_image, kept_at_source, queued, send
from bench.measure import spread
from bench.memory import TARGET_EVENTS
from bench.outcome import Row, Section, at_most, spread_of
from bench.programs import scratch, until
from models.domain.urgency import Urgency

NAME = "urgent"
TARGET_RATIO, TARGET_SECONDS = 1.2, 1.0
BULK, BULK_IMAGES, TIMES = 20, 500, 6
QUICK_BULK, QUICK_BULK_IMAGES, QUICK_TIMES = 8, 200, 3
URGENT_IMAGES = 40
SLOTS = 4
"""As many as a Node has unless somebody says otherwise."""
RATE = 25.0
"""Images a second: about what storescu gets straight into Orthanc."""
FETCHED_WITHIN = 900.0
FIRST = "first image of a life-critical study behind bulk, over idle"
FULL_SPEED = "first image of a life-critical study behind bulk at full speed, over idle"


def measure(wanted: argparse.Namespace) -> Section:
    bulk, images, times = (QUICK_BULK, QUICK_BULK_IMAGES, QUICK_TIMES) if wanted.quick else (BULK, BULK_IMAGES, TIMES)
    with scratch(wanted.folder) as folder, exchange(folder / "exchange") as ours:
        # The first does not count. It is large, for the length of its histories.
        _one(ours, folder, images)
        idle = [_one(ours, folder) for _ in range(times)]
        # Of those that nothing hindered.
        history = events.longest(ours.engine)
        studies = [kept_at_source(ours, folder, images) for _ in range(bulk)]
        ours.allow(DESTINATION, 0)
        for study in studies:
            send(ours, study, Urgency.BULK)
        until(lambda: queued(ours) >= bulk, FETCHED_WITHIN, "The fetching of the bulk studies", every=0.5)
        before = accepted(ours)
        ours.allow(DESTINATION, SLOTS, RATE)
        until(lambda: accepted(ours) > before, FETCHED_WITHIN, "The sending of the bulk studies", every=0.1)
        behind_slow = _behind(ours, folder, times)
        ours.allow(DESTINATION, SLOTS)
        behind = _behind(ours, folder, times)
    return Section(
        NAME,
        "Urgency",
        f"From the placing of a life-critical transfer to its first image at the destination; {times} with nothing "
        f"else to do; then {times} while {bulk} bulk studies of {images} small images go to the same destination, at "
        f"{RATE:g} images a second; then {times} while the rest of them go as fast as the machine can send, "
        "receive and store, for source, exchange and destination share it.",
        [
            Row("idle", spread_of(spread(idle), " s")),
            Row(f"behind bulk, at {RATE:g} images/s", spread_of(spread(behind_slow), " s")),
            Row("behind bulk, unlimited", spread_of(spread(behind), " s")),
            _verdict(FIRST, idle, behind_slow),
            _verdict(FULL_SPEED, idle, behind),
            *(
                at_most(f"events of {name} (fetched)", most, TARGET_EVENTS, f"{most} with up to {images} images")
                for name, most in history.items()
            ),
        ],
    )


def _one(ours: Exchange, folder: Path, n: int = URGENT_IMAGES) -> float:
    study = kept_at_source(ours, folder, n)
    took = first_image(ours, study, send(ours, study, Urgency.LIFE_CRITICAL))
    # The next would share source, exchange and destination with it.
    ours.until_confirmed(study)
    return took


def _behind(ours: Exchange, folder: Path, times: int) -> list[float]:
    """Those during which something else waited to the end: at most `times`, fewer where the queue was too short."""
    found: list[float] = []
    for _ in range(times):
        took = _one(ours, folder)
        left = queued(ours)
        print(f"{took:.2f} s, {left} deliveries still queued", file=sys.stderr, flush=True)
        if not left and found:
            break
        found.append(took)
    return found


def _verdict(what: str, idle: list[float], behind: list[float]) -> Row:
    """The greater of the two allowances counts."""
    usual, late = spread(idle).median, spread(behind).median
    allowed = max(TARGET_RATIO, 1 + TARGET_SECONDS / usual)
    return at_most(what, late / usual, round(allowed, 2), f"{late / usual:.2f} (+ {late - usual:.2f} s)")
