"""Purging: the exchange removes by itself what need not be kept any longer."""

from __future__ import annotations

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
        """How many images were removed, of studies confirmed more than `days` ago. What is gone is gone: idempotent."""
        return purge(self.database, self.archive, days=days)
