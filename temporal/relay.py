"""The relay: carries saved commands to the engine, wakes what waited for a Node, and drives what the engine forgot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from sqlalchemy import select

from models import outbox, waiting
from models.db import Database
from models.domain.contracts import NodeStart
from models.domain.errors import Passing
from models.searches import forget_old
from models.tables import Node, OutboxCommand, now
from temporal.due import tell_what_is_overdue
from temporal.gateway import Gateway
from temporal.late_refusals import tell_who_decided
from temporal.nightly import Nightly
from temporal.starts import Start
from temporal.unfinished import unfinished

log = logging.getLogger(__name__)
LOOK_EVERY = 0.25
COME_BACK = 1.0
SWEEP_EVERY = 60.0
CARRY_FOR = 10.0
"""Seconds after which a look has carried enough: with an engine that does not answer each command takes its time."""
WAKE_AT_ONCE = 50
"""Deliveries that are told in one look that they may go on: commands of people are not kept waiting by thousands."""
LOOK_AT_ONCE = 32
"""Workflows that the engine is asked about at the same time, in one look: commands are carried in between."""
ENOUGH = 3
"""Starts that fail and end a look: when the engine is away, each takes its time to fail; else it may be this row."""


class Relay:
    def __init__(self, database: Database, gateway: Gateway, nightly: Nightly | None = None) -> None:
        """`nightly` is what a relay that runs arranges once it reaches the engine."""
        self.database = database
        self.gateway = gateway
        self.nightly = nightly
        self.unswept: list[list[str]] = []
        """What the sweep under way has still to look at."""
        self._failed: set[str] = set()
        """Workflows that could not be started when they were last to be."""

    def run(self, stop: threading.Event) -> None:
        due = time.monotonic()
        while not stop.is_set():
            acts: list[Callable[[], object]] = [self.carry, self.wake]
            if time.monotonic() >= due:
                # What fails is not tried again at once: commands are carried in between.
                due = time.monotonic() + SWEEP_EVERY
                acts += [self.forget, self.begin_sweep, self.tell, self.arrange]
            went = [_went(act) for act in (*acts, self.sweep_on) if not stop.is_set()]
            stop.wait(COME_BACK if not all(went) else 0 if self.unswept else LOOK_EVERY)

    def carry(self) -> int:
        """Deliver what is due, in order, for CARRY_FOR at most; how many commands that were.

        A refusal is an answer too.
        """
        carried, until = 0, time.monotonic() + CARRY_FOR
        while time.monotonic() < until and self._carry_one():
            carried += 1
        return carried

    def wake(self) -> int:
        """Tell deliveries that waited for a Node that they may go on; how many that were, WAKE_AT_ONCE at most.

        One that is told twice, after a crash between word and note, makes one attempt more; it sends nothing twice.
        """
        with self.database.begin() as session:
            due = waiting.may_go_on(session, WAKE_AT_ONCE)
        for told, one in enumerate(due):
            away = None
            try:
                self.gateway.node_answered(one.delivery_id)
            except Passing:
                # The engine is away, or does not know this one yet: the others come first then.
                away = now()
            with self.database.begin() as session:
                waiting.note(session, one, away)
            if away:
                return told
        return len(due)

    def sweep(self) -> int:
        """Start the workflow of every unfinished row that has none; how many that were."""
        self.begin_sweep()
        started = 0
        while self.unswept:
            started += self.sweep_on()
        return started

    def begin_sweep(self) -> None:
        """List what is to be looked at; a sweep under way comes to its end first, or its last rows never had a turn."""
        if not self.unswept:
            ids = list(unfinished(self.database))
            self._failed.intersection_update(ids)
            self.unswept = [ids[first : first + LOOK_AT_ONCE] for first in range(0, len(ids), LOOK_AT_ONCE)]

    def sweep_on(self) -> int:
        """Look at the next few of the sweep under way; how many were started. Should it fail, the others come next."""
        return self._sweep(self.unswept.pop(0)) if self.unswept else 0

    def _sweep(self, workflow_ids: Collection[str]) -> int:
        missing = set(workflow_ids) - self.gateway.running(workflow_ids)
        if not missing:
            return 0
        # Read again: they may have ended by themselves since the rows were listed, and their last step is there now.
        starts = unfinished(self.database, missing)
        unheard = self._unheard(starts.values())
        failures: list[Exception] = []
        # What has failed comes last, or it would keep all others waiting for as long as it fails.
        for workflow_id in sorted(starts, key=self._failed.__contains__):
            start = starts[workflow_id]
            try:
                self.gateway.start(start)
            except Exception as failure:  # noqa: BLE001 - raised below
                self._failed.add(workflow_id)
                failures.append(failure)
                if len(failures) == ENOUGH:
                    break
                continue
            self._failed.discard(workflow_id)
            if start in unheard:
                log.info("%s is started", workflow_id)
            else:
                log.warning("%s was not running and is started again", workflow_id)
        if failures:
            raise failures[0]
        return len(starts)

    def tell(self) -> None:
        """Mail about what is not fulfilled in time."""
        tell_what_is_overdue(self.database, self.gateway)

    def arrange(self) -> None:
        """Let the engine know what is done every night; once."""
        if self.nightly:
            self.gateway.asked(self.nightly.arrange)
            self.nightly = None

    def forget(self) -> None:
        """Remove what names patients and has served its hour."""
        with self.database.begin() as session:
            forget_old(session)

    def _unheard(self, starts: Iterable[Start]) -> set[Start]:
        """Nodes of which nothing has been heard yet: only these are not started when their row is made."""
        nodes: dict[str, Start] = {start.node_id: start for start in starts if isinstance(start, NodeStart)}
        unheard = select(Node.id).where(
            Node.id.in_(nodes), Node.state_since.is_(None), Node.last_answer_at.is_(None), Node.last_fault_at.is_(None)
        )
        with self.database.begin() as session:
            return {nodes[node_id] for node_id in session.scalars(unheard)}

    def _carry_one(self) -> bool:
        """Lease the next command, call the engine outside of any transaction, and note what it said."""
        with self.database.begin() as session:
            command = outbox.next_due(session)
            if command is None:
                return False
            command.tried += 1
            command.next_try_at = now() + timedelta(seconds=min(30, 2 ** min(command.tried + 2, 5)))
        try:
            refusal = self.gateway.outcome(command)
            if refusal:
                # Before the refusal is noted: should the relay be killed in between, it asks and tells again.
                tell_who_decided(self.gateway, command)
        except Passing as away:
            log.warning("command %s waits: %s", command.id, type(away).__name__)
        else:
            with self.database.begin() as session:
                row = session.get_one(OutboxCommand, command.id)
                row.refusal, row.delivered_at = refusal, row.delivered_at or now()
        return True


def _went(act: Callable[[], object]) -> bool:
    try:
        act()
    except Exception as away:  # noqa: BLE001 - whatever it is, the relay goes on with what else there is
        log.warning("%s does not get on at present: %s", act.__name__, type(away).__name__)
        return False
    return True
