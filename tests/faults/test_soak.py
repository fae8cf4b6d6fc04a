"""The long runs of the faults: many seeds for each row, kept one by one so that a run which was cut off goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Peers
from tests.end_to_end.exchange import Exchange
from tests.faults.catalogue import ROWS, SOAKED
from tests.faults.fault import suffer
from tests.faults.invariants import assert_invariants
from tests.faults.kills import Killed
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.repeated import repeat
from tests.faults.soaking import Soak
from tests.faults.troubles import TROUBLES

FIRST = 101
SEEDS = int(os.environ.get("IEP_SOAK_SEEDS") or "20")
WANTED = {row.strip() for row in os.environ.get("IEP_SOAK_ROWS", "").split(",") if row.strip()}
CHOSEN = [victim for victim, row in SOAKED.items() if not WANTED or row in WANTED]
BY_TESTS = [row for row in ROWS if not row.victim and (not WANTED or row.id in WANTED)]


@pytest.mark.soak
@pytest.mark.parametrize("victim", CHOSEN)
def test_many_seeds(victim: str, exchange: Exchange, recorder: RecordingPacs, peers: Peers, tmp_path: Path) -> None:
    soak = Soak(SOAKED[victim])
    fault = TROUBLES.get(victim, Killed)(exchange, recorder, victim)
    for seed in range(FIRST, FIRST + SEEDS):
        if str(seed) in soak.outcomes():
            continue
        try:
            figures = suffer(fault, peers, (seed,), tmp_path)
            assert_invariants(exchange, timeout=120)
        except AssertionError:
            soak.keep(seed, {"held": False, "images": 0, "sends": 0})
            soak.publish()
            raise
        soak.keep(seed, {"held": True} | figures)
    soak.publish()


@pytest.mark.soak
def test_many_times(tmp_path: Path) -> None:
    """The rows that name no process: their tests, as often as the others have seeds."""
    soaks = {row.id: Soak(row.id) for row in BY_TESTS}
    failed: set[str] = set()
    for seed in range(FIRST, FIRST + SEEDS):
        due = [row for row in BY_TESTS if str(seed) not in soaks[row.id].outcomes()]
        held = repeat(due, seed, tmp_path) if due else {}
        for row, is_held in held.items():
            soaks[row].keep(seed, {"held": is_held})
            soaks[row].publish()
        failed |= {f"{row}, seed {seed}: {tmp_path / f'{seed}.log'}" for row, is_held in held.items() if not is_held}
    assert not failed
