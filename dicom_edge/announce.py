"""The announcer: tells the engine which arrivals are worth a look, from the database's own count.

It may fail for as long as the engine is away; what is not announced yet stays due.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, update

from models.completeness import worth_a_look
from models.db import Database
from models.domain.contracts import StudyGrew
from models.tables import Arrival, now

log = logging.getLogger(__name__)
Announce = Callable[[str, StudyGrew], None]
LOOK_EVERY = 0.05
SELDOM = 0.5
"""How often it is looked for arrivals that have grown without a word of ingest's: others change them, too."""
COME_BACK = 1.0
SPACING = 0.25
"""After the first word, an arrival is looked at again when this fraction of its age has passed since."""
LONGEST_SPACING = timedelta(seconds=10)
"""However old it is: the last images of a study must not wait for long."""
AT_ONCE = 100
ENOUGH = 3
"""Failures that end a round: when the engine is away, each takes its time to fail."""


class Announcer:
    def __init__(self, database: Database, announce: Announce) -> None:
        self.database = database
        self.announce = announce
        self._failed: set[str] = set()
        self._grew = threading.Event()
        self._behind = False

    def grew(self) -> None:
        """Something may have grown: look at once."""
        self._grew.set()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.round()
            except Exception as away:  # noqa: BLE001 - this thread must outlive whatever the engine says
                log.warning("nothing is announced at present: %s", type(away).__name__)
                stop.wait(COME_BACK)
            if self._behind:
                # Not due yet, or not told: that is a matter of time.
                stop.wait(LOOK_EVERY)
            else:
                self._grew.wait(SELDOM)
            self._grew.clear()

    def round(self) -> int:
        """Announce what is due; how many arrivals that were. Raises the first failure, after trying the others."""
        at = now()
        with self.database.begin() as session:
            behind = session.scalars(
                select(Arrival)
                .where(Arrival.announced_generation < Arrival.generation)
                # What has failed comes last, or it would keep all others waiting for as long as it fails.
                .order_by(Arrival.id.in_(self._failed), Arrival.announced_at.nulls_first())
                .limit(AT_ONCE)
            ).all()
        self._behind = bool(behind)
        due = [arrival for arrival in behind if _is_due(arrival, at)]
        failures: list[Exception] = []
        told = 0
        for arrival in due:
            try:
                told += self._tell(arrival, at)
                self._failed.discard(arrival.id)
            except Exception as failure:  # noqa: BLE001 - raised below
                self._failed.add(arrival.id)
                failures.append(failure)
                if len(failures) == ENOUGH:
                    break
        if failures:
            raise failures[0]
        return told

    def _tell(self, arrival: Arrival, at: datetime) -> bool:
        """Whether there was something to tell: images amid many would cost the engine a look for nothing."""
        with self.database.begin() as session:
            tells = arrival.announced_at is None or worth_a_look(session, arrival)
        if tells:
            self.announce(arrival.id, StudyGrew(arrival.generation, arrival.count))
        known = {"announced_generation": arrival.generation} if tells else {}
        with self.database.begin() as session:
            session.execute(update(Arrival).where(Arrival.id == arrival.id).values(announced_at=at, **known))
        return tells


def _is_due(arrival: Arrival, at: datetime) -> bool:
    spacing = min((at - arrival.opened_at) * SPACING, LONGEST_SPACING)
    return arrival.announced_at is None or at - arrival.announced_at >= spacing
