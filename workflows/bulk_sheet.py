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
    def __init__(self) -> None:
        self.more = False

    @workflow.run
    async def run(self, start: SheetStart) -> None:
        while await self._rows_left(start.sheet_id):
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(start)

    @workflow.signal
    def rows_sent(self) -> None:
        """The sheet was sent, or rows of it again: also where it was just about to end."""
        self.more = True

    async def _rows_left(self, sheet_id: str) -> bool:
        self.more = False
        left = await workflow.execute_activity_method(BulkActivities.place_rows, sheet_id, **policies.PLACING_ROWS)
        return self.more or left > 0
