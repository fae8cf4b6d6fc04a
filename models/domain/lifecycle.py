"""A lifecycle is data: a table of (state, event) -> state that workflow, tables, pages and documents all read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Generic, TypeVar

from models.domain.errors import NotAllowed

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


@dataclass(frozen=True)
class Meaning:
    """Who may cause an event, and what follows from it: for people, on pages and in `docs/states.md`."""

    who: str
    effect: str


@dataclass(frozen=True)
class Lifecycle(Generic[State, Event]):
    """The states of one kind of thing, and the only ways between them.

    `patience` says how long a state may last before something happens by itself; a state in `parked` has no such
    limit: it waits for a person.
    """

    name: str
    initial: State
    table: Mapping[tuple[State, Event], State]
    meanings: Mapping[Event, Meaning]
    patience: Mapping[State, timedelta]
    parked: frozenset[State]

    def after(self, state: State, event: Event) -> State:
        """The state that follows; NotAllowed when there is no such step."""
        try:
            return self.table[state, event]
        except KeyError:
            words = f"This {self.name} is {state.value}; it cannot be {event.value} now. Reload the page to see why."
            raise NotAllowed(words) from None

    def events_from(self, state: State) -> tuple[Event, ...]:
        return tuple(event for at, event in self.table if at == state)

    @cached_property
    def states(self) -> tuple[State, ...]:
        return tuple(type(self.initial))

    @cached_property
    def unfinished(self) -> tuple[State, ...]:
        return tuple(state for state in self.states if state not in self.terminal)

    @cached_property
    def terminal(self) -> frozenset[State]:
        return frozenset(self.states) - {state for state, _ in self.table}
