"""A round of one transfer in a process of its own: python -m tests.activities.run_retrieving URL TRANSFER EDGE_PORT."""

from __future__ import annotations

import sys

from temporalio.testing import ActivityEnvironment

from activities.retrieval import RetrievalActivities
from models.db import Database
from tests.activities.fetching import SETTLE

if __name__ == "__main__":
    url, transfer_id, port = sys.argv[1:]
    activities = RetrievalActivities(Database(url), SETTLE, ("127.0.0.1", int(port)))
    ActivityEnvironment().run(activities.retrieve, transfer_id)
