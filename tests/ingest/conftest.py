"""What the tests of ingest share."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.db import Database
from tests.database import Registry
from tests.ingest.filling import Filling


@pytest.fixture
def filling(database: Database, registry: Registry, tmp_path: Path) -> Filling:
    return Filling(database, registry, tmp_path)
