"""What the engine tells the support desk: which workflows are in trouble, and what happened to one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Trouble(StrEnum):
    FAILED = "failed"
    TERMINATED = "terminated"
    TIMED_OUT = "timed-out"
    TASKS_FAIL = "tasks-fail"


@dataclass(frozen=True)
class Troubled:
    workflow_id: str
    trouble: Trouble
    since: datetime


@dataclass(frozen=True)
class Happening:
    """One line of a workflow's history. `is_fault`: somebody who looks for what went wrong looks here first."""

    at: datetime
    words: str
    is_fault: bool = False
