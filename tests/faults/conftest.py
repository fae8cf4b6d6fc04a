"""Fixtures of the fault tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.conftest import closed_sockets
from tests.end_to_end import site
from tests.end_to_end.exchange import ROOT, Exchange
from tests.faults.recording_pacs import RecordingPacs

__all__ = ["closed_sockets", "figures", "recorder"]

FIGURES = ROOT / "build" / "faults.json"


@pytest.fixture(scope="session")
def recorder(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingPacs]:
    """The PACS of ZX8, with a sender of ZX1's whose studies are soon complete."""
    pacs = RecordingPacs(tmp_path_factory.mktemp("recorder") / "ZX8")
    pacs.start()
    site.join(exchange, "ZX8", pacs.port)
    site.add_sender(exchange, "ZX1", "FAULTY_SCANNER", "127.0.0.1", quiet=1.5)
    yield pacs
    pacs.kill()


@pytest.fixture(scope="session")
def figures() -> Iterator[dict[str, dict[str, int]]]:
    """What was measured, by victim; printed at the end, and kept in build/faults.json."""
    found: dict[str, dict[str, int]] = {}
    yield found
    if found:
        before = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
        Path(FIGURES).parent.mkdir(exist_ok=True)
        FIGURES.write_text(json.dumps(before | found, indent=1, sort_keys=True) + "\n")
        for victim, numbers in found.items():
            print(f"\n{victim}: " + ", ".join(f"{name} {number}" for name, number in numbers.items()), end="")
