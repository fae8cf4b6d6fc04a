"""The one ingest of a spool: archive, then rows, then the spool is freed. It asks nothing of the engine.

Any step may be repeated after a kill: the archive is addressed by content, rows are unique, the spool is freed last.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from dicom_edge.endings import end_associations, open_associations_of_dead_edges, take_facts
from dicom_edge.intake import Compare, Intake, Taken, rivals
from dicom_edge.spool import Kept, Spool
from models.archive import FolderArchive
from models.db import Database
from models.dicom import Header, Unreadable, read_header
from models.failpoint import failpoint
from models.purge import hold_off_purge
from models.same_object import Sameness, compare

log = logging.getLogger(__name__)
GROUP = 25
"""Objects in one database transaction: few enough to be soon seen, enough to share the commit."""
LOOK_EVERY = 0.05
COME_BACK = 1.0
UNAVAILABLE = (OperationalError, InterfaceError)
POISON = (SQLAlchemyError, ValueError)
"""What the database, or the driver on the way to it, says to values that it cannot hold."""
UNFIT = Unreadable("Its header holds values that cannot be kept in the database.")


class Ingest:
    def __init__(self, spool: Spool, archive: FolderArchive, database: Database) -> None:
        self.spool = spool
        self.archive = archive
        self.database = database
        self.sender = lru_cache(maxsize=1024)(spool.association)

    def run(self, stop: threading.Event) -> None:
        """Take over whatever is acknowledged until `stop`; while database or archive are away, wait for them."""
        while not stop.is_set():
            try:
                taken = self.round()
            except (*UNAVAILABLE, OSError) as away:
                log.warning("nothing can be taken over (%s); images stay in the spool", type(away).__name__)
                stop.wait(COME_BACK)
            else:
                # A round costs much the same for one object as for many: let some gather.
                if taken < GROUP:
                    stop.wait(LOOK_EVERY)

    def round(self) -> int:
        """Take over what is in the spool now; how many objects that were."""
        # Facts first: an edge writes the end of an association after its last object, and a dead edge writes nothing.
        # So all objects of an association whose end is seen here are in the list that follows.
        events = self.spool.events()
        abandoned = open_associations_of_dead_edges(self.database, self.spool)
        taken = 0
        for group in _groups(self.spool.ready()):
            self._take(group)
            taken += len(group)
        take_facts(self.database, self.spool, events)
        end_associations(self.database, self.spool, abandoned)
        return taken

    def _take(self, group: tuple[Kept, ...]) -> None:
        stored = self.archive.put_group([kept.path for kept in group], synced=True)
        failpoint("ingest-archived")
        taken = [
            Taken(kept, self.sender(kept.association), _header(kept), place)
            for kept, place in zip(group, stored, strict=True)
        ]
        try:
            self._write(taken)
        except UNAVAILABLE:
            raise
        except POISON as poison:
            log.warning("a group was not taken (%s); its objects are tried one by one", type(poison).__name__)
            self._one_by_one(taken)
        failpoint("ingest-committed")
        for kept in group:
            self.spool.forget(kept)
            failpoint("ingest-forgotten")

    def _write(self, group: Sequence[Taken]) -> None:
        verdict = self._verdicts(group)
        with self.database.begin() as session:
            hold_off_purge(session)
            for taken in group:
                if not self.archive.path(taken.stored.key).exists():
                    # Purged between the put above and now; from here on it will not be.
                    self.archive.put(taken.kept.path, synced=True)
            Intake(session, verdict).take(group)

    def _verdicts(self, group: Sequence[Taken]) -> Compare:
        """Decoding may take long, so objects are compared before the transaction that holds locks."""
        verdict = cache(self._compared)
        with self.database.begin() as session:
            pairs = rivals(session, group)
        for pair in pairs:
            verdict(*pair)
        return verdict

    def _compared(self, known: str, fresh: str) -> Sameness:
        try:
            return compare(self.archive.path(known), self.archive.path(fresh))
        except (Unreadable, OSError):
            return Sameness.UNDECIDED

    def _one_by_one(self, group: Sequence[Taken]) -> None:
        for taken in group:
            try:
                self._write([taken])
            except UNAVAILABLE:
                raise
            except POISON as poison:
                log.warning("one object is held (%s)", type(poison).__name__)
                self._write([Taken(taken.kept, taken.sender, UNFIT, taken.stored)])


def _header(kept: Kept) -> Header | Unreadable:
    try:
        return read_header(kept.path)
    except Unreadable as unreadable:
        return unreadable


def _groups(ready: list[Kept]) -> Iterator[tuple[Kept, ...]]:
    remaining = iter(ready)
    while group := tuple(itertools.islice(remaining, GROUP)):
        yield group
