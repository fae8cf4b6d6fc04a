"""Telling: one mail that belongs to no step of any lifecycle, sent however long the mail host is away."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.notices import NoticeActivities
    from models.domain.contracts import NoticeRequest
from workflows import policies
from workflows.journey import sentence_of


@workflow.defn
class Telling:
    @workflow.run
    async def run(self, request: NoticeRequest) -> int:
        """How many mails went out; 0 where the mail host refuses the address for good, which the notice shows."""
        try:
            return await workflow.execute_activity_method(NoticeActivities.tell, request, **policies.MAIL)
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                raise
            workflow.logger.error("a mail (%s) cannot be sent: %s", request.kind, sentence_of(failure))
            return 0
