"""The one ingest of a spool: archive, then rows, then the spool is freed. It asks nothing of the engine.

Any step may be repeated after a kill: the archive is addressed by content, rows are unique, and the spool is freed last.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator
from functools import lru_cache

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from dicom_edge.endings import end_associations, take_facts
from dicom_edge.facts import Association as Sender
from dicom_edge.intake import Intake, Taken
from dicom_edge.spool import Kept, Spool
from models.archive import FolderArchive
from models.db import Database
from models.dicom import Header, Unreadable, read_header

log = logging.getLogger(__name__)
GROUP = 25
"""Objects in one database transaction: few enough to be soon seen, enough to share the commit."""
LOOK_EVERY = 0.05
COME_BACK = 1.0
UNAVAILABLE = (OperationalError, InterfaceError)


class Ingest:
    def __init__(self, spool: Spool, archive: FolderArchive, database: Database) -> None:
        self.spool = spool
        self.archive = archive
        self.database = database
        self.sender = lru_cache(maxsize=1024)(spool.association)

    def run(self, stop: threading.Event) -> None:
        """Take over whatever is acknowledged until `stop`; while the database is away, wait for it."""
        while not stop.is_set():
            try:
                taken = self.round()
            except UNAVAILABLE as away:
                log.warning("the database does not answer (%s); images stay in the spool", type(away).__name__)
                stop.wait(COME_BACK)
            else:
                if not taken:
                    stop.wait(LOOK_EVERY)

    def round(self) -> int:
        """Take over what is in the spool now; how many objects that were."""
        # Facts first: an edge writes the end of an association after its last object, so that all objects of an
        # association whose end is seen here are in the list that follows.
        events = self.spool.events()
        taken = 0
        for group in _groups(self.spool.ready()):
            self._take(group)
            taken += len(group)
        take_facts(self.database, self.spool, events)
        if not taken:
            end_associations(self.database, self.spool)
        return taken

    def _take(self, group: tuple[Kept, ...]) -> None:
        stored = self.archive.put_group([kept.path for kept in group], synced=True)
        known = [
            Taken(kept, sender, _header(kept), place)
            for kept, place in zip(group, stored, strict=True)
            if (sender := self._sender(kept)) is not None
        ]
        try:
            self._write(known)
        except UNAVAILABLE:
            raise
        except SQLAlchemyError as poison:
            log.warning("a group was not taken (%s); its objects are tried one by one", type(poison).__name__)
            self._one_by_one(known)
        for kept in group:
            self.spool.forget(kept)

    def _write(self, group: list[Taken]) -> None:
        with self.database.begin() as session:
            Intake(session, self.archive).take(group)

    def _one_by_one(self, group: list[Taken]) -> None:
        for taken in group:
            try:
                self._write([taken])
            except UNAVAILABLE:
                raise
            except SQLAlchemyError as poison:
                log.warning("one object is held (%s)", type(poison).__name__)
                unfit = Unreadable("Its header holds values that cannot be kept in the database.")
                self._write([Taken(taken.kept, taken.sender, unfit, taken.stored)])

    def _sender(self, kept: Kept) -> Sender | None:
        sender = self.sender(kept.association)
        if sender is None:
            log.error("object %s.%s has no association on record; it stays in the archive", kept.association, kept.n)
        return sender


def _header(kept: Kept) -> Header | Unreadable:
    try:
        return read_header(kept.path)
    except Unreadable as unreadable:
        return unreadable


def _groups(ready: list[Kept]) -> Iterator[tuple[Kept, ...]]:
    remaining = iter(ready)
    while group := tuple(itertools.islice(remaining, GROUP)):
        yield group
