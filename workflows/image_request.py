"""ImageRequest: one Institution asks another for studies, until what came is where the requester works.

People of both sides move it by updates; a study that arrived is offered by a signal, and told whether it was taken.
What followed from that (how many studies are still wanted, how their deliveries ended) stands in the database: signals
only say that it is worth looking. A history that grows long goes on in a new one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.requests import RequestActivities
    from models.domain.contracts import Decision
    from models.domain.errors import ExchangeError, NotAllowed
    from models.domain.lifecycles.request import OPEN, REQUEST, Event, State
    from models.domain.request_contracts import (
        MatchAnswer,
        Recognition,
        ReminderDue,
        RequestOutlook,
        RequestProgress,
        RequestStart,
        StudyMatched,
    )
from workflows import policies
from workflows.journey import Journey, answer_of

LOOK_AGAIN = timedelta(hours=6)
"""Unasked, at deliveries that are under way: word of their ends may be lost, nothing else."""
NOT_IN_TIME = "Not sent in time."
NONE_OF_THEM = "Each study or report has its own reason."


@workflow.defn(failure_exception_types=[ExchangeError])
class ImageRequest:
    @workflow.init
    def __init__(self, start: RequestStart) -> None:
        self.journey = Journey(REQUEST, start.request_id, start.state, start.untold)
        self.request_id = start.request_id
        self.taken: set[str] = set()
        self.looking = False
        # Whatever may have happened before this run began.
        self.moved = bool(start.state)

    @workflow.run
    async def run(self, start: RequestStart) -> str:
        async with self.journey.journal():
            while not (self.journey.ended or workflow.info().is_continue_as_new_suggested()):
                match self.journey.state:
                    case State.PLACED:
                        self.journey.take(Event.TOLD)
                        self.journey.tell("request-placed")
                    case State.ANSWERED:
                        await self._follow_deliveries()
                    case _:
                        await self._wait_for_people()
            ended = self.journey.ended
        if not ended:
            workflow.continue_as_new(replace(start, state=self.journey.state.value, untold=self.journey.untold))
        return self.journey.state.value

    @workflow.query
    def state(self) -> str:
        return self.journey.state.value

    @workflow.update
    async def accept(self, decision: Decision) -> str:
        """The source's person will send it."""
        return await self._decided(Event.ACCEPTED, decision, "request-accepted")

    @accept.validator
    def _may_accept(self, decision: Decision) -> None:
        self.journey.may(Event.ACCEPTED, decision.seen)

    @workflow.update
    async def ask_back(self, decision: Decision) -> str:
        """The source's person asks the requester a question."""
        return await self._decided(Event.ASKED_BACK, decision, "request-asked-back")

    @ask_back.validator
    def _may_ask_back(self, decision: Decision) -> None:
        self.journey.may(Event.ASKED_BACK, decision.seen)

    @workflow.update
    async def reply(self, decision: Decision) -> str:
        """The requester answers the question."""
        return await self._decided(Event.REPLIED, decision, "request-replied")

    @reply.validator
    def _may_reply(self, decision: Decision) -> None:
        self.journey.may(Event.REPLIED, decision.seen)

    @workflow.update
    async def decline(self, decision: Decision) -> str:
        """The source's person sends nothing; if something came already, nothing more."""
        progress = await self._progress()
        event = Event.DECLINED_IN_PART if progress.answered else Event.DECLINED
        return await self._decided(event, decision, "request-declined")

    @decline.validator
    def _may_decline(self, decision: Decision) -> None:
        self.journey.may(Event.DECLINED, decision.seen)

    @workflow.update
    async def decline_study(self, decision: Decision) -> str:
        """The source's person does not send one of the studies; which one is in the database."""
        await answer_of(RequestActivities.must_be_wanted, Recognition(self.request_id, decision.content_id))
        return await self._decided(Event.DECLINED_IN_PART, decision, "request-declined")

    @decline_study.validator
    def _may_decline_study(self, decision: Decision) -> None:
        self.journey.may(Event.DECLINED_IN_PART, decision.seen)

    @workflow.update
    async def withdraw(self, decision: Decision) -> str:
        """The requester does not need it any more."""
        return await self._decided(Event.WITHDRAWN, decision, "request-withdrawn")

    @withdraw.validator
    def _may_withdraw(self, decision: Decision) -> None:
        self.journey.may(Event.WITHDRAWN, decision.seen)

    @workflow.update
    async def match(self, decision: Decision) -> str:
        """A person of either side says that a study which goes to the requester anyhow is what was asked for."""
        arrival_id = await answer_of(RequestActivities.recognised, Recognition(self.request_id, decision.content_id))
        self.journey.may(Event.MATCHED)
        self._take(StudyMatched(arrival_id, decision.actor, content_id=decision.content_id))
        await self.journey.recorded()
        return self.journey.state.value

    @match.validator
    def _may_match(self, decision: Decision) -> None:
        self.journey.may(Event.MATCHED)

    @workflow.signal
    async def study_matched(self, matched: StudyMatched) -> None:
        """A study that arrived seems to answer; it goes nowhere on the request's account before it is told."""
        await workflow.wait_condition(lambda: self.journey.state is not State.PLACED)
        try:
            self._take(matched)
            answer = MatchAnswer(self.request_id, True)
        except NotAllowed as too_late:
            answer = MatchAnswer(self.request_id, False, str(too_late))
        await self.journey.recorded()
        arrival = workflow.get_external_workflow_handle(f"arrival-{matched.arrival_id}")
        try:
            # By its name: StudyArrival signals this workflow, and each cannot import the other.
            await arrival.signal("match_answered", answer)
        except ApplicationError:
            workflow.logger.info("arrival %s does not wait any more", matched.arrival_id)

    @workflow.signal
    def delivery_moved(self) -> None:
        """A delivery of something that came has ended."""
        self.moved = True

    def _take(self, matched: StudyMatched) -> None:
        # Offered again it is the same answer; but a person may say of what was of no use before which study it is.
        if matched.arrival_id in self.taken and not matched.content_id:
            return
        self.journey.take(Event.MATCHED, matched.actor, matched.detail, matched.content_id, other_id=matched.arrival_id)
        self.taken.add(matched.arrival_id)
        self.moved = True

    async def _decided(self, event: Event, decision: Decision, kind: str) -> str:
        # What has come comes first: a request that is answered by it is not withdrawn in the same moment.
        await workflow.wait_condition(self._is_settled)
        # The first of two moves here, before anything is awaited; the second is told who was first.
        self.journey.may(event, decision.seen)
        if event is Event.DECLINED and self.taken:
            event = Event.DECLINED_IN_PART
        after = self.journey.take(event, decision.actor, content_id=decision.content_id)
        self.moved = self.moved or event is Event.DECLINED_IN_PART
        self.journey.tell(kind, each_time=True)
        await self.journey.recorded()
        return after.value

    def _is_settled(self) -> bool:
        going = self.journey.ended or workflow.info().is_continue_as_new_suggested()
        return going or not (self.moved or self.looking)

    async def _wait_for_people(self) -> None:
        """Remind until somebody moves, something comes, or it expires."""
        at = self.journey.state
        await self.journey.recorded()
        if self.moved:
            await self._look()
            return
        outlook = await workflow.execute_activity_method(
            RequestActivities.outlook, self.request_id, **policies.DATABASE
        )
        while self.journey.state is at and not workflow.info().is_continue_as_new_suggested():
            due = min(outlook.expires_at, outlook.remind_at or outlook.expires_at)
            if await self._moves_within(due - workflow.now()):
                return
            if workflow.now() >= outlook.expires_at:
                await self._expire()
                return
            outlook = await self._remind(outlook)

    async def _moves_within(self, wait: timedelta) -> bool:
        at = self.journey.state
        try:
            await workflow.wait_condition(
                lambda: self.moved or self.journey.state is not at, timeout=max(wait, timedelta(0))
            )
        except TimeoutError:
            return False
        return True

    async def _remind(self, outlook: RequestOutlook) -> RequestOutlook:
        """Bring it up with whose move it is; a source that stays silent is told of to the requester, too."""
        if self.journey.state is State.AWAITING_REQUESTER:
            self.journey.tell("request-reply-reminder", each_time=True)
        else:
            self.journey.tell("request-reminder", each_time=True)
            if outlook.remind_requester:
                self.journey.tell("request-unanswered", each_time=True)
        due = ReminderDue(self.request_id, outlook.remind_at or outlook.expires_at)
        return await workflow.execute_activity_method(RequestActivities.reminded, due, **policies.DATABASE)

    async def _expire(self) -> None:
        """Where something came the request ends with that; else nothing was sent in time."""
        at, self.moved = self.journey.state, False
        progress = await self._progress()
        if self.moved or self.journey.state is not at:
            return
        if progress.answered:
            self.journey.take(Event.DECLINED_IN_PART, detail=NOT_IN_TIME)
            self.moved = True
        else:
            self.journey.take(Event.EXPIRED)
        self.journey.tell("request-expired", each_time=True)

    async def _follow_deliveries(self) -> None:
        if self.moved or not await self._moves_within(LOOK_AGAIN):
            await self._look()

    async def _look(self) -> None:
        """Move by what the database says has come and been delivered, unless something moves meanwhile."""
        self.moved, self.looking = False, True
        try:
            await self.journey.recorded()
            progress = await self._progress()
            if not self.moved:
                self._move_on(progress)
        finally:
            self.looking = False

    def _move_on(self, progress: RequestProgress) -> None:
        if progress.failed and not self.journey.ended:
            self.journey.take(Event.REOPENED)
            self.journey.tell("request-reopened", each_time=True)
            self.taken.clear()
            return
        # A question may have been asked in between: what was asked for has come all the same.
        if self.journey.state in OPEN and not progress.wanted:
            self._close(progress)
        if self.journey.state is State.ANSWERED and progress.delivered == progress.answered:
            self.journey.take(Event.FULFILLED)
            self.journey.tell("request-fulfilled")

    def _close(self, progress: RequestProgress) -> None:
        if not progress.answered:
            self.journey.take(Event.DECLINED, detail=NONE_OF_THEM)
            return
        self.journey.take(Event.ANSWERED)
        self.journey.tell("request-answered", each_time=True)

    async def _progress(self) -> RequestProgress:
        return await workflow.execute_activity_method(RequestActivities.progress, self.request_id, **policies.DATABASE)
