"""The one door to the engine for code that is not async: web, ingest and relay.

One event loop in one thread, made on first use: a process that forks does so before it, for no thread survives a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import DataConverter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import Runtime, TelemetryConfig

from models import outbox
from models.db import Database
from models.domain.commitment_contracts import CommitmentStart
from models.domain.contracts import ArrivalStart, CommandKind, DeliveryStart, NodeStart, StudyGrew
from models.domain.errors import NotAllowed, NotFound, PeerUnreachable
from models.domain.request_contracts import RequestStart
from models.domain.transfer_contracts import SearchStart, SheetStart, TransferStart
from models.domain.urgency import Urgency
from models.tables import OutboxCommand, now
from temporal.messages import MESSAGES, decision_of
from temporal.refusals import in_our_words, while_wanted
from temporal.still_running import still_running
from workflows.bulk_sheet import BulkSheet
from workflows.commitment_answer import CommitmentAnswer
from workflows.delivery import Delivery
from workflows.image_request import ImageRequest
from workflows.node_health import NodeHealth
from workflows.pacs_search import PacsSearch
from workflows.policies import WORKFLOWS
from workflows.study_arrival import StudyArrival
from workflows.transfer import Transfer

Answer = TypeVar("Answer")
DRAIN = 0.5
"""Seconds for the client's threads to end: an interpreter that exits before may abort."""
SAVED = "Saved; the engine is not answering, it will go on by itself."


class Gateway:
    """Calls end after `timeout` seconds at the latest; PeerUnreachable means that what happened is unknown."""

    def __init__(self, address: str, namespace: str, converter: DataConverter, timeout: float = 5.0) -> None:
        self.address = address
        self.namespace = namespace
        self.converter = converter
        self.timeout = timeout
        self.also: dict[CommandKind, Callable[[OutboxCommand], None]] = {}
        """Commands that somebody else carries out, who needs more than the engine."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Client | None = None

    def announce(self, arrival_id: str, grew: StudyGrew) -> None:
        """Signal a study's arrival, starting it with the first word."""
        # One that has ended is settled: nothing is owed to it.
        with contextlib.suppress(WorkflowAlreadyStartedError):
            self._call(self._announce(arrival_id, grew))

    def start_delivery(self, start: DeliveryStart) -> None:
        self._call(self._start(Delivery.run, start, f"delivery-{start.delivery_id}"))

    def start_arrival(self, start: ArrivalStart) -> None:
        self._call(self._start(StudyArrival.run, start, f"arrival-{start.arrival_id}"))

    def start_node(self, start: NodeStart) -> None:
        self._call(self._start(NodeHealth.run, start, f"node-{start.node_id}"))

    def start_commitment(self, start: CommitmentStart) -> None:
        """What was answered is not answered again."""
        self._start_once(CommitmentAnswer.run, start, f"commitment-{start.request_id}")

    def start_request(self, start: RequestStart) -> None:
        self._call(self._start(ImageRequest.run, start, f"request-{start.request_id}"))

    def start_transfer(self, start: TransferStart) -> None:
        self._call(self._start(Transfer.run, start, f"transfer-{start.transfer_id}"))

    def start_sheet(self, start: SheetStart) -> None:
        """A sheet whose rows were all placed once starts anew: some of them are to be sent again."""
        self._call(self._start(BulkSheet.run, start, f"sheet-{start.sheet_id}", word="rows_sent"))

    def node_answered(self, delivery_id: str) -> None:
        """Tell a delivery that waits that its Node may be used again."""
        self._tell_delivery(delivery_id, Delivery.node_answered)

    def let_look(self, workflow: type[ImageRequest | Transfer], workflow_id: str) -> None:
        """Tell a request or transfer that a delivery of it has ended; one that has ended itself needs no word."""
        with contextlib.suppress(NotFound):
            self._call(self._signal(workflow.run, workflow_id, workflow.delivery_moved))

    def running(self, workflow_ids: Collection[str]) -> set[str]:
        """Which of these workflows the engine knows and have not ended, or does not speak of."""
        return self.asked(lambda client: still_running(client, workflow_ids, self._rpc_timeout))

    def is_ready(self) -> bool:
        """Whether the engine answers."""
        try:
            return self._call(self._health())
        except PeerUnreachable:
            return False

    def execute(self, command: OutboxCommand) -> None:
        """Do what a command asks, once: its id is the update's id.

        Raises NotAllowed with the sentence of the workflow that refused, NotFound when there is no such workflow.
        """
        kind = CommandKind(command.kind)
        urgency = Urgency(command.payload.get("urgency", Urgency.ROUTINE))
        if kind in self.also:
            self.also[kind](command)
        elif kind is CommandKind.ANSWER_COMMITMENT:
            self.start_commitment(CommitmentStart(command.subject_id))
        elif kind is CommandKind.REPORT_COMMITMENT:
            self._tell_delivery(command.subject_id, Delivery.commitment_reported)
        elif kind is CommandKind.RAISE_URGENCY:
            self._tell_delivery(command.subject_id, Delivery.urgency_raised, urgency)
        elif kind is CommandKind.SEARCH_PACS:
            self._start_once(PacsSearch.run, SearchStart(command.subject_id), f"search-{command.subject_id}")
        elif kind is CommandKind.PLACE_REQUEST:
            self._start_once(ImageRequest.run, RequestStart(command.subject_id), f"request-{command.subject_id}")
        elif kind is CommandKind.LOOK_AT_REQUEST:
            self.let_look(ImageRequest, f"request-{command.subject_id}")
        elif kind is CommandKind.PLACE_TRANSFER:
            self._start_once(Transfer.run, TransferStart(command.subject_id, urgency), f"transfer-{command.subject_id}")
        elif kind in (CommandKind.SEND_SHEET, CommandKind.SEND_SHEET_AGAIN):
            self.start_sheet(SheetStart(command.subject_id))
        elif kind is CommandKind.LOOK_AT_TRANSFER:
            self.let_look(Transfer, f"transfer-{command.subject_id}")
        elif kind is CommandKind.FORWARD_DELIVERY:
            self._start_once(Delivery.run, DeliveryStart(command.subject_id, urgency), f"delivery-{command.subject_id}")
        elif kind is CommandKind.REPORT_NODE_FAULT:
            self._call(self._signal(NodeHealth.run, f"node-{command.subject_id}", NodeHealth.fault_reported))
        else:
            self._call(self._update(kind, command))

    def try_now(self, database: Database, command_id: str) -> str:
        """Deliver one saved command at once if possible; a sentence for the person who waits, empty when it is done."""
        with database.begin() as session:
            command = session.get_one(OutboxCommand, command_id)
            if command.delivered_at is not None:
                return command.refusal
            if outbox.has_earlier(session, command):
                return SAVED
        try:
            refusal = self.outcome(command)
        except PeerUnreachable:
            return SAVED
        with database.begin() as session:
            row = session.get_one(OutboxCommand, command_id, with_for_update=True)
            row.delivered_at, row.refusal = row.delivered_at or now(), refusal
        return refusal

    def outcome(self, command: OutboxCommand) -> str:
        """Execute; the sentence of a refusal, empty when it was accepted."""
        try:
            self.execute(command)
        except (NotAllowed, NotFound) as refusal:
            return str(refusal)
        return ""

    def await_end(self, workflow_id: str) -> None:
        """Return when a workflow that was started has ended, or after `timeout` seconds."""
        with contextlib.suppress(PeerUnreachable, WorkflowFailureError):
            self.asked(lambda client: asyncio.wait_for(client.get_workflow_handle(workflow_id).result(), self.timeout))

    def asked(self, ask: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
        """What the engine itself answers to `ask`; PeerUnreachable when it does not in time."""
        return self._call(self._asked(ask))

    def close(self) -> None:
        """End the loop. Afterwards the process may end: what the client's own threads still do has had its moment."""
        with self._lock:
            if self._loop is None or self._thread is None:
                return
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._client = None
        time.sleep(DRAIN)

    async def _announce(self, arrival_id: str, grew: StudyGrew) -> None:
        await (await self._connected()).start_workflow(
            StudyArrival.run,
            ArrivalStart(arrival_id),
            id=f"arrival-{arrival_id}",
            task_queue=WORKFLOWS,
            start_signal="study_grew",
            start_signal_args=[grew],
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            rpc_timeout=self._rpc_timeout,
        )

    async def _start(
        self,
        run: Any,
        start: Any,
        workflow_id: str,
        again: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        word: str | None = None,
    ) -> None:
        """With the signal `word`, if any, also to one that runs."""
        await (await self._connected()).start_workflow(
            run,
            start,
            id=workflow_id,
            task_queue=WORKFLOWS,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=again,
            start_signal=word,
            rpc_timeout=self._rpc_timeout,
        )

    def _start_once(self, run: Any, start: Any, workflow_id: str) -> None:
        """Start it unless it runs or has come to its end: a command that is carried twice is one start."""
        with contextlib.suppress(WorkflowAlreadyStartedError):
            self._call(self._start(run, start, workflow_id, WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY))

    async def _asked(self, ask: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
        return await ask(await self._connected())

    async def _health(self) -> bool:
        return await (await self._connected()).service_client.check_health(timeout=self._rpc_timeout)

    def _tell_delivery(self, delivery_id: str, signal: Any, *told: Any) -> None:
        """One that has ended needs no word."""
        with contextlib.suppress(NotFound):
            self._call(self._signal(Delivery.run, f"delivery-{delivery_id}", signal, *told))

    async def _signal(self, run: Any, workflow_id: str, signal: Any, *told: Any) -> None:
        handle = (await self._connected()).get_workflow_handle_for(run, workflow_id)
        await handle.signal(signal, args=told, rpc_timeout=self._rpc_timeout)

    async def _update(self, kind: CommandKind, command: OutboxCommand) -> None:
        message, decision = MESSAGES[kind], decision_of(command)
        handle = (await self._connected()).get_workflow_handle(f"{message.prefix}-{command.subject_id}")
        await handle.execute_update(message.update, decision, id=command.id, rpc_timeout=self._rpc_timeout)

    @property
    def _rpc_timeout(self) -> timedelta:
        return timedelta(seconds=self.timeout)

    async def _connected(self) -> Client:
        if self._client is None:
            self._client = await Client.connect(
                self.address,
                namespace=self.namespace,
                data_converter=self.converter,
                lazy=True,
                runtime=Runtime(telemetry=TelemetryConfig()),
            )
        return self._client

    def _call(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        future = asyncio.run_coroutine_threadsafe(while_wanted(coroutine), self._running_loop())
        with in_our_words():
            try:
                return future.result(self.timeout + 1)
            except TimeoutError:
                future.cancel()
                raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
                self._thread.start()
            return self._loop
