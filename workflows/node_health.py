"""NodeHealth: whether one Node answers, and when a person wants nothing sent to it.

It never ends; it continues as new before its history grows long, and takes a planned downtime along.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.dicom import DicomActivities
    from models.domain.contracts import Decision, DowntimePlan, NodeFacts, NodeStart
    from models.domain.downtime import Downtime, why_not
    from models.domain.errors import ExchangeError, NotAllowed
    from models.domain.lifecycles.node import KEPT_BACK, NODE, Event, State
from workflows import policies
from workflows.journey import Journey, refusal

PATIENCE = NODE.patience


@workflow.defn(failure_exception_types=[ExchangeError])
class NodeHealth:
    @workflow.init
    def __init__(self, start: NodeStart) -> None:
        self.journey = Journey(NODE, start.node_id, start.state)
        self.node_id = start.node_id
        self.disturbed = False
        self.planned = Downtime(start.begins, start.ends) if start.begins and start.ends else None

    @workflow.run
    async def run(self, start: NodeStart) -> None:
        async with self.journey.journal():
            while not workflow.info().is_continue_as_new_suggested():
                if self._is_due():
                    self.journey.take(Event.BEGAN)
                match self.journey.state:
                    case State.HELD:
                        await workflow.wait_condition(lambda: self.journey.state is not State.HELD)
                    case State.IN_DOWNTIME:
                        await self._wait_out_downtime()
                    case State.PROBING:
                        await self._look()
                    case state:
                        await self._wait(state)
        ahead = (self.planned.begins, self.planned.ends) if self.planned else ()
        workflow.continue_as_new(NodeStart(start.node_id, self.journey.state.value, *ahead))

    @workflow.query
    def state(self) -> str:
        return self.journey.state.value

    @workflow.signal
    def fault_reported(self) -> None:
        """Something that was sent there failed: look now."""
        self.disturbed = True

    @workflow.update
    async def hold(self, decision: Decision) -> str:
        """Send nothing there until resumed."""
        return await self._decided(Event.HELD, decision)

    @hold.validator
    def _may_hold(self, decision: Decision) -> None:
        self.journey.may(Event.HELD)

    @workflow.update
    async def resume(self, decision: Decision) -> str:
        """Ask it, and use it again; of a downtime it is the end."""
        was_down = self.journey.state is State.IN_DOWNTIME
        after = self._take(Event.RESUMED, decision)
        if was_down:
            self.planned = None
        await self.journey.recorded()
        return after.value

    @resume.validator
    def _may_resume(self, decision: Decision) -> None:
        self.journey.may(Event.RESUMED)

    @workflow.update
    async def plan(self, plan: DowntimePlan) -> str:
        """Send nothing there from one time to another; in place of what was planned before."""
        why = why_not(plan.begins, plan.ends, workflow.now())
        if self.journey.state is State.IN_DOWNTIME and plan.begins > workflow.now():
            why = "Its downtime has begun; end it before you plan another, or give this one another end."
        if why:
            raise refusal(NotAllowed(why))
        after = self._take(Event.PLANNED, plan)
        self.planned = Downtime(plan.begins, plan.ends)
        await self.journey.recorded()
        return after.value

    @plan.validator
    def _may_plan(self, plan: DowntimePlan) -> None:
        self.journey.may(Event.PLANNED)

    @workflow.update
    async def cancel(self, decision: Decision) -> str:
        """What was planned does not take place."""
        self._must_be_planned()
        after = self._take(Event.CANCELLED, decision)
        self.planned = None
        await self.journey.recorded()
        return after.value

    @cancel.validator
    def _may_cancel(self, decision: Decision) -> None:
        self.journey.may(Event.CANCELLED)
        self._must_be_planned()

    def _must_be_planned(self) -> None:
        if self.planned is None or self.planned.is_over(workflow.now()):
            raise refusal(NotAllowed("No downtime is planned any more; reload the page to see how it stands."))

    async def _decided(self, event: Event, decision: Decision) -> str:
        after = self._take(event, decision)
        await self.journey.recorded()
        return after.value

    def _take(self, event: Event, decision: Decision | DowntimePlan) -> State:
        self.journey.may(event)
        return self.journey.take(event, decision.actor, content_id=decision.content_id)

    def _is_due(self) -> bool:
        """Whether its downtime is to begin; what a person held through is past."""
        if self.planned is None or self.journey.state in KEPT_BACK or not self.planned.has_begun(workflow.now()):
            return False
        if self.planned.is_over(workflow.now()):
            self.planned = None
        return self.planned is not None

    async def _wait_out_downtime(self) -> None:
        """Until its end, or until a person ends it or gives it another end."""
        planned = self.planned
        wait = PATIENCE[State.IN_DOWNTIME] if planned is None else planned.ends - workflow.now()
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self.journey.state is not State.IN_DOWNTIME or self.planned is not planned,
                timeout=max(wait, timedelta(0)),
            )
        if self.journey.state is State.IN_DOWNTIME and self.planned is planned:
            self.planned = None
            self.journey.take(Event.ENDED)

    async def _wait(self, state: State) -> None:
        """Wait out the patience of `state`, then ask. A fault ends it early, unless the Node is known to be down."""
        planned, patience = self.planned, PATIENCE[state]
        if planned is not None:
            patience = max(min(patience, planned.begins - workflow.now()), timedelta(0))

        def is_moved() -> bool:
            return self.journey.state is not state or self.planned is not planned

        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: is_moved() or (self.disturbed and state is not State.DOWN), timeout=patience
            )
        if not is_moved() and not self._is_due():
            await self._look()

    async def _look(self) -> None:
        state, self.disturbed = self.journey.state, False
        facts: NodeFacts = await workflow.execute_activity_method(DicomActivities.look, self.node_id, **policies.echo())
        if self.journey.state is not state:
            return
        match state:
            case State.DOWN if facts.answered:
                # Only a change is a step: a Node that stays down for days would fill its own history.
                self.journey.take(Event.PROBED)
                self.journey.take(Event.ANSWERED)
            case State.UP | State.FAILING | State.PROBING if not facts.answered:
                self.journey.take(Event.FAILED, detail=facts.detail)
            case State.FAILING | State.PROBING:
                self.journey.take(Event.ANSWERED)
