"""One association on one slot, and what several of them share."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Iterable

from pynetdicom.association import Association

from activities.consignment import Answer, Consignment, Image
from activities.peer import MOST_CONTEXTS, association, contexts, status_of
from models import slots
from models.archive import FolderArchive
from models.db import Database
from models.domain.errors import NoSlot, PeerBusy, Permanent
from models.domain.statuses import NOT_SUPPORTED, Outcome, meaning
from models.harmonised import open_harmonised
from models.slots import LEASE, Claim
from models.tables import now

ASK_EVERY = 0.2
LONGEST_WAIT_FOR_SLOT = 30.0
IDLE = 1.0
"""Seconds that an association outlives the last image, for the gaps of a study that still grows."""
BUSY_IN_A_ROW = 3
"""A Node that is too busy for so many images one after the other is left alone."""


class Work:
    """What waits, and what became of it. An image put aside is answered in no way that counts for the ledger."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Image] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.pairs: dict[tuple[str, str], None] = {}
        self.busy: list[str] = []
        self.unfit: list[str] = []
        self.complete = threading.Event()
        self.over = threading.Event()
        self.nudge = threading.Event()

    @property
    def aside(self) -> int:
        return len(self.busy) + len(self.unfit)

    def add(self, images: Iterable[Image]) -> None:
        for image in images:
            self.pairs[image.pair] = None
            self.waiting.put(image)

    def next(self) -> Image | None:
        """The next image; None when there is none within IDLE, or will be none."""
        deadline = time.monotonic() + IDLE
        while not self.over.is_set():
            try:
                return self.waiting.get_nowait() if self.complete.is_set() else self.waiting.get(timeout=IDLE / 10)
            except queue.Empty:
                if self.complete.is_set() or time.monotonic() > deadline:
                    break
        return None


class Line:
    def __init__(
        self, database: Database, archive: FolderArchive, consignment: Consignment, priority: int, work: Work
    ) -> None:
        self.database = database
        self.archive = archive
        self.consignment = consignment
        self.work = work
        self.claim = Claim(
            consignment.node_id, uuid.uuid4().hex, consignment.delivery_id, priority, consignment.released_at
        )
        self.holds_slot = False
        self._lease_ends = 0.0
        self._busy = 0

    def run(self) -> None:
        """Send until nothing waits any more, or somebody else needs the slot. Raises what ended it."""
        try:
            if self._take_slot():
                self._associate()
        finally:
            self.holds_slot = False
            with self.database.begin() as session:
                slots.give_back(session, self.claim)
            self.work.nudge.set()

    def renewed(self, keeps: bool) -> None:
        """The slot was renewed, or is to be given back after the image under way."""
        self._lease_ends = time.monotonic() + LEASE.total_seconds() if keeps else 0.0

    def _take_slot(self) -> bool:
        deadline = time.monotonic() + LONGEST_WAIT_FOR_SLOT
        while not self.work.over.is_set():
            asked = time.monotonic()
            with self.database.begin() as session:
                self.holds_slot = slots.ask(session, self.claim)
            if self.holds_slot:
                self._lease_ends = asked + LEASE.total_seconds()
                return True
            if time.monotonic() > deadline:
                raise NoSlot(f"Every association that {self.consignment.peer.name} allows is in use.")
            self.work.over.wait(ASK_EVERY)
        return False

    def _associate(self) -> None:
        image: Image | None = None
        while (image := image or self._next()) is not None:
            # The image at hand comes first, in case a study has more pairs than one association may offer.
            offered = list(dict.fromkeys([image.pair, *list(self.work.pairs)]))[:MOST_CONTEXTS]
            try:
                with association(self.consignment.peer, contexts(offered)) as assoc:
                    accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in assoc.accepted_contexts}
                    while image is not None and image.pair in offered:
                        sending, image = image, None
                        self._send(assoc, sending, accepted)
                        image = self._next()
            except BaseException:
                if image is not None:
                    self.work.waiting.put(image)
                raise

    def _next(self) -> Image | None:
        """The lease is checked before each image: a process that stood still may have lost it."""
        return self.work.next() if time.monotonic() < self._lease_ends else None

    def _send(self, assoc: Association, image: Image, accepted: set[tuple[str, str]]) -> None:
        if image.pair not in accepted:
            self.work.answers.put(Answer(image, NOT_SUPPORTED, now()))
            return
        try:
            status = self._store(assoc, image)
        except Permanent as unfit:
            self.work.unfit.append(str(unfit))
            return
        except BaseException:
            # Not answered: it goes back, for another association of this attempt or for the next attempt.
            self.work.waiting.put(image)
            raise
        if meaning(status).outcome is not Outcome.BUSY:
            self._busy = 0
            self.work.answers.put(Answer(image, status, now()))
            return
        sentence = f"{self.consignment.peer.name} is busy: {meaning(status).words} ({status:04X})."
        self.work.busy.append(sentence)
        self._busy += 1
        if self._busy == BUSY_IN_A_ROW:
            raise PeerBusy(sentence)

    def _store(self, assoc: Association, image: Image) -> int:
        self.archive.verify(image.key, image.sha256)
        with open_harmonised(self.archive.path(image.key), image.plan) as outgoing:
            return status_of(self.consignment.peer, assoc.send_c_store(outgoing.path))
