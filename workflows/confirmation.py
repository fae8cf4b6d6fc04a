"""How a delivery finds out whether its destination has what it accepted: asked, or told by a storage commitment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.dicom import DicomActivities
    from models.domain.contracts import Comparison, DeliveryStart, Verdict
    from models.domain.lifecycles.delivery import State
from workflows import policies
from workflows.node_wait import NodeWait

# A destination that indexes late is asked again after these many seconds before an image counts as missing.
ASK_AGAIN = (1.0, 3.0, 10.0, 30.0, 60.0)
Compare = Callable[[DicomActivities, str], Comparison]


class Confirmation:
    """`reported` is set when the Node has said what it commits itself to; the rows say what."""

    def __init__(self, start: DeliveryStart, node: NodeWait) -> None:
        self.start = start
        self.node = node
        self.reported = False

    async def comparison(self) -> Comparison:
        """What the destination says, once it is not away; that it still is, when the history has grown long.

        So it is, too, when a person has decided meanwhile and waits for the answer no longer.
        ActivityError when it does not answer. No patience runs while it is away: each asking has its own.
        """
        asking = asyncio.create_task(self._said())
        await workflow.wait_condition(lambda: asking.done() or not self._is_wanted())
        if self._is_wanted():
            return await asking
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError, ActivityError):
            await asking
        return Comparison(Verdict.NODE_AWAY, 0, 0)

    async def _said(self) -> Comparison:
        comparison = await self._asked()
        if comparison.verdict is not Verdict.NODE_AWAY:
            return comparison
        waits = policies.waits_for_node()
        with self.node.told_if_slow():
            while comparison.verdict is Verdict.NODE_AWAY and not workflow.info().is_continue_as_new_suggested():
                self.node.tell_of_downtime(comparison.planned_until)
                await self.node.within(next(waits))
                self._must_be_wanted()
                comparison = await self._asked()
        return comparison

    def _is_wanted(self) -> bool:
        return self.node.journey.state is State.SENT

    def _must_be_wanted(self) -> None:
        """What ends at the moment in which it is cancelled swallows that: a wait, and an activity, too."""
        if not self._is_wanted():
            raise asyncio.CancelledError

    async def _asked(self) -> Comparison:
        self.node.may_go_on = False
        comparison = await self._compare()
        return await self._committed() if comparison.verdict is Verdict.AWAITED else comparison

    async def _committed(self) -> Comparison:
        """What its Node commits itself to; without an answer in time, what can be said otherwise."""
        due = workflow.now() + policies.until_committed(self.start.urgency)
        while (left := due - workflow.now()) > timedelta():
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: self.reported, timeout=left)
            self._must_be_wanted()
            if self.reported:
                self.reported = False
                comparison = await self._compare()
                if comparison.verdict is not Verdict.AWAITED:
                    return comparison
        return await self._compare(DicomActivities.compare_uncommitted)

    async def _compare(self, how: Compare = DicomActivities.compare) -> Comparison:
        for wait in (*ASK_AGAIN, None):
            comparison = await workflow.execute_activity_method(
                how, self.start.delivery_id, **policies.comparing(self.start.urgency)
            )
            self._must_be_wanted()
            if comparison.verdict is not Verdict.MISSING or comparison.final or wait is None:
                break
            await workflow.sleep(timedelta(seconds=wait))
        return comparison
