"""NodeHealth: whether one Node answers. It never ends; it continues as new before its history grows long."""

from __future__ import annotations

import contextlib

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.dicom import DicomActivities
    from models.domain.contracts import Decision, NodeFacts, NodeStart
    from models.domain.errors import ExchangeError
    from models.domain.lifecycles.node import NODE, Event, State
from workflows import policies
from workflows.journey import Journey

PATIENCE = NODE.patience


@workflow.defn(failure_exception_types=[ExchangeError])
class NodeHealth:
    @workflow.init
    def __init__(self, start: NodeStart) -> None:
        self.journey = Journey(NODE, start.node_id, start.state)
        self.node_id = start.node_id
        self.disturbed = False

    @workflow.run
    async def run(self, start: NodeStart) -> None:
        async with self.journey.journal():
            while not workflow.info().is_continue_as_new_suggested():
                match self.journey.state:
                    case State.HELD:
                        await workflow.wait_condition(lambda: self.journey.state is not State.HELD)
                    case State.PROBING:
                        await self._look()
                    case state:
                        await self._wait(state)
        workflow.continue_as_new(NodeStart(start.node_id, self.journey.state.value))

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
        """Ask it, and use it again."""
        return await self._decided(Event.RESUMED, decision)

    @resume.validator
    def _may_resume(self, decision: Decision) -> None:
        self.journey.may(Event.RESUMED)

    async def _decided(self, event: Event, decision: Decision) -> str:
        self.journey.may(event)
        after = self.journey.take(event, decision.actor, content_id=decision.content_id)
        await self.journey.recorded()
        return after.value

    async def _wait(self, state: State) -> None:
        """Wait out the patience of `state`, then ask. A fault ends it early, unless the Node is known to be down."""
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self.journey.state is not state or (self.disturbed and state is not State.DOWN),
                timeout=PATIENCE[state],
            )
        if self.journey.state is not state:
            return
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
