"""The workers: one process for workflows and their short activities, one each for urgent and bulk transfers."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from workflows.bulk_sheet import BulkSheet
from workflows.commitment_answer import CommitmentAnswer
from workflows.delivery import Delivery
from workflows.image_request import ImageRequest
from workflows.nightly_purge import NightlyPurge
from workflows.node_health import NodeHealth
from workflows.pacs_search import PacsSearch
from workflows.study_arrival import StudyArrival
from workflows.telling import Telling
from workflows.transfer import Transfer

ALL_WORKFLOWS = (
    *(ImageRequest, Transfer, StudyArrival, Delivery, NodeHealth, CommitmentAnswer, PacsSearch),
    *(BulkSheet, Telling, NightlyPurge),
)
GRACE = timedelta(seconds=15)
COME_BACK = 1.0


def runner() -> WorkflowRunner:
    """Without the SDK's sandbox, which costs each workflow a fifth of a second (docs/decisions/0014).

    What it guards against is guarded against by tests: tests/architecture and tests/workflows/test_replay.py.
    """
    return UnsandboxedWorkflowRunner()


def in_one_line(record: logging.LogRecord) -> bool:
    """A log filter: an error that crossed the border of an activity has said all it may in its sentence.

    Without it the SDK adds a traceback to every attempt, also to those that wait for a peer, and to what stopped as its
    workflow had ended.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ApplicationError | CancelledError):
        kind = (isinstance(error, ApplicationError) and error.type) or type(error).__name__
        record.msg, record.args = f"{record.getMessage()}: {kind}: {error.message}", ()
        record.exc_info = None
    return True


async def connected(address: str, namespace: str, converter: DataConverter) -> Client:
    """A client, as soon as the engine answers."""
    while True:
        try:
            return await Client.connect(address, namespace=namespace, data_converter=converter)
        except RuntimeError:
            await asyncio.sleep(COME_BACK)


async def work(
    client: Client,
    task_queue: str,
    activities: Sequence[Callable[..., Any]],
    *,
    with_workflows: bool,
    threads: int,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Work until SIGTERM or SIGINT; then finish what is under way within GRACE."""
    logging.getLogger(activity.__name__).addFilter(in_one_line)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with ThreadPoolExecutor(threads, thread_name_prefix="activity") as executor:
        async with Worker(
            client,
            task_queue=task_queue,
            workflows=ALL_WORKFLOWS if with_workflows else (),
            activities=activities,
            activity_executor=executor,
            max_concurrent_activities=threads,
            workflow_runner=runner(),
            # A killed worker's workflows go on elsewhere after this long, not after the default 10 s.
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
            max_heartbeat_throttle_interval=timedelta(seconds=2),
            graceful_shutdown_timeout=GRACE,
        ):
            ready()
            await stop.wait()
