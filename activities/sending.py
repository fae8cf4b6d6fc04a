"""Sending a consignment over several associations at once, each on a slot of its own."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from pynetdicom.association import Association

from activities.consignment import Answer, Consignment, Image
from activities.peer import MOST_CONTEXTS, association, contexts, status_of
from models import slots
from models.archive import FolderArchive
from models.db import Database
from models.domain.errors import NoSlot, PeerBusy
from models.domain.statuses import NOT_SUPPORTED, Outcome, meaning
from models.harmonised import open_harmonised
from models.slots import Claim
from models.tables import now

LOOK_EVERY = 0.1
RENEW_EVERY = 2.0
LONGEST_WAIT_FOR_SLOT = 30.0
IMAGES_PER_ASSOCIATION = 4
"""A further association is opened when more images than this wait for each one that is open."""


class Sender:
    """One attempt at one consignment. `beat` is called several times a second and may raise to end it."""

    def __init__(
        self,
        database: Database,
        archive: FolderArchive,
        consignment: Consignment,
        *,
        priority: int,
        parallel: int,
        beat: Callable[[int], None],
    ) -> None:
        self.database = database
        self.archive = archive
        self.consignment = consignment
        self.priority = priority
        self.parallel = min(parallel, consignment.slots)
        self.beat = beat
        self.waiting: queue.SimpleQueue[Image] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.pairs: dict[tuple[str, str], None] = {}
        self.over = threading.Event()
        self.sent = 0

    def run(self) -> str:
        """Send until the parcel is complete and all is answered; returns why it stopped early, or nothing.

        Raises the Passing or Permanent error of the first association that failed; all answers are in the ledger then.
        """
        with ThreadPoolExecutor(self.parallel, thread_name_prefix="association") as pool:
            lines: list[Future[None]] = []
            try:
                return self._feed(pool, lines)
            finally:
                self.over.set()
                for line in lines:
                    line.exception()
                self._write()

    def _feed(self, pool: ThreadPoolExecutor, lines: list[Future[None]]) -> str:
        complete, expected = False, 0
        while True:
            if not complete:
                fresh, complete, stopped = self.consignment.due()
                if stopped:
                    return stopped
                for image in fresh:
                    self.pairs[image.pair] = None
                    self.waiting.put(image)
                expected += len(fresh)
            self._write()
            self.beat(self.sent)
            for line in [line for line in lines if line.done()]:
                line.result()
                lines.remove(line)
            if complete and self.sent == expected:
                return ""
            if len(lines) < self.parallel and self.waiting.qsize() > len(lines) * IMAGES_PER_ASSOCIATION:
                lines.append(pool.submit(self._line))
            time.sleep(LOOK_EVERY)

    def _write(self) -> None:
        answered: list[Answer] = []
        while True:
            try:
                answered.append(self.answers.get_nowait())
            except queue.Empty:
                break
        self.consignment.write(answered)
        self.sent += len(answered)

    def _line(self) -> None:
        """One association on one slot, until nothing waits any more or somebody more urgent needs the slot."""
        claim = Claim(self.consignment.node_id, uuid.uuid4().hex, self.consignment.delivery_id, self.priority)
        try:
            self._take_slot(claim)
            self._associate(claim)
        finally:
            with self.database.begin() as session:
                slots.give_back(session, claim)

    def _take_slot(self, claim: Claim) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_FOR_SLOT
        while not self.over.is_set():
            with self.database.begin() as session:
                if slots.ask(session, claim):
                    return
            if time.monotonic() > deadline:
                raise NoSlot(f"Every association that {self.consignment.peer.name} allows is in use.")
            self.over.wait(LOOK_EVERY * 2)

    def _associate(self, claim: Claim) -> None:
        image: Image | None = None
        renewed = time.monotonic()
        while (image := image or self._next()) is not None:
            # The image at hand comes first, in case a study has more pairs than one association may offer.
            offered = list(dict.fromkeys([image.pair, *list(self.pairs)]))[:MOST_CONTEXTS]
            with association(self.consignment.peer, contexts(offered)) as assoc:
                while image is not None and image.pair in offered:
                    self._send(assoc, image)
                    if time.monotonic() - renewed > RENEW_EVERY:
                        renewed = time.monotonic()
                        with self.database.begin() as session:
                            if not slots.renew(session, claim):
                                return
                    image = self._next()

    def _next(self) -> Image | None:
        """The next image; waits a little for one, so that an association outlives the gaps of a growing study."""
        for _ in range(10):
            if self.over.is_set():
                return None
            try:
                return self.waiting.get(timeout=LOOK_EVERY)
            except queue.Empty:
                continue
        return None

    def _send(self, assoc: Association, image: Image) -> None:
        accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in assoc.accepted_contexts}
        if image.pair not in accepted:
            self.answers.put(Answer(image, NOT_SUPPORTED, now()))
            return
        try:
            self.archive.verify(image.key, image.sha256)
            with open_harmonised(self.archive.path(image.key), image.plan) as outgoing:
                status = status_of(self.consignment.peer, assoc.send_c_store(outgoing.path))
            if meaning(status).outcome is Outcome.BUSY:
                raise PeerBusy(f"{self.consignment.peer.name} is busy: {meaning(status).words} ({status:04X}).")
        except BaseException:
            # Not answered: it goes back, for another association of this attempt or for the next attempt.
            self.waiting.put(image)
            raise
        self.answers.put(Answer(image, status, now()))
