"""BulkSheet: the rows of one sheet are placed a few at a time, behind everything else, until none is left.

Everything about a row stands in the database: a run that is killed, or started twice, goes on with what is left.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bulk import BulkActivities
    from models.domain.transfer_contracts import SheetStart
from workflows import policies


@workflow.defn
class BulkSheet:
    @workflow.run
    async def run(self, start: SheetStart) -> None:
        while await workflow.execute_activity_method(
            BulkActivities.place_rows, start.sheet_id, **policies.PLACING_ROWS
        ):
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(start)
