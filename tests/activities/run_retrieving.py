"""A round of one transfer in a process of its own: python -m tests.activities.run_retrieving URL TRANSFER EDGE_PORT.

It prints its peak of memory, in bytes, before the round and after it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.retrieval import RetrievalActivities
from models.db import Database
from tests.activities.fetching import SETTLE


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    url, transfer_id, port = sys.argv[1:]
    activities = RetrievalActivities(Database(url), SETTLE, ("127.0.0.1", int(port)))
    print(peak())
    ActivityEnvironment().run(activities.retrieve, transfer_id)
    print(peak())
