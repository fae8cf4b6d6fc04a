"""What the exchange does by itself once a night, by a schedule that the engine keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import time, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from workflows.nightly_purge import NightlyPurge
from workflows.policies import WORKFLOWS

PURGE = "purge"
LATE = timedelta(hours=6)
"""An engine that was away at the time begins when it is back, unless that is later still."""


@dataclass(frozen=True)
class Nightly:
    """At `at` (UTC) the images of studies confirmed more than `days` ago are removed; with 0 days only by a person."""

    at: time
    days: float

    async def arrange(self, client: Client) -> None:
        """Tell the engine. Said again nothing is doubled; what a person has paused there stays paused."""
        handle = client.get_schedule_handle(PURGE)
        if not self.days:
            try:
                await handle.delete()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            return
        try:
            await client.create_schedule(PURGE, self._schedule)
        except ScheduleAlreadyRunningError:
            await handle.update(self._again)

    def _again(self, known: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(replace(self._schedule, state=known.description.schedule.state))

    @property
    def _schedule(self) -> Schedule:
        at = ScheduleCalendarSpec(hour=[ScheduleRange(self.at.hour)], minute=[ScheduleRange(self.at.minute)])
        return Schedule(
            action=ScheduleActionStartWorkflow(NightlyPurge.run, self.days, id=PURGE, task_queue=WORKFLOWS),
            spec=ScheduleSpec(calendars=[at]),
            policy=SchedulePolicy(catchup_window=LATE),
        )
