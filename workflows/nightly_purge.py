"""NightlyPurge: begun by the engine's own schedule; what one night could not do, the next does."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.purging import PurgeActivities
from workflows import policies


@workflow.defn
class NightlyPurge:
    @workflow.run
    async def run(self, days: float) -> int:
        """How many images were removed. It fails, for support to see, where that came to no end in a night."""
        return await workflow.execute_activity_method(PurgeActivities.purge, days, **policies.PURGING)
