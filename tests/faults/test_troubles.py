"""Troubles that are no deaths, in mid-study: what was acknowledged is there once, and is confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Peers
from tests.end_to_end.exchange import Exchange
from tests.faults.fault import suffer
from tests.faults.invariants import assert_invariants
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.seeds import drawn_seed
from tests.faults.troubles import TROUBLES


@pytest.mark.parametrize("name", TROUBLES)
def test_in_mid_study(
    name: str,
    exchange: Exchange,
    recorder: RecordingPacs,
    peers: Peers,
    figures: dict[str, dict[str, int]],
    tmp_path: Path,
) -> None:
    figures[name] = suffer(TROUBLES[name](exchange, recorder, name), peers, (drawn_seed(),), tmp_path)


def test_everything_holds_afterwards(exchange: Exchange) -> None:
    assert_invariants(exchange, timeout=120)
