"""Purging: the exchange removes by itself what need not be kept any longer."""

from __future__ import annotations

from temporalio import activity

from activities.border import acts
from models.archive import FolderArchive
from models.db import Database
from models.purge import purge


class PurgeActivities:
    def __init__(self, database: Database, archive: FolderArchive) -> None:
        self.database = database
        self.archive = archive

    @acts
    def purge(self, days: float) -> int:
        """How many images were removed, of studies confirmed more than `days` ago. What is gone is gone: idempotent.

        A worker that has to stop leaves the rest to the next night.
        """
        return purge(self.database, self.archive, days=days, must_stop=_must_stop)


def _must_stop() -> bool:
    return activity.is_cancelled() or activity.is_worker_shutdown()
