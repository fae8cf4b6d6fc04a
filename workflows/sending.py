"""How a delivery sends: attempt after attempt, with the waits between them, until its Node has answered for all."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType, ActivityHandle

with workflow.unsafe.imports_passed_through():
    from activities.dicom import DicomActivities
    from models.domain.contracts import DeliveryStart, Sending, SendReport
    from models.domain.lifecycles.delivery import State
from workflows import policies
from workflows.journey import sentence_of
from workflows.node_wait import NodeWait


class Attempts:
    """One at a time; whoever decides meanwhile interrupts the one that is under way."""

    def __init__(self, start: DeliveryStart, node: NodeWait) -> None:
        self.start = start
        self.node = node
        self.underway: ActivityHandle[SendReport] | None = None

    async def report(self) -> SendReport | None:
        """What its Node has accepted, or why sending stopped; None when it is not being sent any more.

        None as well when the history has grown long. A Node that is away is waited for.
        """
        waits = policies.waits_for_node()
        with self.node.told_if_slow():
            while self._is_wanted() and not workflow.info().is_continue_as_new_suggested():
                report = await self._attempt()
                if report is None:
                    continue
                if not report.node_away:
                    return report
                await self.node.within(next(waits))
        return None

    def interrupt(self) -> None:
        """An attempt under way finishes its image and reports nothing any more."""
        if self.underway is not None:
            self.underway.cancel()
            self.underway = None

    def _is_wanted(self) -> bool:
        return self.node.journey.state is State.SENDING

    async def _attempt(self) -> SendReport | None:
        """One sending, which the engine repeats while what stops it may pass; None when it was interrupted."""
        await self.node.journey.recorded()
        if not self._is_wanted():
            return None
        self.node.may_go_on = False
        sending = self.underway = workflow.start_activity_method(
            DicomActivities.send,
            Sending(self.start.delivery_id, self.start.urgency),
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            **policies.sending(self.start.urgency),
        )
        try:
            report = await sending
            self.node.tell_of_downtime(report.planned_until)
        except ActivityError as failure:
            if is_cancelled_exception(failure) and self.underway is sending:
                raise
            report = SendReport(0, 0, sentence_of(failure))
        # Whatever it reports, it was interrupted: it may have sent to another Node than a person wants.
        if self.underway is not sending:
            return None
        self.underway = None
        return report
