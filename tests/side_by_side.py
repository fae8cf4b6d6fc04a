"""How tests share processes: a file's tests stay together, and so do all that share the one demo."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

DEMO = ("tests/end_to_end/", "tests/faults/")
LONG_FILES_FIRST = (*DEMO, "tests/web/", "tests/workflows/", "tests/activities/")


class ByRoom(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return "the demo" if nodeid.startswith(DEMO) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByRoom:
    return ByRoom(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that nothing is left over for one process at the end."""
    items.sort(key=lambda item: [not item.nodeid.startswith(room) for room in LONG_FILES_FIRST])
