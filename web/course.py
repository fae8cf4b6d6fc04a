"""The way that something has come through its lifecycle, and the states that it may come to next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.domain.lifecycle import Lifecycle
from models.queries.steps import Step

MOST = 8
"""States that are shown of a long way: the log below the picture has every step."""


@dataclass(frozen=True)
class Stage:
    """A state and since when; None where that is not known."""

    state: str
    since: datetime | None = None


@dataclass(frozen=True)
class Course:
    """`way` ends with the present state; `earlier` states before it are left out."""

    way: tuple[Stage, ...]
    earlier: int
    next: tuple[str, ...]


def course(
    lifecycle: Lifecycle[Any, Any],
    state: str,
    steps: Iterable[Step],
    *,
    began: datetime | None = None,
    most: int = MOST,
) -> Course:
    """How it came to be in `state` by the latest of `steps` (the newest last), and what the table lets follow."""
    way: list[Stage] = []
    here = state
    # Backwards: of several deliveries in one transaction only the steps that lead here are its way.
    for step in reversed([one for one in steps if one.lifecycle == lifecycle.name]):
        if step.after == here and step.before != here:
            way.insert(0, Stage(here, step.at))
            here = step.before
    way.insert(0, Stage(here, began if here == lifecycle.initial else None))
    present = next(one for one in lifecycle.states if one.value == state)
    after = dict.fromkeys(lifecycle.table[present, event].value for event in lifecycle.events_from(present))
    return Course(tuple(way[-most:]), max(0, len(way) - most), tuple(one for one in after if one != state))
