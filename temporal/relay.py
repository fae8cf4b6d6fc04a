"""The relay: carries saved commands to the engine, and drives again what the engine has forgotten."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from models import outbox
from models.db import Database
from models.domain.contracts import ArrivalStart, DeliveryStart, NodeStart
from models.domain.errors import Passing
from models.domain.lifecycles import ARRIVAL, DELIVERY
from models.domain.urgency import Urgency
from models.tables import Arrival, Delivery, Node, now
from temporal.gateway import Gateway

log = logging.getLogger(__name__)
LOOK_EVERY = 0.25
COME_BACK = 1.0
SWEEP_EVERY = 60.0
FRESH = timedelta(seconds=30)
"""Rows younger than this may just be on their way to the engine."""


class Relay:
    def __init__(self, database: Database, gateway: Gateway) -> None:
        self.database = database
        self.gateway = gateway

    def run(self, stop: threading.Event) -> None:
        swept = 0.0
        while not stop.is_set():
            wait = LOOK_EVERY
            try:
                self.carry()
                swept -= LOOK_EVERY
                if swept <= 0:
                    self.sweep()
                    swept = SWEEP_EVERY
            except (Passing, SQLAlchemyError) as away:
                log.warning("nothing is carried at present: %s", type(away).__name__)
                wait = COME_BACK
            stop.wait(wait)

    def carry(self) -> int:
        """Deliver what is due, in order; how many commands that were. A refusal is an answer too."""
        carried = 0
        while self._carry_one():
            carried += 1
        return carried

    def sweep(self) -> int:
        """Start the workflow of every unfinished row that has none; how many that were."""
        started = 0
        for workflow_id, start in self._unfinished():
            if not self.gateway.is_running(workflow_id):
                log.warning("%s was not running and is started again", workflow_id)
                match start:
                    case ArrivalStart():
                        self.gateway.start_arrival(start)
                    case DeliveryStart():
                        self.gateway.start_delivery(start)
                    case NodeStart():
                        self.gateway.start_node(start)
                started += 1
        return started

    def _carry_one(self) -> bool:
        with self.database.begin() as session:
            command = outbox.next_due(session)
            if command is None:
                return False
            command.tried += 1
            try:
                command.refusal = self.gateway.outcome(command)
                command.delivered_at = now()
            except Passing as away:
                log.warning("command %s waits: %s", command.id, type(away).__name__)
                command.next_try_at = now() + timedelta(seconds=min(30, 2 ** min(command.tried, 5)))
            return True

    def _unfinished(self) -> list[tuple[str, ArrivalStart | DeliveryStart | NodeStart]]:
        with self.database.begin() as session:
            arrivals = session.execute(
                select(Arrival.id, Arrival.state).where(
                    Arrival.state.not_in(ARRIVAL.terminal),
                    Arrival.announced_generation > 0,
                    Arrival.announced_at < now() - FRESH,
                )
            ).all()
            deliveries = session.execute(
                select(Delivery.id, Delivery.state).where(
                    Delivery.state.not_in(DELIVERY.terminal), Delivery.created_at < now() - FRESH
                )
            ).all()
            nodes = session.execute(select(Node.id, Node.state).where(Node.host != "")).all()
        return [
            *((f"arrival-{row_id}", ArrivalStart(row_id, state)) for row_id, state in arrivals),
            *((f"delivery-{row_id}", DeliveryStart(row_id, Urgency.ROUTINE, state)) for row_id, state in deliveries),
            *((f"node-{row_id}", NodeStart(row_id, state)) for row_id, state in nodes),
        ]
