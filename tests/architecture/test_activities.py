"""Every activity there is: some worker does it, and support can read what it does."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity

import processes
from settings import Settings
from temporal.history import ACTS

ROOM = Path(__file__).parents[2] / "activities"


def defined() -> Iterator[str]:
    """The names of the activities in the room of activities."""
    for path in sorted(ROOM.glob("*.py")):
        module = importlib.import_module(f"activities.{path.stem}")
        for owner in vars(module).values():
            if isinstance(owner, type) and owner.__module__ == module.__name__:
                yield from (name_of(each) for each in vars(owner).values() if name_of(each))


def name_of(candidate: Any) -> str:
    definition = activity._Definition.from_callable(candidate) if callable(candidate) else None
    return (definition and definition.name) or ""


@pytest.fixture
def worked(tmp_path: Path) -> set[str]:
    """What the workers do between them. None of it touches what the settings name."""
    settings = Settings(var=tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none", smtp_port=1)
    queues = ("workflows", "transfer-bulk")
    return {name_of(each) for queue in queues for each in processes._activities(settings, queue)}


def test_some_worker_does_it(worked: set[str]) -> None:
    assert set(defined()) == worked


def test_support_reads_what_it_does() -> None:
    assert set(defined()) == set(ACTS)
