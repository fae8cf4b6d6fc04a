"""The relay: carries saved commands to the engine, wakes what waited for a Node, and drives what the engine forgot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from sqlalchemy import select

from models import bulk, outbox, waiting
from models.db import Database
from models.domain.commitment_contracts import CommitmentStart
from models.domain.contracts import ArrivalStart, DeliveryStart, NodeStart
from models.domain.errors import Passing
from models.domain.lifecycles import ARRIVAL, COMMITMENT, DELIVERY, REQUEST, TRANSFER
from models.domain.request_contracts import RequestStart
from models.domain.transfer_contracts import SheetStart, TransferStart
from models.domain.urgency import Urgency
from models.searches import forget_old
from models.tables import (
    Arrival,
    CommitmentRequest,
    Delivery,
    ImageRequest,
    Node,
    OutboxCommand,
    Transaction,
    Transfer,
    now,
)
from temporal.due import tell_what_is_overdue
from temporal.gateway import Gateway
from temporal.nightly import Nightly

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
FRESH = timedelta(seconds=30)
"""Rows younger than this may just be on their way to the engine."""
Start = ArrivalStart | DeliveryStart | NodeStart | CommitmentStart | RequestStart | TransferStart | SheetStart


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
            ids = list(self.unfinished())
            self.unswept = [ids[first : first + LOOK_AT_ONCE] for first in range(0, len(ids), LOOK_AT_ONCE)]

    def sweep_on(self) -> int:
        """Look at the next few of the sweep under way; how many were started. Should it fail, the others come next."""
        return self._sweep(self.unswept.pop(0)) if self.unswept else 0

    def _sweep(self, workflow_ids: Collection[str]) -> int:
        missing = set(workflow_ids) - self.gateway.running(workflow_ids)
        if not missing:
            return 0
        # Read again: they may have ended by themselves since the rows were listed, and their last step is there now.
        starts = self.unfinished(missing)
        unheard = self._unheard(starts.values())
        failures: list[Exception] = []
        # What has failed comes last, or it would keep all others waiting for as long as it fails.
        for workflow_id in sorted(starts, key=self._failed.__contains__):
            start = starts[workflow_id]
            try:
                self.drive(start)
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

    def drive(self, start: Start) -> None:
        """Start the workflow of a row; one that runs is left as it is."""
        match start:
            case ArrivalStart():
                self.gateway.start_arrival(start)
            case DeliveryStart():
                self.gateway.start_delivery(start)
            case NodeStart():
                self.gateway.start_node(start)
            case CommitmentStart():
                self.gateway.start_commitment(start)
            case RequestStart():
                self.gateway.start_request(start)
            case TransferStart():
                self.gateway.start_transfer(start)
            case SheetStart():
                self.gateway.start_sheet(start)

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
        except Passing as away:
            log.warning("command %s waits: %s", command.id, type(away).__name__)
        else:
            with self.database.begin() as session:
                row = session.get_one(OutboxCommand, command.id)
                row.refusal, row.delivered_at = refusal, row.delivered_at or now()
        return True

    def unfinished(self, only: Collection[str] = (), fresh: timedelta = FRESH) -> dict[str, Start]:
        """By workflow id, how every row that is not finished would go on; or the rows of the workflows `only`."""
        settled = now() - fresh
        arrivals = select(Arrival.id, Arrival.state).where(
            Arrival.state.in_(ARRIVAL.unfinished),
            Arrival.announced_generation > 0,
            Arrival.announced_at < settled,
        )
        deliveries = (
            select(Delivery.id, Delivery.state, Transaction.urgency)
            .join(Transaction, Transaction.id == Delivery.transaction_id)
            .where(Delivery.state.in_(DELIVERY.unfinished), Delivery.created_at < settled)
        )
        nodes = select(Node.id, Node.state, Node.planned_from, Node.planned_until).where(Node.host != "")
        commitments = select(CommitmentRequest.id).where(
            CommitmentRequest.state == COMMITMENT.initial, CommitmentRequest.taken_at < settled
        )
        requests = select(ImageRequest.id, ImageRequest.state).where(
            ImageRequest.state.in_(REQUEST.unfinished), ImageRequest.placed_at < settled
        )
        transfers = (
            select(Transfer.id, Transaction.urgency, Transfer.state)
            .join(Transaction, Transaction.id == Transfer.transaction_id)
            .where(Transfer.state.in_(TRANSFER.unfinished), Transfer.placed_at < settled)
        )
        row_ids = [workflow_id.partition("-")[2] for workflow_id in only]
        if row_ids:
            arrivals = arrivals.where(Arrival.id.in_(row_ids))
            deliveries = deliveries.where(Delivery.id.in_(row_ids))
            nodes = nodes.where(Node.id.in_(row_ids))
            requests = requests.where(ImageRequest.id.in_(row_ids))
            transfers = transfers.where(Transfer.id.in_(row_ids))
            commitments = commitments.where(CommitmentRequest.id.in_(row_ids))
        with self.database.begin() as session:
            sheets = bulk.unfinished(session, settled, row_ids)
            return {
                **{f"arrival-{row[0]}": ArrivalStart(*row) for row in session.execute(arrivals)},
                **{
                    f"delivery-{row_id}": DeliveryStart(row_id, Urgency(urgency), state)
                    for row_id, state, urgency in session.execute(deliveries)
                },
                **{f"node-{row[0]}": NodeStart(*row) for row in session.execute(nodes)},
                **{f"request-{row[0]}": RequestStart(*row) for row in session.execute(requests)},
                **{
                    f"transfer-{row_id}": TransferStart(row_id, Urgency(urgency), state)
                    for row_id, urgency, state in session.execute(transfers)
                },
                **{f"commitment-{row_id}": CommitmentStart(row_id) for row_id in session.scalars(commitments)},
                **{f"sheet-{row_id}": SheetStart(row_id) for row_id in sheets},
            }


def _went(act: Callable[[], object]) -> bool:
    try:
        act()
    except Exception as away:  # noqa: BLE001 - whatever it is, the relay goes on with what else there is
        log.warning("%s does not get on at present: %s", act.__name__, type(away).__name__)
        return False
    return True
