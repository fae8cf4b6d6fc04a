"""How soon a life-critical study begins to arrive while twenty bulk studies are queued for the same destination.

Each is a transfer from the PACS of one hospital to that of another: fetched by C-MOVE, matched, sent. The bulk ones are
fetched while the destination is held, then all go at once.
"""

from __future__ import annotations

import argparse
import sys
import time
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
QUICK_BULK, QUICK_BULK_IMAGES, QUICK_TIMES = 8, 100, 3
URGENT_IMAGES = 40
SLOTS = 4
"""As many as a Node has unless somebody says otherwise."""
APART = 3.0
"""Seconds between two urgent studies: at one they would queue behind each other."""
FETCHED_WITHIN = 900.0
FIRST = "first image of a life-critical study behind bulk, over idle"


def measure(wanted: argparse.Namespace) -> Section:
    bulk, images, times = (QUICK_BULK, QUICK_BULK_IMAGES, QUICK_TIMES) if wanted.quick else (BULK, BULK_IMAGES, TIMES)
    with scratch(wanted.folder) as folder, exchange(folder / "exchange") as ours:
        _one(ours, folder)
        idle = [_one(ours, folder) for _ in range(times)]
        studies = [kept_at_source(ours, folder, images) for _ in range(bulk)]
        ours.allow(DESTINATION, 0)
        for study in studies:
            send(ours, study, Urgency.BULK)
        until(lambda: queued(ours) >= bulk, FETCHED_WITHIN, "The fetching of the bulk studies", every=0.5)
        before = accepted(ours)
        ours.allow(DESTINATION, SLOTS)
        until(lambda: accepted(ours) > before, FETCHED_WITHIN, "The sending of the bulk studies", every=0.1)
        behind = []
        for _ in range(times):
            waiting = queued(ours)
            behind.append(_one(ours, folder))
            print(f"behind {waiting} deliveries: {behind[-1]:.2f} s", file=sys.stderr, flush=True)
        left = queued(ours)
        for study in studies:
            ours.until_confirmed(study)
        history = events.longest(ours.engine)
    return Section(
        NAME,
        "Urgency",
        f"From the placing of a life-critical transfer to its first image at the destination; {times} with nothing "
        f"else to do, then {times} while {bulk} bulk studies of {images} small images go to the same destination (of "
        f"these {left} were still to be finished when the last one had arrived).",
        [
            Row("idle", spread_of(spread(idle), " s")),
            Row("behind bulk", spread_of(spread(behind), " s")),
            _verdict(idle, behind),
            *(at_most(f"events of {name} (fetched)", most, TARGET_EVENTS, str(most)) for name, most in history.items()),
        ],
    )


def _one(ours: Exchange, folder: Path) -> float:
    study = kept_at_source(ours, folder, URGENT_IMAGES)
    took = first_image(ours, study, send(ours, study, Urgency.LIFE_CRITICAL))
    time.sleep(APART)
    return took


def _verdict(idle: list[float], behind: list[float]) -> Row:
    """The greater of the two allowances counts."""
    usual, late = spread(idle).median, spread(behind).median
    allowed = max(TARGET_RATIO, 1 + TARGET_SECONDS / usual)
    return at_most(FIRST, late / usual, round(allowed, 2), f"{late / usual:.2f} (+ {late - usual:.2f} s)")
