"""StudyArrival: one study from one sender, from its first image to its route.

It waits for the end of the study. The database is the truth about what has arrived and whether that is all; signals
only say that it is worth looking.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from activities.arrivals import ArrivalActivities
    from activities.dicom import DicomActivities
    from activities.requests import RequestActivities
    from models.domain.arrival_contracts import WhereItGoes
    from models.domain.contracts import (
        EXCHANGE,
        ArrivalOutlook,
        ArrivalStart,
        Decision,
        DeliveryStart,
        RouteRequest,
        RouteVerdict,
        Sealed,
        SealRequest,
        StudyGrew,
    )
    from models.domain.errors import ExchangeError
    from models.domain.lifecycles.arrival import ARRIVAL, Event, State
    from models.domain.request_contracts import Answered, MatchAnswer, MatchChoice, StudyMatched
from workflows import policies
from workflows.deliveries_of_arrival import begin, raise_urgency, withdraw
from workflows.image_request import ImageRequest
from workflows.journey import Journey, answer_of

# How long a request may take to say whether it takes the study; then the study goes on without it.
ANSWERS_WITHIN = timedelta(minutes=5)
THE_EXCHANGE = Decision(EXCHANGE)
NOT_TAKEN = "The request that it fits has ended meanwhile or does not answer; match it by hand or ring the requester."


@workflow.defn(failure_exception_types=[ExchangeError])
class StudyArrival:
    @workflow.init
    def __init__(self, start: ArrivalStart) -> None:
        self.journey = Journey(ARRIVAL, start.arrival_id, start.state)
        self.arrival_id = start.arrival_id
        self.generation = 0
        self.outlook: ArrivalOutlook | None = None
        self.choosing = asyncio.Lock()
        self.answers: dict[str, MatchAnswer] = {}
        # Where it is held as this run begins, an answer may have come before.
        self.answered_late = self.journey.state is State.HELD

    @workflow.run
    async def run(self, start: ArrivalStart) -> str:
        async with self.journey.journal():
            while not self.journey.ended:
                match self.journey.state:
                    case State.RECEIVING | State.FORWARDING:
                        await self._receive()
                    case State.SETTLED:
                        await self._route(Event.HELD)
                    case State.HELD:
                        await workflow.wait_condition(
                            lambda: self.journey.state is not State.HELD or self.answered_late
                        )
                        if self.answered_late:
                            await self._match_late()
        return self.journey.state.value

    @workflow.signal
    def study_grew(self, grew: StudyGrew) -> None:
        """Ingest has made more of the study durable, or one of its senders has ended its association."""
        self.generation = max(self.generation, grew.generation)

    @workflow.signal
    def match_answered(self, answer: MatchAnswer) -> None:
        """A request to which the study was offered has taken it, or says why not."""
        self.answers[answer.request_id] = answer
        # Whoever waits for it now takes it; where nobody does, or goes another way, it is looked at while held.
        self.answered_late = self.answered_late or answer.accepted

    @workflow.query
    def state(self) -> str:
        return self.journey.state.value

    @workflow.update
    async def assign(self, decision: Decision) -> str:
        """A person chose the worklist; the choice itself is in the database under `content_id`."""
        async with self.choosing:
            self.journey.may(Event.ASSIGNED)
            verdict = await self._chosen(decision)
            self.journey.may(Event.ASSIGNED)
            after = self.journey.take(Event.ASSIGNED, decision.actor, verdict.detail, decision.content_id)
            await self.journey.recorded()
            await self._deliver(DeliveryStart(verdict.delivery_id, verdict.urgency))
            await self._withdraw_others(decision.actor, verdict.delivery_id)
        return after.value

    @assign.validator
    def _may_assign(self, decision: Decision) -> None:
        self.journey.may(Event.ASSIGNED)

    @workflow.update
    async def match(self, decision: Decision) -> str:
        """A person says which request it answers; which one is in the database under `content_id`."""
        async with self.choosing:
            self.journey.may(Event.MATCHED)
            answered = await self._matched_by(decision)
            self.journey.may(Event.MATCHED)
            return await self._goes_to(answered, decision)

    @match.validator
    def _may_match(self, decision: Decision) -> None:
        # Before that the exchange itself asks the requests.
        self.journey.may(Event.MATCHED, State.HELD)

    @workflow.update
    async def refuse(self, decision: Decision) -> str:
        """A person says that the study goes nowhere."""
        async with self.choosing:
            self.journey.may(Event.REFUSED)
            after = self.journey.take(Event.REFUSED, decision.actor, content_id=decision.content_id)
            await self.journey.recorded()
            await self._withdraw_others(decision.actor)
        return after.value

    @refuse.validator
    def _may_refuse(self, decision: Decision) -> None:
        self.journey.may(Event.REFUSED)

    async def _receive(self) -> None:
        seen = self.generation
        if self.outlook is None:
            self.outlook = await workflow.execute_activity_method(
                ArrivalActivities.outlook, self.arrival_id, **policies.DATABASE
            )
            if self.outlook.warning:
                self.journey.tell("sender-changed", self.outlook.warning)
            if self.outlook.delivery_id and self.journey.state is State.RECEIVING:
                self.journey.take(Event.FORWARDED)
                await self.journey.recorded()
                await self._deliver(DeliveryStart(self.outlook.delivery_id, self.outlook.urgency))
        sealed = await self._until_complete(self.outlook, seen)
        if self.journey.state is State.RECEIVING:
            self.journey.take(Event.SETTLED, detail=sealed.basis)
        else:
            await self._route(Event.CONTRADICTED, sealed.basis, under_way=self.outlook.delivery_id)

    async def _until_complete(self, outlook: ArrivalOutlook, seen: int) -> Sealed:
        asked: int | None = None
        if outlook.wait_seconds > 0 and not await self._grew_within(outlook.wait_seconds, seen):
            asked = await self._ask_source(outlook)
        while True:
            # Also what is announced while the database is asked: it may answer too early to know.
            seen = self.generation
            sealed = await workflow.execute_activity_method(
                ArrivalActivities.seal, SealRequest(self.arrival_id, asked), **policies.DATABASE
            )
            if sealed.sealed:
                return sealed
            grew = await self._grew_within(sealed.wait_seconds, seen)
            asked = None if grew else await self._ask_source(outlook)

    async def _grew_within(self, wait: float, seen: int) -> bool:
        """Whether something newer than `seen` is announced before `wait` seconds of silence have passed."""
        try:
            await workflow.wait_condition(lambda: self.generation > seen, timeout=timedelta(seconds=wait))
        except TimeoutError:
            return False
        return True

    async def _ask_source(self, outlook: ArrivalOutlook) -> int:
        """How many images the source says the study has; 0 when it cannot be asked in time."""
        if not outlook.source_can_be_asked:
            return 0
        try:
            return await workflow.execute_activity_method(
                DicomActivities.count_at_source, self.arrival_id, **policies.asking_in_passing(outlook.urgency)
            )
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                raise
            return 0

    async def _route(self, otherwise: Event, basis: str = "", under_way: str = "") -> None:
        """By what the images name, and to those whose requests they answer; without either a person decides."""
        verdict = await workflow.execute_activity_method(
            ArrivalActivities.route, RouteRequest(self.arrival_id), **policies.DATABASE
        )
        answered = await self._offered(verdict.matches) if verdict.matches else Answered(verdict.late)
        if verdict.reason is not None and not answered.deliveries:
            self._hold(otherwise, f"{verdict.detail} {NOT_TAKEN}" if verdict.matches else verdict.detail)
            return
        detail = " ".join(filter(None, (basis or verdict.detail if verdict.reason is None else "", answered.detail)))
        self.journey.take(Event.MATCHED if answered.deliveries else Event.ROUTED, detail=detail)
        await self.journey.recorded()
        routed = (DeliveryStart(verdict.delivery_id, verdict.urgency),) if verdict.delivery_id else ()
        starts = {start.delivery_id: start for start in (*routed, *answered.deliveries)}
        for start in starts.values():
            await self._deliver(start, under_way)

    async def _offered(self, request_ids: tuple[str, ...], by: Decision = THE_EXCHANGE) -> Answered:
        """The deliveries to those who took the study. None of them moves before it has said so."""
        matched = StudyMatched(self.arrival_id, by.actor, content_id=by.content_id)
        for request_id in request_ids:
            self.answers.pop(request_id, None)
            handle = workflow.get_external_workflow_handle_for(ImageRequest.run, f"request-{request_id}")
            try:
                await handle.signal(ImageRequest.study_matched, matched)
            except ApplicationError:
                self.answers[request_id] = MatchAnswer(request_id, False, NOT_TAKEN)
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self.answers.keys() >= set(request_ids), timeout=ANSWERS_WITHIN)
        return await self._answered()

    async def _match_late(self) -> None:
        """A request took the study after it was no longer waited for: it goes there, unless a person was faster."""
        self.answered_late = False
        async with self.choosing:
            # Looking opens deliveries: none for what a person has refused or sent elsewhere meanwhile.
            if self.journey.state is State.HELD and (answered := await self._answered()).deliveries:
                await self._goes_to(answered, THE_EXCHANGE)

    async def _goes_to(self, answered: Answered, decision: Decision) -> str:
        """Out of being held, to those whose requests have taken it."""
        after = self.journey.take(Event.MATCHED, decision.actor, answered.detail, decision.content_id)
        await self.journey.recorded()
        for start in answered.deliveries:
            await self._deliver(start)
        await self._withdraw_others(decision.actor, *(start.delivery_id for start in answered.deliveries))
        return after.value

    async def _answered(self) -> Answered:
        return await workflow.execute_activity_method(RequestActivities.answer, self.arrival_id, **policies.DATABASE)

    async def _matched_by(self, decision: Decision) -> Answered:
        """What a person's choice of request leads to; an ApplicationError with a sentence when it cannot be."""
        choice = MatchChoice(self.arrival_id, decision.content_id)
        request_id = await answer_of(RequestActivities.chosen, choice)
        answered = await self._offered((request_id,), decision)
        if not answered.deliveries:
            said = self.answers.get(request_id, MatchAnswer(request_id, False, NOT_TAKEN))
            raise ApplicationError(said.sentence or NOT_TAKEN, type="NotAllowed", non_retryable=True)
        return answered

    async def _chosen(self, decision: Decision) -> RouteVerdict:
        """The route that a person chose; an ApplicationError with a sentence when it cannot be taken."""
        choice = RouteRequest(self.arrival_id, decision.content_id, decision.actor)
        verdict = await answer_of(ArrivalActivities.route, choice)
        if verdict.reason is not None:
            raise ApplicationError(verdict.detail, type="NotAllowed", non_retryable=True)
        return verdict

    async def _withdraw_others(self, actor: str, *delivery_ids: str) -> None:
        """A delivery that began early, to where the study does not go after all, ends; both its sides are told."""
        left_over = await workflow.execute_activity_method(
            ArrivalActivities.left_over, WhereItGoes(self.arrival_id, delivery_ids), **policies.DATABASE
        )
        for delivery_id in left_over:
            await withdraw(delivery_id, actor)

    def _hold(self, event: Event, detail: str) -> None:
        self.journey.take(event, detail=detail)
        self.journey.tell("arrival-held", detail)

    async def _deliver(self, start: DeliveryStart, under_way: str = "") -> None:
        if start.delivery_id != under_way and await begin(start):
            return
        # It began early. What it turns out to answer may be more urgent than it was then.
        if self.outlook is not None and start.urgency.priority < self.outlook.urgency.priority:
            await raise_urgency(start)
