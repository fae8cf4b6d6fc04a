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
from models.domain.contracts import ArrivalStart, CommandKind, StudyGrew
from models.domain.errors import NotAllowed, NotFound, PeerUnreachable
from models.tables import OutboxCommand, now
from temporal.commands import COMMANDS, Ask, Begin, Tell, decision_of
from temporal.refusals import in_our_words, while_wanted
from temporal.starts import KINDS, Start, workflow_id
from temporal.still_running import still_running
from workflows.delivery import Delivery
from workflows.policies import WORKFLOWS
from workflows.study_arrival import StudyArrival

Answer = TypeVar("Answer")
DRAIN = 0.5
"""Seconds for the client's threads to end: an interpreter that exits before may abort."""
SAVED = "Saved; the engine is not answering, it will go on by itself."


class Gateway:
    """Calls end after `timeout` seconds at the latest; PeerUnreachable means that what happened is unknown.

    While the engine `is_missed`, as somebody says who looks for it all the time, no person waits for it.
    """

    def __init__(
        self,
        address: str,
        namespace: str,
        converter: DataConverter,
        timeout: float = 5.0,
        is_missed: Callable[[], bool] = lambda: False,
    ) -> None:
        self.address = address
        self.namespace = namespace
        self.converter = converter
        self.timeout = timeout
        self.is_missed = is_missed
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

    def start(self, start: Start, *, once: bool = False) -> None:
        """Begin the workflow of a row unless it runs; `once`: or has come to its end."""
        # Carried twice, it is one start.
        with contextlib.suppress(WorkflowAlreadyStartedError):
            self._call(self._start(start, once=once or KINDS[type(start)].once))

    def node_answered(self, delivery_id: str) -> None:
        """Tell a delivery that waits that its Node may be used again; one that has ended needs no word."""
        with contextlib.suppress(NotFound):
            self._call(self._signal(f"delivery-{delivery_id}", Delivery.node_answered))

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
        if kind in self.also:
            self.also[kind](command)
            return
        match COMMANDS[kind]:
            case Begin() as begin:
                self.start(begin.start(command), once=not begin.anew)
            case Tell() as tell:
                with contextlib.nullcontext() if tell.owed else contextlib.suppress(NotFound):
                    self._call(self._signal(f"{tell.prefix}-{command.subject_id}", tell.signal, *tell.told(command)))
            case Ask() as ask:
                self._call(self._update(f"{ask.prefix}-{command.subject_id}", ask.update, command))

    def try_now(self, database: Database, command_id: str) -> str:
        """Deliver one saved command at once if possible; a sentence for the person who waits, empty when it is done."""
        with database.begin() as session:
            command = session.get_one(OutboxCommand, command_id)
            if command.delivered_at is not None:
                return command.refusal
            if self.is_missed() or outbox.has_earlier(session, command):
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

    async def _start(self, start: Start, *, once: bool) -> None:
        kind = KINDS[type(start)]
        reuse = WorkflowIDReusePolicy
        await (await self._connected()).start_workflow(
            kind.run,
            start,
            id=workflow_id(start),
            task_queue=WORKFLOWS,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=reuse.ALLOW_DUPLICATE_FAILED_ONLY if once else reuse.ALLOW_DUPLICATE,
            start_signal=kind.word,
            rpc_timeout=self._rpc_timeout,
        )

    async def _asked(self, ask: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
        return await ask(await self._connected())

    async def _health(self) -> bool:
        return await (await self._connected()).service_client.check_health(timeout=self._rpc_timeout)

    async def _signal(self, workflow_id: str, signal: Any, *told: Any) -> None:
        handle = (await self._connected()).get_workflow_handle(workflow_id)
        await handle.signal(signal, args=told, rpc_timeout=self._rpc_timeout)

    async def _update(self, workflow_id: str, update: Any, command: OutboxCommand) -> None:
        handle = (await self._connected()).get_workflow_handle(workflow_id)
        await handle.execute_update(update, decision_of(command), id=command.id, rpc_timeout=self._rpc_timeout)

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
