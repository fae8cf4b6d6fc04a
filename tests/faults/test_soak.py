"""The long runs of the faults: many seeds for each row, kept one by one so that a run which was cut off goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Peers
from tests.end_to_end.exchange import Exchange
from tests.faults.catalogue import SOAKED
from tests.faults.fault import suffer
from tests.faults.invariants import assert_invariants
from tests.faults.kills import Killed
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.soaking import Soak
from tests.faults.troubles import TROUBLES

FIRST = 101
SEEDS = int(os.environ.get("IEP_SOAK_SEEDS") or "20")
ROWS = {row.strip() for row in os.environ.get("IEP_SOAK_ROWS", "").split(",") if row.strip()}
CHOSEN = [victim for victim, row in SOAKED.items() if not ROWS or row in ROWS]


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
