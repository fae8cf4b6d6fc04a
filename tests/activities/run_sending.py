"""One attempt at one delivery in a process of its own: python -m tests.activities.run_sending URL ARCHIVE DELIVERY."""

from __future__ import annotations

import sys
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.dicom import DicomActivities
from models.archive import FolderArchive
from models.db import Database
from models.domain.contracts import Sending
from models.domain.urgency import Urgency

if __name__ == "__main__":
    url, archive, delivery_id = sys.argv[1:]
    activities = DicomActivities(Database(url), FolderArchive(Path(archive)))
    ActivityEnvironment().run(activities.send, Sending(delivery_id, Urgency.ROUTINE))
