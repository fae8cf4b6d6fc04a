"""Transfer: studies of an Institution's own PACS, until each is where the destination works.

Its PACS lists the images, sends them as often as it takes, and is not believed: what has come stands in the database.
Each study goes on by itself as soon as it is complete, as an arrival and a delivery of its own; signals only say that
it is worth looking how these have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType, ActivityHandle

with workflow.unsafe.imports_passed_through():
    from activities.retrieval import RetrievalActivities
    from activities.transfers import TransferActivities
    from models.domain.contracts import Decision
    from models.domain.errors import ExchangeError
    from models.domain.lifecycles.transfer import TRANSFER, Event, State
    from models.domain.transfer_contracts import TransferProgress, TransferStart
from workflows import policies
from workflows.journey import Journey, sentence_of

PATIENCE = TRANSFER.patience
LOOK_AGAIN = timedelta(hours=6)
"""Unasked, at deliveries that are under way: word of their ends may be lost, nothing else."""


@workflow.defn(failure_exception_types=[ExchangeError])
class Transfer:
    @workflow.init
    def __init__(self, start: TransferStart) -> None:
        self.journey = Journey(TRANSFER, start.transfer_id, start.state, start.untold)
        self.start = start
        self.underway: ActivityHandle[Any] | None = None
        # Whatever may have happened before this run began.
        self.moved = bool(start.state)

    @workflow.run
    async def run(self, start: TransferStart) -> str:
        async with self.journey.journal():
            while not (self.journey.ended or workflow.info().is_continue_as_new_suggested()):
                match self.journey.state:
                    case State.PLACED:
                        await self._within_patience(self._list)
                    case State.RETRIEVING:
                        await self._within_patience(self._retrieve)
                    case _:
                        await self._follow()
            ended = self.journey.ended
        if not ended:
            workflow.continue_as_new(replace(start, state=self.journey.state.value, untold=self.journey.untold))
        return self.journey.state.value

    @workflow.query
    def state(self) -> str:
        return self.journey.state.value

    @workflow.update
    async def retry(self, decision: Decision) -> str:
        """Fetch again what is missing, or what did not get to the destination."""
        return await self._decided(Event.RETRIED, decision)

    @retry.validator
    def _may_retry(self, decision: Decision) -> None:
        self.journey.may(Event.RETRIED, decision.seen)

    @workflow.update
    async def withdraw(self, decision: Decision) -> str:
        """Fetch nothing more."""
        return await self._decided(Event.WITHDRAWN, decision)

    @withdraw.validator
    def _may_withdraw(self, decision: Decision) -> None:
        # Fetching may begin or stop by itself: whoever withdraws wants so a moment later, too.
        self.journey.may(Event.WITHDRAWN)

    @workflow.signal
    def delivery_moved(self) -> None:
        """A delivery of one of its studies has ended, or what was missing has come."""
        self.moved = True

    async def _decided(self, event: Event, decision: Decision) -> str:
        self.journey.may(event, "" if event is Event.WITHDRAWN else decision.seen)
        after = self.journey.take(event, decision.actor, content_id=decision.content_id)
        if self.underway is not None:
            self.underway.cancel()
            self.underway = None
        await self.journey.recorded()
        return after.value

    async def _within_patience(self, act: Any) -> None:
        slow = asyncio.create_task(self._tell_if_slow(PATIENCE[self.journey.state]))
        try:
            await self.journey.recorded()
            await act()
        finally:
            slow.cancel()

    async def _tell_if_slow(self, patience: timedelta) -> None:
        await workflow.sleep(patience)
        self.journey.tell("transfer-slow")

    async def _list(self) -> None:
        if self.journey.state is not State.PLACED:
            return
        listing = workflow.start_activity_method(
            TransferActivities.list_at_source,
            self.start.transfer_id,
            cancellation_type=ActivityCancellationType.TRY_CANCEL,
            **policies.asking(self.start.urgency),
        )
        if await self._done(listing):
            self.journey.take(Event.LISTED)

    async def _retrieve(self) -> None:
        """Rounds, until all is here or nothing comes any more."""
        came, waits = 0, policies.between_rounds()
        while self.journey.state is State.RETRIEVING and not workflow.info().is_continue_as_new_suggested():
            fetching = workflow.start_activity_method(
                RetrievalActivities.retrieve,
                self.start.transfer_id,
                cancellation_type=ActivityCancellationType.TRY_CANCEL,
                **policies.sending(self.start.urgency),
            )
            report = await self._done(fetching)
            if report is None:
                return
            if report.complete:
                self.journey.take(Event.RETRIEVED)
                # Of what ends from now on there will be word.
                self.moved = self.moved or report.moved
                return
            wait = next(waits, None) if report.here <= came else timedelta(0)
            if report.refused or wait is None:
                self._park(report.sentence)
            elif wait:
                await self._pause(wait)
            else:
                came, waits = report.here, policies.between_rounds()

    async def _done(self, act: ActivityHandle[Any]) -> Any:
        """What it reports (True for nothing); None where a person has decided meanwhile, or it was parked."""
        self.underway = act
        try:
            report = await act
        except ActivityError as failure:
            if is_cancelled_exception(failure) and self.underway is act:
                raise
            if self.underway is act:
                self.underway = None
                self._park(sentence_of(failure))
            return None
        if self.underway is not act:
            return None
        self.underway = None
        return True if report is None else report

    async def _pause(self, wait: timedelta) -> None:
        at = self.journey.state
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self.journey.state is not at, timeout=wait)

    async def _follow(self) -> None:
        """Wait for the ends of deliveries and, where it has stopped, for a person or for what was missing."""
        at = self.journey.state
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self.moved or self.journey.state is not at, timeout=LOOK_AGAIN)
        self.moved = False
        await self.journey.recorded()
        if self.journey.state is not at:
            return
        progress = await workflow.execute_activity_method(
            TransferActivities.progress, self.start.transfer_id, **policies.DATABASE
        )
        if self.journey.state is at:
            self._move_on(progress)

    def _move_on(self, progress: TransferProgress) -> None:
        if self.journey.state is State.NEEDS_ATTENTION:
            if progress.complete and not progress.failed:
                self.journey.take(Event.REOPENED)
        elif progress.failed:
            self._park(progress.sentence)
        elif progress.delivered == progress.studies:
            self.journey.take(Event.FULFILLED)
            self.journey.tell("transfer-fulfilled")

    def _park(self, detail: str) -> None:
        self.journey.take(Event.PARKED, detail=detail)
        self.journey.tell("transfer-parked", detail, each_time=True)
