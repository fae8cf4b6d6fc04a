"""StudyArrival: one study from one sender, from its first image to its route.

It waits for the end of the study. The database is the truth about what has arrived and whether that is all; signals
only say that it is worth looking.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.arrivals import ArrivalActivities
    from activities.dicom import DicomActivities
    from models.domain.contracts import (
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
from workflows import policies
from workflows.delivery import Delivery
from workflows.journey import Journey, refusal, sentence_of

# The longest that a sender may stay connected in silence before the study is taken as complete all the same.
PATIENCE = ARRIVAL.patience


@workflow.defn(failure_exception_types=[ExchangeError])
class StudyArrival:
    @workflow.init
    def __init__(self, start: ArrivalStart) -> None:
        self.journey = Journey(ARRIVAL, start.arrival_id, start.state)
        self.arrival_id = start.arrival_id
        self.generation = 0
        self.outlook: ArrivalOutlook | None = None
        self.choosing = asyncio.Lock()

    @workflow.run
    async def run(self, start: ArrivalStart) -> str:
        async with self.journey.journal():
            while not self.journey.ended:
                match self.journey.state:
                    case State.RECEIVING | State.FORWARDING:
                        await self._receive()
                    case State.SETTLED:
                        await self._route()
                    case State.HELD:
                        await workflow.wait_condition(lambda: self.journey.state is not State.HELD)
        return self.journey.state.value

    @workflow.signal
    def study_grew(self, grew: StudyGrew) -> None:
        """Ingest has made more of the study durable, or one of its senders has ended its association."""
        self.generation = max(self.generation, grew.generation)

    @workflow.query
    def state(self) -> str:
        return self.journey.state.value

    @workflow.update
    async def assign(self, decision: Decision) -> str:
        """A person chose the worklist; the choice itself is in the database under `content_id`."""
        async with self.choosing:
            self._check(Event.ASSIGNED)
            verdict = await self._chosen(decision)
            self._check(Event.ASSIGNED)
            after = self.journey.take(Event.ASSIGNED, decision.actor, verdict.detail, decision.content_id)
            await self.journey.recorded()
            await self._deliver(verdict)
            await self._withdraw_others(decision.actor)
        return after.value

    @assign.validator
    def _may_assign(self, decision: Decision) -> None:
        self._check(Event.ASSIGNED)

    @workflow.update
    async def refuse(self, decision: Decision) -> str:
        """A person says that the study goes nowhere."""
        async with self.choosing:
            self._check(Event.REFUSED)
            after = self.journey.take(Event.REFUSED, decision.actor, content_id=decision.content_id)
            await self.journey.recorded()
            await self._withdraw_others(decision.actor)
        return after.value

    @refuse.validator
    def _may_refuse(self, decision: Decision) -> None:
        self._check(Event.REFUSED)

    def _check(self, event: Event) -> None:
        try:
            self.journey.check(event)
        except ExchangeError as no:
            raise refusal(no) from no

    async def _receive(self) -> None:
        if self.outlook is None:
            self.outlook = await workflow.execute_activity_method(
                ArrivalActivities.outlook, self.arrival_id, **policies.DATABASE
            )
            if self.outlook.warning:
                self.journey.tell("sender-changed", self.outlook.warning)
            if self.outlook.delivery_id and self.journey.state is State.RECEIVING:
                self.journey.take(Event.FORWARDED)
                await self.journey.recorded()
                await self._deliver(RouteVerdict(self.outlook.delivery_id, self.outlook.urgency))
        sealed = await self._until_complete(self.outlook)
        if self.journey.state is State.RECEIVING:
            self.journey.take(Event.SETTLED, detail=sealed.basis)
            return
        verdict = await self._verdict(RouteRequest(self.arrival_id))
        if verdict.reason is None:
            self.journey.take(Event.ROUTED, detail=sealed.basis)
        else:
            self._hold(Event.CONTRADICTED, verdict)

    async def _until_complete(self, outlook: ArrivalOutlook) -> Sealed:
        asked: int | None = None
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

    async def _route(self) -> None:
        verdict = await self._verdict(RouteRequest(self.arrival_id))
        if verdict.reason is not None:
            self._hold(Event.HELD, verdict)
            return
        self.journey.take(Event.ROUTED, detail=verdict.detail)
        await self.journey.recorded()
        await self._deliver(verdict)

    async def _verdict(self, request: RouteRequest) -> RouteVerdict:
        return await workflow.execute_activity_method(ArrivalActivities.route, request, **policies.DATABASE)

    async def _chosen(self, decision: Decision) -> RouteVerdict:
        """The route that a person chose; an ApplicationError with a sentence when it cannot be taken."""
        try:
            verdict = await self._verdict(RouteRequest(self.arrival_id, decision.content_id, decision.actor))
        except ActivityError as failure:
            raise ApplicationError(sentence_of(failure), type="NotAllowed", non_retryable=True) from failure
        if verdict.reason is not None:
            raise ApplicationError(verdict.detail, type="NotAllowed", non_retryable=True)
        return verdict

    async def _withdraw_others(self, actor: str) -> None:
        """A delivery that began early, to where the study does not go after all, ends; both its sides are told."""
        left_over = await workflow.execute_activity_method(
            ArrivalActivities.left_over, self.arrival_id, **policies.DATABASE
        )
        for delivery_id in left_over:
            handle = workflow.get_external_workflow_handle_for(Delivery.run, f"delivery-{delivery_id}")
            try:
                await handle.signal(Delivery.withdrawn, actor)
            except ApplicationError:
                workflow.logger.info("delivery %s has ended already", delivery_id)

    def _hold(self, event: Event, verdict: RouteVerdict) -> None:
        self.journey.take(event, detail=verdict.detail)
        self.journey.tell("arrival-held", verdict.detail)

    async def _deliver(self, verdict: RouteVerdict) -> None:
        try:
            await workflow.start_child_workflow(
                Delivery.run,
                DeliveryStart(verdict.delivery_id, verdict.urgency),
                id=f"delivery-{verdict.delivery_id}",
                parent_close_policy=ParentClosePolicy.ABANDON,
            )
        except WorkflowAlreadyStartedError:
            # This run was reset: the delivery goes its own way already.
            workflow.logger.info("delivery %s was started before", verdict.delivery_id)
