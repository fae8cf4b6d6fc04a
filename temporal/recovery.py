"""Recovery: which workflows are in trouble, what happened to one in plain facts, and how it is run again.

A workflow that is under way goes back to its last good point, and what people and Nodes said since is said to it again.
One that the engine has failed, ended or forgotten begins anew from its row in the database. Either way the ledger and
the notices remember what was done: nothing is seen twice at a destination.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution as Which
from temporalio.api.enums.v1 import EventType, ResetReapplyType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from models.db import Database
from models.domain.contracts import CommandKind, NoticeRequest
from models.domain.errors import NotAllowed
from models.domain.trouble import Happening, Trouble, Troubled
from models.tables import OutboxCommand
from temporal.due import tell
from temporal.gateway import Gateway
from temporal.history import happenings
from temporal.unfinished import unfinished

AT_ONCE = timedelta()
MOST = 200
CLOSED = "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut')"
FAILING = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
"""The engine marks a workflow so once its tasks have failed several times in a row."""


class Recovery:
    """From now on `gateway` carries out what support asks."""

    def __init__(self, database: Database, gateway: Gateway) -> None:
        self.database = database
        self.gateway = gateway
        self.gateway.also |= {CommandKind.RUN_AGAIN: self._run_again, CommandKind.HAND_OVER: self._hand_over}

    def lists(self) -> tuple[Troubled, ...]:
        """What is unfinished in the database and in trouble at the engine, the oldest first.

        PeerUnreachable when the engine does not answer.
        """
        found = self.gateway.asked(_in_trouble)
        ours: Collection[str] = unfinished(self.database, [one.id for one in found], AT_ONCE) if found else ()
        mine = [one for one in found if one.id in ours]
        return self.gateway.asked(lambda client: _as_they_stand(client, mine))

    def story(self, workflow_id: str) -> tuple[Happening, ...]:
        """What the engine remembers of the latest run, oldest first; nothing where it has forgotten it."""
        return self.gateway.asked(lambda client: _story(client, workflow_id))

    def run_again(self, workflow_id: str) -> None:
        """Back to the last good point; where there is none, anew from the database. Twice does no harm.

        NotAllowed where nothing is left to be done.
        """
        if self.gateway.asked(lambda client: _reset(client, workflow_id)):
            return
        start = unfinished(self.database, [workflow_id], AT_ONCE).get(workflow_id)
        if start is None:
            raise NotAllowed("That has ended by itself; there is nothing to run again.")
        self.gateway.start(start)

    def _run_again(self, command: OutboxCommand) -> None:
        self.run_again(command.subject_id)

    def _hand_over(self, command: OutboxCommand) -> None:
        kind = f"handed-to-{command.payload['side']}"
        self.gateway.asked(lambda client: tell(client, NoticeRequest(f"{kind}:{command.id}", kind, command.subject_id)))


async def _in_trouble(client: Client) -> list[WorkflowExecution]:
    failing = [one async for one in client.list_workflows(FAILING, limit=MOST)]
    closed = [one async for one in client.list_workflows(CLOSED, limit=MOST)]
    latest = {one.id: one for one in sorted(closed, key=lambda one: one.close_time or one.start_time)}
    return [*failing, *latest.values()]


async def _as_they_stand(client: Client, found: Sequence[WorkflowExecution]) -> tuple[Troubled, ...]:
    """Without those that go on: a run that was reset counts as terminated, only the latest tells how it stands."""
    now = await asyncio.gather(*(client.get_workflow_handle(one.id).describe() for one in found))
    troubled = [
        Troubled(one.id, _trouble(one.status), one.close_time or one.start_time)
        for one, latest in zip(found, now, strict=True)
        if one.run_id == latest.run_id
    ]
    return tuple(sorted(troubled, key=lambda one: one.since))


def _trouble(status: WorkflowExecutionStatus | None) -> Trouble:
    if status is None or status is WorkflowExecutionStatus.RUNNING:
        return Trouble.TASKS_FAIL
    return Trouble(status.name.lower().replace("_", "-"))


async def _story(client: Client, workflow_id: str) -> tuple[Happening, ...]:
    handle = client.get_workflow_handle(workflow_id)
    try:
        description = await handle.describe()
        events = [event async for event in handle.fetch_history_events()]
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return ()
        raise
    return await happenings(events, description.raw_description, client.data_converter)


async def _reset(client: Client, workflow_id: str) -> bool:
    """Reset what is under way; False where the database must tell how it goes on."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        description = await handle.describe()
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return False
        events = [event async for event in handle.fetch_history_events()]
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    point = _last_good_point(events)
    fails = description.raw_description.pending_workflow_task.attempt > 1
    is_there = _was_reset_to(events, point)
    if is_there and not fails:
        # It is about to go on from there; another reset would lead further back each time.
        return True
    if is_there or not point:
        await handle.terminate("run again from the database")
        return False
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=Which(workflow_id=workflow_id, run_id=description.run_id),
            reason="run again",
            workflow_task_finish_event_id=point,
            request_id=uuid.uuid4().hex,
            reset_reapply_type=ResetReapplyType.RESET_REAPPLY_TYPE_ALL_ELIGIBLE,
        )
    )
    return True


def _last_good_point(events: Collection[HistoryEvent]) -> int:
    """The number of the last workflow task that was completed; 0 when none was."""
    done = (event.event_id for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    return max(done, default=0)


def _was_reset_to(events: Collection[HistoryEvent], point: int) -> bool:
    """Whether this run was reset, and has not come further since."""
    reset = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    return any(
        event.event_id > point and event.workflow_task_failed_event_attributes.cause == reset for event in events
    )
