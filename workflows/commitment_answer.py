"""CommitmentAnswer: one sender is told whether the exchange keeps the images that it named."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.commitment import CommitmentActivities
    from models.domain.commitment_contracts import Answer, AnswerRequest, CommitmentStart
    from models.domain.errors import ExchangeError
    from models.domain.lifecycles.commitment import COMMITMENT, Event
from workflows import policies
from workflows.journey import Journey, sentence_of

# Images may come after the request that names them: the sender is told of what lacks only after these many seconds.
LOOK_AGAIN = (10.0, 50.0, 240.0)
IN_VAIN = "It could not be told for a day."


@workflow.defn(failure_exception_types=[ExchangeError])
class CommitmentAnswer:
    @workflow.init
    def __init__(self, start: CommitmentStart) -> None:
        self.journey = Journey(COMMITMENT, start.request_id)
        self.request_id = start.request_id

    @workflow.run
    async def run(self, start: CommitmentStart) -> str:
        async with self.journey.journal():
            try:
                answer = await self._answer()
            except ActivityError as failure:
                if is_cancelled_exception(failure):
                    raise
                permanent = isinstance(failure.cause, ApplicationError) and failure.cause.non_retryable
                self.journey.take(Event.GIVEN_UP, detail=sentence_of(failure) if permanent else IN_VAIN)
            else:
                kept = answer.total - answer.failed
                self.journey.take(Event.ANSWERED, detail=f"{kept} of {answer.total} are kept.")
        return self.journey.state.value

    @workflow.query
    def state(self) -> str:
        return self.journey.state.value

    async def _answer(self) -> Answer:
        for wait in LOOK_AGAIN:
            answer = await self._told(AnswerRequest(self.request_id))
            if answer.said:
                return answer
            await workflow.sleep(timedelta(seconds=wait))
        return await self._told(AnswerRequest(self.request_id, in_any_case=True))

    async def _told(self, request: AnswerRequest) -> Answer:
        return await workflow.execute_activity_method(CommitmentActivities.answer, request, **policies.ANSWERING)
