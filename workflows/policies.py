"""How long each kind of activity may take, how it is retried, on which queue and how soon. The only such place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from models.domain.lifecycles import COMMITMENT, DELIVERY, commitment, delivery
    from models.domain.urgency import Urgency

WORKFLOWS = "exchange"
URGENT = "transfer-urgent"
BULK = "transfer-bulk"


class Policy(TypedDict, total=False):
    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


# Passing faults are retried for ever; permanent ones cross the border as non-retryable.
PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)
SILENCE = timedelta(seconds=10)
"""After this long without a heartbeat a worker counts as dead, and another goes on."""
# As long as the database itself allows a statement.
DATABASE = Policy(
    task_queue=WORKFLOWS,
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=SILENCE,
    retry_policy=PATIENT,
)
# A question to a Node that answers in seconds or counts as silent: a person waits for the page.
CHECKING = Policy(task_queue=WORKFLOWS, start_to_close_timeout=timedelta(seconds=15), retry_policy=PATIENT)
# Questions to an Institution's own PACS, each ended by its own patience; after the hour nobody reads the answer.
SEARCHING = Policy(
    task_queue=WORKFLOWS,
    start_to_close_timeout=timedelta(minutes=5),
    schedule_to_close_timeout=timedelta(hours=1),
    heartbeat_timeout=SILENCE,
    retry_policy=PATIENT,
)
# A few rows of a bulk sheet, one question to the own PACS for each; asked again until it answers.
PLACING_ROWS = Policy(
    task_queue=BULK,
    start_to_close_timeout=timedelta(minutes=10),
    heartbeat_timeout=SILENCE,
    retry_policy=PATIENT,
    priority=Priority(priority_key=Urgency.BULK.priority),
)
MAIL = Policy(
    task_queue=WORKFLOWS,
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=SILENCE,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=5)),
)
# What is not done by the next night is begun anew then.
PURGING = Policy(
    task_queue=WORKFLOWS,
    start_to_close_timeout=timedelta(hours=12),
    schedule_to_close_timeout=timedelta(hours=20),
    heartbeat_timeout=SILENCE,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=30), maximum_interval=timedelta(minutes=30)),
)
# N-EVENT-REPORT to a sender that asked for commitment: beside the transfers, and given up after its patience.
ANSWERING = Policy(
    task_queue=BULK,
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=SILENCE,
    schedule_to_close_timeout=COMMITMENT.patience[commitment.State.ASKED],
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=30)),
)


def sending(urgency: Urgency) -> Policy:
    """C-STORE of a whole parcel: long, alive by heartbeat, resumed from the ledger."""
    return Policy(
        task_queue=URGENT if urgency.is_urgent else BULK,
        start_to_close_timeout=timedelta(hours=12),
        heartbeat_timeout=SILENCE,
        retry_policy=PATIENT,
        priority=Priority(priority_key=urgency.priority),
    )


def waits_for_node() -> Iterator[timedelta]:
    """How long a delivery waits, time after time, for word that its Node may be used before it tries unasked."""
    wait, longest = timedelta(minutes=1), timedelta(minutes=15)
    while True:
        yield wait
        wait = min(2 * wait, longest)


def between_rounds() -> Iterator[timedelta]:
    """How long a transfer waits after each round in which nothing came; after the last of them a person decides."""
    yield timedelta(seconds=5)
    yield timedelta(seconds=30)


def asking(urgency: Urgency) -> Policy:
    """C-FIND for every series of a study; unreachable peers are asked again."""
    return Policy(
        task_queue=URGENT if urgency.is_urgent else BULK,
        start_to_close_timeout=timedelta(minutes=30),
        heartbeat_timeout=SILENCE,
        retry_policy=PATIENT,
        priority=Priority(priority_key=urgency.priority),
    )


def comparing(urgency: Urgency) -> Policy:
    """Asking the destination for what it accepted, twice at least: after this patience a person is asked instead."""
    return Policy(
        **{
            **asking(urgency),
            "start_to_close_timeout": DELIVERY.patience[delivery.State.SENT] / 2,
            "schedule_to_close_timeout": DELIVERY.patience[delivery.State.SENT],
        }
    )


def until_committed(urgency: Urgency) -> timedelta:
    """How long a destination may take to commit itself to what it accepted, before it is asked otherwise."""
    return DELIVERY.patience[delivery.State.SENT] * (1 if urgency.is_urgent else 12)


def asking_in_passing(urgency: Urgency) -> Policy:
    """A question whose answer is welcome, not needed: a busy queue must not hold a study up."""
    return Policy(**asking(urgency), schedule_to_close_timeout=timedelta(minutes=1))


def echo() -> Policy:
    """One C-ECHO; its failure is an answer. A Node may take its whole DIMSE timeout to fail."""
    return Policy(
        task_queue=WORKFLOWS,
        start_to_close_timeout=timedelta(minutes=2),
        heartbeat_timeout=SILENCE,
        retry_policy=PATIENT,
    )
