"""An ingest process for tests: python -m tests.ingest.run_ingest DATABASE_URL SPOOL ARCHIVE, until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from dicom_edge.ingest import Ingest
from dicom_edge.spool import Spool
from models.archive import FolderArchive
from models.db import Database

if __name__ == "__main__":
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    url, spool, archive = sys.argv[1:]
    Ingest(Spool(Path(spool)), FolderArchive(Path(archive)), Database(url)).run(stop)
