"""The one ingest of a spool: archive, then rows, then the spool is freed. It asks nothing of the engine.

Any step may be repeated after a kill: the archive is addressed by content, rows are unique, the spool is freed last.
"""

from __future__ import annotations

import errno
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from dicom_edge.endings import end_associations, open_associations_of_dead_edges, take_facts
from dicom_edge.intake import Compare, Intake, Taken, rivals
from dicom_edge.poison import is_poison
from dicom_edge.spool import Event, Kept, Spool
from models.archive import FolderArchive
from models.db import Database
from models.dicom import Header, Unreadable, read_header
from models.failpoint import failpoint
from models.purge import hold_off_purge, remove_unused
from models.same_object import Sameness, compare

log = logging.getLogger(__name__)
GROUP = 25
"""Objects in one database transaction: few enough to be soon seen, enough to share the commit."""
LOOK_EVERY = 0.05
DEAD_EVERY = 1.0
"""How often an empty spool is looked over all the same, for what dead edges left open."""
COME_BACK = 1.0
COMPARING = 5.0
"""Seconds of a round after which no further comparison is begun: meanwhile nothing else gets its rows."""
OF_THE_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors that say nothing about one file."""
UNFIT = Unreadable("Its header holds values that cannot be kept in the database.")
UNFITTING = Unreadable("It does not fit what the database has: perhaps its sender's Node was removed meanwhile.")


class Ingest:
    def __init__(
        self, spool: Spool, archive: FolderArchive, database: Database, grew: Callable[[], None] = lambda: None
    ) -> None:
        """`grew` is called after each round in which there may have been something to take over."""
        self.spool = spool
        self.grew = grew
        self.archive = archive
        self.database = database
        self.sender = lru_cache(maxsize=1024)(spool.association)
        self._last: dict[Kept, None] = {}
        """What is taken one by one after all else: it must be compared, or could not be read."""
        self._unreadable: set[Kept] = set()

    def run(self, stop: threading.Event) -> None:
        """Take over whatever is acknowledged until `stop`; while database or archive are away, wait for them."""
        due = 0.0
        while not stop.is_set():
            try:
                if self.spool.is_empty() and time.monotonic() < due:
                    stop.wait(LOOK_EVERY)
                    continue
                due = time.monotonic() + DEAD_EVERY
                taken = self.round()
            except (SQLAlchemyError, OSError) as away:
                log.warning("nothing can be taken over (%s); images stay in the spool", type(away).__name__)
                stop.wait(COME_BACK)
            else:
                self.grew()
                # A round costs much the same for one object as for many: let some gather.
                if taken < GROUP:
                    stop.wait(LOOK_EVERY)

    def round(self) -> int:
        """Take over what is in the spool now; how many objects that were."""
        # Facts first: an edge writes the end of an association after its last object, and a dead edge writes nothing.
        # So all objects of an association whose end is seen here are in the list that follows.
        events = self.spool.events()
        abandoned = open_associations_of_dead_edges(self.database, self.spool)
        ready = self.spool.ready()
        here = set(ready)
        self._last = {kept: None for kept in self._last if kept in here}
        taken = sum(map(self._take, _groups(kept for kept in ready if kept not in self._last)))
        try:
            return taken + self._take_last()
        finally:
            # The end of an association, and what its sender asked, wait for all of its objects, and for no others.
            waiting = {kept.association for kept in self._last}
            take_facts(self.database, self.spool, [event for event in events if _association(event) not in waiting])
            end_associations(self.database, self.spool, [ended for ended in abandoned if ended not in waiting])

    def _take(self, group: Sequence[Kept]) -> int:
        """How many of `group` were taken; the others are left for the end of the round."""
        try:
            archived = self._archived(group)
        except OSError as error:
            if error.errno in OF_THE_MACHINE:
                raise
            self._last |= dict.fromkeys(group)
            return 0
        contested = {fresh for _, fresh in self._rivals(archived)}
        self._last |= {taken.kept: None for taken in archived if taken.stored.key in contested}
        return self._settle([taken for taken in archived if taken.stored.key not in contested])

    def _take_last(self) -> int:
        count = 0
        until = time.monotonic() + COMPARING
        for kept in list(self._last):
            if time.monotonic() > until:
                break
            del self._last[kept]
            try:
                count += self._settle(self._archived([kept]))
                self._unreadable.discard(kept)
            except OSError as error:
                # Behind all others from now on.
                self._last[kept] = None
                if error.errno in OF_THE_MACHINE:
                    raise
                if kept not in self._unreadable:
                    log.error("%s cannot be taken over (%s); it stays in the spool", kept.path.name, error.strerror)
                    self._unreadable.add(kept)
        return count

    def _archived(self, group: Sequence[Kept]) -> list[Taken]:
        stored = self.archive.put_group([kept.path for kept in group], synced=True)
        failpoint("ingest-archived")
        return [
            Taken(kept, self.sender(kept.association), _header(kept), place)
            for kept, place in zip(group, stored, strict=True)
        ]

    def _settle(self, group: Sequence[Taken]) -> int:
        """Rows for all of `group`, then its place in the spool is free."""
        if not group:
            return 0
        verdict = self._verdicts(group)
        try:
            self._write(group, verdict)
        except Exception as error:
            if not is_poison(error):
                raise
            log.warning("a group was not taken (%s); its objects are tried one by one", type(error).__name__)
            self._one_by_one(group, verdict)
        failpoint("ingest-committed")
        for taken in group:
            self.spool.forget(taken.kept)
            failpoint("ingest-forgotten")
        return len(group)

    def _write(self, group: Sequence[Taken], verdict: Compare) -> None:
        with self.database.begin() as session:
            hold_off_purge(session)
            for taken in group:
                if not self.archive.path(taken.stored.key).exists():
                    # Purged between the put above and now; from here on it will not be.
                    self.archive.put(taken.kept.path, synced=True)
            intake = Intake(session, verdict)
            intake.take(group)
        if intake.unneeded:
            try:
                remove_unused(self.database, self.archive, intake.unneeded)
            except OSError as error:
                # Litter: no reason to take the objects once more.
                log.warning("what is not needed stays in the archive (%s)", error.strerror)

    def _rivals(self, group: Sequence[Taken]) -> set[tuple[str, str]]:
        with self.database.begin() as session:
            return rivals(session, group)

    def _verdicts(self, group: Sequence[Taken]) -> Compare:
        """Decoding may take long, so objects are compared before the transaction that holds locks."""
        verdict = cache(self._compared)
        for pair in self._rivals(group):
            verdict(*pair)
        return verdict

    def _compared(self, known: str, fresh: str) -> Sameness:
        try:
            return compare(self.archive.path(known), self.archive.path(fresh))
        except Unreadable:
            return Sameness.UNDECIDED
        except OSError as error:
            if error.errno in OF_THE_MACHINE:
                raise
            return Sameness.UNDECIDED

    def _one_by_one(self, group: Sequence[Taken], verdict: Compare) -> None:
        for taken in group:
            try:
                self._write([taken], verdict)
            except Exception as error:
                if not is_poison(error):
                    raise
                log.warning("one object is held (%s)", type(error).__name__)
                reason = UNFITTING if isinstance(error, IntegrityError) else UNFIT
                self._write([replace(taken, header=reason)], verdict)


def _association(event: Event) -> str | None:
    return getattr(event.fact, "association", None)


def _header(kept: Kept) -> Header | Unreadable:
    try:
        return read_header(kept.path)
    except Unreadable as unreadable:
        return unreadable


def _groups(ready: Iterable[Kept]) -> Iterator[tuple[Kept, ...]]:
    remaining = iter(ready)
    while group := tuple(itertools.islice(remaining, GROUP)):
        yield group
