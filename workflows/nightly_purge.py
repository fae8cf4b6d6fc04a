"""NightlyPurge: begun by the engine's own schedule; what one night could not do, the next does."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.purging import PurgeActivities
from workflows import policies
from workflows.journey import sentence_of


@workflow.defn
class NightlyPurge:
    @workflow.run
    async def run(self, days: float) -> int:
        """How many images were removed; 0 where it could not be brought to its end this night."""
        try:
            return await workflow.execute_activity_method(PurgeActivities.purge, days, **policies.PURGING)
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                raise
            workflow.logger.error("the purge came to no end: %s", sentence_of(failure))
            return 0
