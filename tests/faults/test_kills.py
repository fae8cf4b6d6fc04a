"""kill -9 of each process in mid-study: what was acknowledged is at its destination once, and is confirmed.

The points are seeded: which image the process dies at, and whether it is counted where the study comes in or where it
goes out. One seed a run, drawn from the commit; `make soak` runs more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Peers
from tests.end_to_end.exchange import Exchange
from tests.faults.fault import suffer
from tests.faults.invariants import assert_invariants
from tests.faults.kills import WHERE, Killed
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.seeds import drawn_seed


@pytest.mark.parametrize("victim", WHERE)
def test_kill_9(
    victim: str,
    exchange: Exchange,
    recorder: RecordingPacs,
    peers: Peers,
    figures: dict[str, dict[str, int]],
    tmp_path: Path,
) -> None:
    figures[victim] = suffer(Killed(exchange, recorder, victim), peers, (drawn_seed(),), tmp_path)


def test_everything_holds_afterwards(exchange: Exchange) -> None:
    assert_invariants(exchange, timeout=120)
