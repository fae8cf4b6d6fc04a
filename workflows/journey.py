"""How any workflow walks its lifecycle: `take()` moves, `recorded()` waits until the database knows, `tell()` mails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.journal import JournalActivities
    from activities.notices import NoticeActivities
    from models.domain.contracts import EXCHANGE, NoticeRequest, Transition
    from models.domain.errors import ExchangeError, NotAllowed
    from models.domain.lifecycle import Lifecycle
from workflows import policies

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)
Choice = TypeVar("Choice")
Answer = TypeVar("Answer")

UNWRITABLE = timedelta(minutes=10)
"""Steps that the database refuses are offered again after this long: nothing goes on before it is written."""

GOING_OUT = timedelta(seconds=10)
"""How long mails that are going out as a history ends are waited for, so that none goes out twice."""


class Journey(Generic[State, Event]):
    """One walk through one lifecycle. Steps are written in order, each once, by an ordinary activity.

    What was taken since the last write goes into the next one together: each activity adds six events to the history.
    `untold` are the mails that an earlier history has left, and afterwards those that this one leaves.
    """

    def __init__(
        self,
        lifecycle: Lifecycle[State, Event],
        subject_id: str,
        state: str = "",
        untold: tuple[NoticeRequest, ...] = (),
    ) -> None:
        self.lifecycle = lifecycle
        self.subject_id = subject_id
        self.state: State = type(lifecycle.initial)(state) if state else lifecycle.initial
        self._taken: list[Transition] = []
        self._written = 0
        self.untold = untold
        self._notices: list[tuple[NoticeRequest, asyncio.Task[None]]] = []

    @property
    def ended(self) -> bool:
        return self.state in self.lifecycle.terminal

    def check(self, event: Event, seen: str = "") -> None:
        """NotAllowed, saying what happened instead, when `event` is not possible now.

        Nor when a person decided for it in view of another state: `seen`, if it is said.
        """
        try:
            if seen not in ("", self.state.value):
                raise NotAllowed(
                    f"This {self.lifecycle.name} is {in_words(self.state)} by now. Reload the page to see why."
                )
            self.lifecycle.after(self.state, event)
        except NotAllowed as refusal:
            if not self._taken:
                raise
            step = self._made_too_late(event, seen)
            who = "the exchange" if step.actor == EXCHANGE else step.actor
            moved, state = in_words(step.event), in_words(self.state)
            raise NotAllowed(
                f"Too late: it was {moved} by {who} at {step.at:%H:%M} UTC and is now {state}."
            ) from refusal

    def _made_too_late(self, event: Event, seen: str) -> Transition:
        """The step that left the state in which `event` was still possible; else the latest one, a person's if any."""
        in_time = {seen} if seen else {state.value for state, possible in self.lifecycle.table if possible == event}
        latest = tuple(reversed(self._taken))
        left = (step for step in latest if step.before in in_time and step.after not in in_time)
        by_a_person = (step for step in latest if step.actor != EXCHANGE)
        return next(left, None) or next(by_a_person, latest[0])

    def may(self, event: Event, seen: str = "") -> None:
        """`check` for who asks from outside: an ApplicationError with the sentence when `event` is not possible."""
        try:
            self.check(event, seen)
        except NotAllowed as no:
            raise refusal(no) from no

    def take(
        self, event: Event, actor: str = EXCHANGE, detail: str = "", content_id: str = "", other_id: str = ""
    ) -> State:
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
                other_id=other_id,
            )
        )
        return self.state

    async def recorded(self) -> None:
        """Everything taken by now, while waiting too, is in the database. To be awaited before any outward effect."""
        await workflow.wait_condition(lambda: self._written == len(self._taken))

    def tell(self, kind: str, detail: str = "", *, each_time: bool = False, once_for: str = "") -> None:
        """Mail the people concerned once what happened is recorded, once for each subject, for what it is
        `once_for`, or `each_time`.

        Nothing waits for it but the end of the workflow: a mail host that is away delays no study. Where a new history
        follows, it tells what is `untold`.
        """
        key = f"{kind}:{self.subject_id}"
        if once_for:
            key = f"{key}:{once_for}"
        elif each_time:
            key = f"{key}:{workflow.info().run_id}:{len(self._notices)}"
        self._tell(NoticeRequest(key, kind, self.subject_id, detail))

    def _tell(self, request: NoticeRequest) -> None:
        self._notices.append((request, asyncio.create_task(self._mail(request))))

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[None]:
        """Writes steps while the block runs; leaves when all handlers are done and all is written, at the end all told.

        All at the same moment: a decision that comes while the last mail goes out is written, too.
        """
        writer = asyncio.create_task(self._write())
        for request in self.untold:
            self._tell(request)
        try:
            yield
            if self.ended:
                await workflow.wait_condition(lambda: self._settled() and self._all_told())
            else:
                await self._told_by_now()
                await workflow.wait_condition(self._settled)
            self.untold = tuple(request for request, mail in self._notices if not mail.done())
        finally:
            for beside in (writer, *(mail for _, mail in self._notices)):
                beside.cancel()

    def _settled(self) -> bool:
        return workflow.all_handlers_finished() and self._written == len(self._taken)

    def _all_told(self) -> bool:
        return all(mail.done() for _, mail in self._notices)

    async def _told_by_now(self) -> None:
        if not self._all_told():
            with suppress(TimeoutError):
                await workflow.wait_condition(self._all_told, timeout=GOING_OUT)

    async def _write(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._written < len(self._taken))
            steps = tuple(self._taken[self._written :])
            try:
                await workflow.execute_activity_method(JournalActivities.record, steps, **policies.DATABASE)
                self._written += len(steps)
            except ActivityError as failure:
                if is_cancelled_exception(failure):
                    raise
                workflow.logger.error("steps cannot be written: %s", sentence_of(failure))
                await workflow.sleep(UNWRITABLE)

    async def _mail(self, request: NoticeRequest) -> None:
        await self.recorded()
        try:
            await workflow.execute_activity_method(NoticeActivities.tell, request, **policies.MAIL)
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                raise
            workflow.logger.error("a mail (%s) cannot be sent: %s", request.kind, sentence_of(failure))


def in_words(code: str) -> str:
    return code.replace("-", " ")


def refusal(error: ExchangeError) -> ApplicationError:
    """A refusal as it crosses the border: its sentence, never tried again."""
    return ApplicationError(str(error), type=type(error).__name__, non_retryable=True)


async def answer_of(question: Callable[[Any, Choice], Answer], choice: Choice) -> Answer:
    """What the database says to a person's choice; an ApplicationError with its sentence when it cannot be."""
    try:
        return await workflow.execute_activity_method(question, choice, **policies.DATABASE)
    except ActivityError as failure:
        raise ApplicationError(sentence_of(failure), type="NotAllowed", non_retryable=True) from failure


def sentence_of(failure: ActivityError) -> str:
    """Why an activity failed for good, in its own words; after a timeout, in those of its last attempt."""
    cause: BaseException | None = failure.cause
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__
    return cause.message if cause is not None else "There was no answer in time."
