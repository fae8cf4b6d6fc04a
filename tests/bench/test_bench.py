"""The bench carries a study over its ways, says whether a run counts, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.measure import Journey, Round
from bench.outcome import Section
from bench.report import BARE, EXCHANGE, STRAIGHT, report, verdicts
from tests.conftest import Peers
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]


def rounds(straight: float, bare: float, exchange: float) -> list[Round]:
    return [{STRAIGHT: Journey(0, straight), BARE: Journey(0, bare), EXCHANGE: Journey(0, exchange)}]


def said(found: list[Round]) -> str:
    return Section("relays", "The way", report(found, 500), verdicts(found)).written({})


def test_a_run_counts_when_the_bare_relay_is_quick() -> None:
    text = said(rounds(20, 4, 6))
    assert "does not count) | ≤ 0.3 | 0.20 (0.20–0.20) | reached" in text
    assert "exchange / bare relay | ≤ 1.5 | 1.50 (1.50–1.50) | reached" in text


def test_a_run_on_a_machine_that_is_slow_itself_does_not_count() -> None:
    assert "does not count) | ≤ 0.3 | 0.40 (0.40–0.40) | missed by 33%" in said(rounds(10, 4, 6))
    assert "exchange / bare relay | ≤ 1.5 | 2.25 (2.25–2.25) | missed by 50%" in said(rounds(20, 4, 9))


def test_ratios_are_taken_within_rounds() -> None:
    # The second round ran while the machine was ten times slower.
    assert "exchange / bare relay | ≤ 1.5 | 1.50 (1.50–1.50)" in said([*rounds(20, 2, 3), *rounds(200, 20, 30)])


def program(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "relays", "--folder", str(folder), "--orthanc-folder", str(folder), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def belong_to(folder: Path) -> list[str]:
    """The programs whose command line names something in `folder`."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = place.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if f"{folder}/iep-bench-" in said:
            found.append(said)
    return found


def test_a_study_goes_straight_and_through_the_bare_relay(peers: Peers, tmp_path: Path) -> None:
    peers.need("Orthanc"), peers.need("storescu")
    with program(tmp_path, "--images", "5", "--rounds", "1", "--only", "straight", "bare") as bench:
        said, complaints = bench.communicate(timeout=120)
    assert bench.returncode == 0, complaints
    assert "through a bare relay" in said
    assert "bare relay / straight" in said
    assert not list(tmp_path.iterdir())
    assert not belong_to(tmp_path)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_nothing_stays_when_it_is_interrupted(peers: Peers, tmp_path: Path, ending: signal.Signals) -> None:
    peers.need("Orthanc"), peers.need("storescu")
    with program(tmp_path, "--rounds", "1000", "--images", "5", "--only", "bare") as bench:
        # Orthanc, and both halves of the bare relay.
        eventually(lambda: len(belong_to(tmp_path)) == 3, 60)
        os.kill(bench.pid, ending)
        bench.communicate(timeout=60)
    assert bench.returncode == 128 + ending
    eventually(lambda: not belong_to(tmp_path), 5)
    assert not list(tmp_path.iterdir())
