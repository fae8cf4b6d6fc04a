"""How long each kind of activity may take, how it is retried, on which queue and how soon. The only such place."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from models.domain.urgency import Urgency

WORKFLOWS = "exchange"
URGENT = "transfer-urgent"
BULK = "transfer-bulk"


class Policy(TypedDict, total=False):
    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


# Passing faults are retried for ever; permanent ones cross the border as non-retryable.
PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)
DATABASE = Policy(task_queue=WORKFLOWS, start_to_close_timeout=timedelta(seconds=30), retry_policy=PATIENT)
MAIL = Policy(
    task_queue=WORKFLOWS,
    start_to_close_timeout=timedelta(seconds=60),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=5)),
)


def sending(urgency: Urgency) -> Policy:
    """C-STORE of a whole parcel: long, alive by heartbeat, resumed from the ledger."""
    return Policy(
        task_queue=URGENT if urgency.is_urgent else BULK,
        start_to_close_timeout=timedelta(hours=12),
        heartbeat_timeout=timedelta(seconds=10),
        retry_policy=PATIENT,
        priority=Priority(priority_key=urgency.priority),
    )


def asking(urgency: Urgency) -> Policy:
    """C-FIND and C-ECHO: short; unreachable peers are asked again."""
    return Policy(
        task_queue=URGENT if urgency.is_urgent else BULK,
        start_to_close_timeout=timedelta(minutes=5),
        heartbeat_timeout=timedelta(seconds=30),
        retry_policy=PATIENT,
        priority=Priority(priority_key=urgency.priority),
    )


def echo() -> Policy:
    """One C-ECHO; its failure is an answer."""
    return Policy(task_queue=WORKFLOWS, start_to_close_timeout=timedelta(seconds=30), retry_policy=PATIENT)
