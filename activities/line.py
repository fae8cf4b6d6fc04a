"""One association on one slot."""

from __future__ import annotations

import sys
import threading
import time
import traceback
import uuid

from pynetdicom.association import Association
from sqlalchemy.exc import OperationalError

from activities.consignment import Answer, Consignment, Image
from activities.offering import Pair, offer, offers, taken, why_not_taken
from activities.peer import association, contexts, status_of
from activities.work import Work
from models import pace, slots
from models.archive import FolderArchive
from models.conversion import Unconvertible, converted
from models.db import Database
from models.domain.errors import NoSlot, PeerBusy, Permanent
from models.domain.statuses import NOT_SENT, NOT_SUPPORTED, Outcome, Row, meaning
from models.domain.syntaxes import syntax_of
from models.harmonised import Harmonised, open_harmonised
from models.slots import LEASE, Claim
from models.tables import now

ASK_EVERY = 0.2
ASK_SELDOM = 1.0
"""Seconds between two questions for a slot: of who is next, and of who has many before it. Each locks the Node's row,
and many who wait must not keep busy the machine that those who send need."""
LONGEST_WAIT_FOR_SLOT = 30.0
LONGEST_WAIT_FOR_TURN = 5.0
"""Seconds behind the urgent, at a Node with a rate: a peer cuts an association off that stays silent for longer."""
BUSY_IN_A_ROW = 3
"""A Node that is too busy for so many images one after the other is left alone."""


class Line:
    def __init__(
        self, database: Database, archive: FolderArchive, consignment: Consignment, priority: int, work: Work
    ) -> None:
        self.database = database
        self.archive = archive
        self.consignment = consignment
        self.work = work
        self.claim = Claim(
            consignment.node_id,
            uuid.uuid4().hex,
            consignment.delivery_id,
            priority,
            consignment.released_at,
            consignment.due_at,
        )
        self.holds_slot = False
        self._lease_ends = 0.0
        self._busy = 0
        self._thread = 0

    def run(self) -> None:
        """Send until nothing waits any more, or somebody else needs the slot. Raises what ended it."""
        self._thread = threading.get_ident()
        try:
            if self._take_slot():
                self._associate()
        finally:
            self.holds_slot = False
            self._give_back()
            self.work.nudge.set()

    def whereabouts(self) -> str:
        """The calls it is in at present; empty when it is in none."""
        frame = sys._current_frames().get(self._thread)
        return "".join(traceback.format_stack(frame)) if frame else ""

    def renewed(self, keeps: bool) -> None:
        """The slot was renewed, or is to be given back after the image under way."""
        self._lease_ends = time.monotonic() + LEASE.total_seconds() if keeps else 0.0

    def _take_slot(self) -> bool:
        deadline = time.monotonic() + LONGEST_WAIT_FOR_SLOT
        while not self._must_leave():
            asked = time.monotonic()
            with self.database.begin() as session:
                place = slots.ask(session, self.claim)
            self.holds_slot = place.granted
            if self.holds_slot:
                self._lease_ends = asked + LEASE.total_seconds()
                self.work.nudge.set()
                return True
            if time.monotonic() > deadline:
                raise NoSlot(f"Every association that {self.consignment.peer.name} allows is in use.")
            self.work.over.wait(min(ASK_EVERY * (1 + place.ahead), ASK_SELDOM))
        return False

    def _give_back(self) -> None:
        """Also when the database is away: once it is back the next attempt would wait for the rest of the lease."""
        until = time.monotonic() + LEASE.total_seconds()
        while True:
            try:
                with self.database.begin() as session:
                    slots.give_back(session, self.claim)
            except OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(ASK_EVERY)
            else:
                return

    def _associate(self) -> None:
        image: Image | None = None
        while (image := image or self._next()) is not None:
            offered = offers(image.pair, list(self.work.pairs))
            try:
                with association(self.consignment.peer, contexts(offered)) as assoc:
                    accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in assoc.accepted_contexts}
                    while image is not None and set(offer(image.pair)) <= set(offered):
                        sending, image = image, None
                        self._send(assoc, sending, accepted)
                        image = self._next()
            except BaseException:
                if image is not None:
                    self.work.waiting.put(image)
                raise

    def _next(self) -> Image | None:
        """The lease is checked before each image: a process that stood still may have lost it."""
        return self.work.next() if time.monotonic() < self._lease_ends and not self._must_leave() else None

    def _must_leave(self) -> bool:
        return self.work.over.is_set() or self.work.stands_aside.is_set()

    def _send(self, assoc: Association, image: Image, accepted: set[Pair]) -> None:
        syntax = taken(image, accepted, self.consignment.peer.syntaxes)
        if not syntax:
            self._set_aside(image, NOT_SUPPORTED, why_not_taken(image, assoc))
            return
        try:
            if not self._its_turn():
                self.work.waiting.put(image)
                return
            try:
                status = self._store(assoc, image, syntax)
            except Unconvertible:
                if image.uncompressed or image.pair not in accepted:
                    raise
                # The Node would have preferred another, and takes it as it was received.
                syntax = image.TransferSyntaxUID
                status = self._store(assoc, image, syntax)
        except Unconvertible as fixed:
            name, why = syntax_of(image.TransferSyntaxUID).name, str(fixed).rstrip(".")
            words = f"transfer syntax {name} cannot be converted: {why[:1].lower()}{why[1:]}"
            self._set_aside(image, NOT_SUPPORTED, words)
            return
        except Permanent as unfit:
            self._set_aside(image, NOT_SENT, str(unfit))
            return
        except BaseException:
            # Not answered: it goes back, for another association of this attempt or for the next attempt.
            self.work.waiting.put(image)
            raise
        row = meaning(status)
        if row.outcome is Outcome.REFUSED and image.tries + 1 < row.tries:
            self.work.again(image)
        elif row.outcome is Outcome.BUSY and not (row.tries and image.tries + 1 >= row.tries):
            self._is_busy(image, row, status)
        else:
            self._busy = 0
            converted_to = syntax if syntax != image.TransferSyntaxUID else ""
            on_wire = image.resent + 1
            self.work.answers.put(Answer(image, status, now(), syntax=converted_to, on_wire=on_wire))

    def _is_busy(self, image: Image, row: Row, status: int) -> None:
        sentence = f"{self.consignment.peer.name} is busy: {row.words} ({status:04X})."
        if row.tries:
            self.work.answers.put(Answer(image, status, now(), on_wire=image.resent + 1, settles=False))
            self.work.busy.append(sentence)
        else:
            self.work.put_aside(sentence)
        self._busy += 1
        if self._busy == BUSY_IN_A_ROW:
            raise PeerBusy(sentence)

    def _set_aside(self, image: Image, status: int, reason: str) -> None:
        self.work.answers.put(Answer(image, status, now(), reason, on_wire=0))

    def _its_turn(self) -> bool:
        """Waits until the Node's rate allows an image; False when the slot is to be given back meanwhile."""
        taken, since = not self.consignment.is_paced, time.monotonic()
        while not taken:
            with self.database.begin() as session:
                turn = pace.next_turn(session, self.claim, in_advance=time.monotonic() - since > LONGEST_WAIT_FOR_TURN)
            at, taken = time.monotonic() + turn.seconds, turn.taken
            while (ahead := at - time.monotonic()) > 0 and not self._must_leave():
                self.work.over.wait(min(ahead, ASK_EVERY))
            if self._must_leave() or time.monotonic() >= self._lease_ends:
                return False
        return True

    def _store(self, assoc: Association, image: Image, syntax: str) -> int:
        self.archive.verify(image.key, image.sha256)
        with open_harmonised(self.archive.path(image.key), image.plan) as outgoing:
            if syntax == image.TransferSyntaxUID:
                return self._answer(assoc, outgoing)
            with converted(outgoing, syntax) as other:
                return self._answer(assoc, other)

    def _answer(self, assoc: Association, outgoing: Harmonised) -> int:
        return status_of(self.consignment.peer, assoc.send_c_store(outgoing.path))
