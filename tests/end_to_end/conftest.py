"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge.conftest import closed_sockets
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.faults.recording_pacs import RecordingPacs

__all__ = ["closed_sockets", "recorder"]


@pytest.fixture(scope="package")
def recorder(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingPacs]:
    """The PACS of ZX7, which writes down what it gets and refuses when told."""
    pacs = RecordingPacs(tmp_path_factory.mktemp("recorder") / "ZX7")
    pacs.start()
    site.join(exchange, "ZX7", pacs.port)
    yield pacs
    pacs.kill()
