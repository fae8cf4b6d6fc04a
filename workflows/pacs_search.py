"""PacsSearch: an Institution's own PACS is asked once, and what it answers lies in the database."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.pacs_search import PacsSearchActivities
    from models.domain.transfer_contracts import SearchStart
from workflows import policies


@workflow.defn
class PacsSearch:
    @workflow.run
    async def run(self, start: SearchStart) -> str:
        """How the search stands at the end; what was found crosses no border."""
        return await workflow.execute_activity_method(PacsSearchActivities.search, start, **policies.SEARCHING)
