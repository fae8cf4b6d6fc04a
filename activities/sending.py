"""Sending a consignment over several associations at once, each on a slot of its own."""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime

from temporalio.exceptions import CancelledError

from activities.asides import Aside
from activities.consignment import Answer, Consignment
from activities.line import LONGEST_WAIT_FOR_SLOT, Line
from activities.work import Work
from models import slots
from models.archive import FolderArchive
from models.db import Database
from models.domain.errors import NoSlot, PeerBusy
from models.failpoint import failpoint
from models.standing_aside import something_comes
from models.tables import now

log = logging.getLogger(__name__)
LOOK_EVERY = 0.1
RENEW_EVERY = 2.0
MAY_EVERY = 0.5
"""How often it is asked whether a person has meanwhile held the Node, and whether bulk is to stand aside."""
CLOSING = 30.0
"""Seconds that the end of an association may take: longer than everything that pynetdicom waits for together."""
IMAGES_PER_ASSOCIATION = 4
"""A further association is opened when more images than this wait for each one that is open."""


class Sender:
    """One attempt at one consignment. `beat` is called several times a second, `cancelled` as often."""

    def __init__(
        self,
        database: Database,
        archive: FolderArchive,
        consignment: Consignment,
        *,
        priority: int,
        parallel: int,
        beat: Callable[[int], None],
        cancelled: Callable[[], bool],
        aside: Aside,
    ) -> None:
        self.database = database
        self.archive = archive
        self.consignment = consignment
        self.priority = priority
        self.parallel = min(parallel, consignment.slots)
        self.beat = beat
        self.cancelled = cancelled
        self.aside = aside
        self.work = Work()
        self.lines: dict[Future[None], Line] = {}
        self.sent = 0
        self._answered: list[Answer] = []
        """What is not in the ledger yet: should the database go away now, it may be back at the end."""
        self._stored: datetime | None = None
        self._noted: datetime | None = None
        self._all_answered = False
        self._renewed = self._goes = time.monotonic()
        self._asked = -math.inf

    def run(self) -> str:
        """Send until the parcel is complete and all is answered; returns why it stopped early, or nothing.

        Raises the Passing or Permanent error of the first association that failed; all answers are in the ledger then.
        """
        pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="association")
        try:
            return self._feed(pool)
        finally:
            self.work.over.set()
            pool.shutdown(wait=False)
            self._until_closed()
            self._write()
            self._note_store()

    def _feed(self, pool: ThreadPoolExecutor) -> str:
        expected = 0
        while True:
            if self.cancelled():
                raise CancelledError("A person decided otherwise.")
            if not self.work.complete.is_set():
                fresh, complete, stopped = self.consignment.due()
                if stopped:
                    return stopped
                self.work.add(fresh)
                expected += len(fresh)
                if complete:
                    self.work.complete.set()
            self._write()
            self.beat(self.sent)
            self._renew()
            self._reap()
            self._must_go_on()
            self._all_answered = self.work.complete.is_set() and self.sent + self.work.aside == expected
            if self._all_answered:
                self._leave()
                return ""
            if self._needs_another():
                line = Line(self.database, self.archive, self.consignment, self.priority, self.work)
                self.lines[pool.submit(line.run)] = line
            self.work.nudge.wait(LOOK_EVERY)
            self.work.nudge.clear()

    def _needs_another(self) -> bool:
        """An association more would help. One asks for a slot at a time: who waits for its first wants no second."""
        if self.work.stands_aside.is_set():
            return False
        enough = self.work.waiting.qsize() <= len(self.lines) * IMAGES_PER_ASSOCIATION
        return len(self.lines) < self.parallel and not enough and all(line.holds_slot for line in self.lines.values())

    def _until_closed(self) -> None:
        """An image under way is waited for as long as it may take; what does not close then is left behind."""
        patience = CLOSING if self._all_answered else CLOSING + self.consignment.peer.dimse_timeout
        deadline = time.monotonic() + patience
        while open_still := wait(self.lines, LOOK_EVERY).not_done:
            self.beat(self.sent)
            if time.monotonic() > deadline:
                for future in open_still:
                    log.error("an association does not close, at:\n%s", self.lines[future].whereabouts())
                return

    def _write(self) -> None:
        while True:
            try:
                self._answered.append(self.work.answers.get_nowait())
            except queue.Empty:
                break
        if self._answered:
            failpoint("sending-answered")
        self.consignment.write(self._answered)
        self.sent += len(self._answered)
        self._stored = max((answer.at for answer in self._answered if answer.accepted), default=self._stored)
        self._answered = []

    def _note_store(self) -> None:
        if self._stored is not None and self._stored != self._noted:
            self._noted = self._stored
            self.consignment.note_store(self._stored)

    def _renew(self) -> None:
        """Keep the slots: here and not in the lines, so that an image that takes long does not cost its slot."""
        if time.monotonic() - self._renewed < RENEW_EVERY:
            return
        self._renewed = time.monotonic()
        with self.database.begin() as session:
            for line in self.lines.values():
                if line.holds_slot:
                    line.renewed(slots.renew(session, line.claim))
        self._note_store()

    def _must_go_on(self) -> None:
        """A Node that is held is left gently: no image under way is cut off, and no further one begun."""
        if time.monotonic() - self._asked >= MAY_EVERY:
            self._asked = time.monotonic()
            self.consignment.must_go_on(has_begun=any(line.holds_slot for line in self.lines.values()))
            self._stand_aside()

    def _stand_aside(self) -> None:
        """Bulk leaves way and Node to what is life-critical, and goes on afterwards."""
        if not self.consignment.urgency.can_wait:
            return
        with self.database.begin() as session:
            comes = something_comes(session, self.consignment.node_id, now())
        if not self.aside.look(comes, time.monotonic()):
            self.work.stands_aside.clear()
            self._goes = time.monotonic()
        elif not self.sent and time.monotonic() - self._goes > LONGEST_WAIT_FOR_SLOT:
            # Not begun: its thread is for others meanwhile, who need not stand aside.
            raise NoSlot(f"Something life-critical goes to {self.consignment.peer.name} first.")
        else:
            self.work.stands_aside.set()

    def _reap(self) -> None:
        for future in [future for future in self.lines if future.done()]:
            del self.lines[future]
            try:
                future.result()
            except (NoSlot, PeerBusy):
                if not self.lines:
                    raise
                # The Node allows fewer associations at present than its number of slots: the others carry on.
                self.parallel = len(self.lines)

    def _leave(self) -> None:
        """What was put aside is for the next attempt, if it may pass."""
        if self.work.busy:
            raise PeerBusy(self.work.busy[-1])
