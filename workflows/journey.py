"""How any workflow walks its lifecycle: `take()` moves, `recorded()` waits until the database knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.journal import JournalActivities
    from models.domain.contracts import EXCHANGE, Transition
    from models.domain.errors import ExchangeError, NotAllowed
    from models.domain.lifecycle import Lifecycle
from workflows import policies

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class Journey(Generic[State, Event]):
    """One walk through one lifecycle. Steps are written in order, each once, by an ordinary activity."""

    def __init__(self, lifecycle: Lifecycle[State, Event], subject_id: str, state: str = "") -> None:
        self.lifecycle = lifecycle
        self.subject_id = subject_id
        self.state: State = type(lifecycle.initial)(state) if state else lifecycle.initial
        self._taken: list[Transition] = []
        self._written = 0

    @property
    def ended(self) -> bool:
        return self.state in self.lifecycle.terminal

    @property
    def steps(self) -> int:
        """How many steps this run has taken: a key for what is told about the present one."""
        return len(self._taken)

    def check(self, event: Event) -> None:
        """NotAllowed, saying what happened instead, when `event` is not possible now."""
        try:
            self.lifecycle.after(self.state, event)
        except NotAllowed as refusal:
            if not self._taken:
                raise
            last = self._taken[-1]
            who = "the exchange" if last.actor == EXCHANGE else last.actor
            raise NotAllowed(
                f"Too late: it was {last.event} by {who} at {last.at:%H:%M} UTC and is now {self.state.value}."
            ) from refusal

    def take(self, event: Event, actor: str = EXCHANGE, detail: str = "", content_id: str = "") -> State:
        """Move by `event`. Never awaits, so that nothing can come between the check and the move.

        `content_id` names the command that holds what a person wrote; it never travels through the engine.
        """
        self.check(event)
        before, self.state = self.state, self.lifecycle.after(self.state, event)
        self._taken.append(
            Transition(
                lifecycle=self.lifecycle.name,
                subject_id=self.subject_id,
                run_id=workflow.info().run_id,
                sequence=len(self._taken),
                event=event.value,
                before=before.value,
                after=self.state.value,
                actor=actor,
                at=workflow.now(),
                detail=detail,
                content_id=content_id,
            )
        )
        return self.state

    async def recorded(self) -> None:
        """Everything taken so far is in the database. To be awaited before any outward effect."""
        due = len(self._taken)
        await workflow.wait_condition(lambda: self._written >= due)

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[None]:
        """Writes steps while the block runs; leaves only when all are written and all handlers are done."""
        writer = asyncio.create_task(self._write())
        try:
            yield
            await workflow.wait_condition(workflow.all_handlers_finished)
            await self.recorded()
        finally:
            writer.cancel()

    async def _write(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._written < len(self._taken))
            await workflow.execute_activity_method(
                JournalActivities.record, self._taken[self._written], **policies.DATABASE
            )
            self._written += 1


def refusal(error: ExchangeError) -> ApplicationError:
    """A refusal as it crosses the border: its sentence, never tried again."""
    return ApplicationError(str(error), type=type(error).__name__, non_retryable=True)
