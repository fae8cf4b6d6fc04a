"""Delivery: one parcel to one destination's worklist, until the destination itself says that it has every image.

While its Node is away it waits to be told that the Node may be used again. The relay tells it, from what stands in the
database (models/waiting.py); should no word come, it tries unasked, ever more rarely, so that a week-end costs a few
hundred attempts. A history that grows long all the same goes on in a new one.
"""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.deliveries import DeliveryActivities
    from models.domain.contracts import Decision, DeliveryStart, Listing, Verdict
    from models.domain.errors import ExchangeError
    from models.domain.lifecycles.delivery import DELIVERY, Event, State
    from models.domain.urgency import Urgency
from workflows import policies
from workflows.before_deciding import (
    may,
    must_be_a_node_of_its_own,
    must_be_the_same_person,
    must_be_where_it_was_seen,
)
from workflows.confirmation import Confirmation
from workflows.journey import Journey, sentence_of
from workflows.node_wait import NodeWait
from workflows.sending import Attempts

WITHDRAWN = "It was withdrawn: the study goes elsewhere, or nowhere."


@workflow.defn(failure_exception_types=[ExchangeError])
class Delivery:
    @workflow.init
    def __init__(self, start: DeliveryStart) -> None:
        self.journey = Journey(DELIVERY, start.delivery_id, start.state, start.untold)
        self.start = start
        self.sent_again = False
        self.node = NodeWait(self.journey)
        self.attempts = Attempts(start, self.node)
        self.confirmation = Confirmation(start, self.node)
        self.moves = 0
        # Of a workflow that is run again, or goes on in a new history, nobody knows whether its Node was to be asked.
        self.may_be_asked = start.state == State.ON_WORKLIST

    @workflow.run
    async def run(self, start: DeliveryStart) -> str:
        async with self.journey.journal():
            while not (self.journey.ended or workflow.info().is_continue_as_new_suggested()):
                match self.journey.state:
                    case State.WAITING:
                        await self._list()
                    case State.ON_WORKLIST:
                        await self._until_decided()
                    case State.SENDING:
                        await self._send()
                    case State.SENT:
                        await self._confirm()
                    case parked:
                        await workflow.wait_condition(lambda at=parked: self.journey.state is not at)  # type: ignore[misc]
            ended = self.journey.ended
            if ended:
                self.journey.tell(f"delivery-{self.journey.state.value}")
        if not ended:
            workflow.continue_as_new(replace(self.start, state=self.journey.state.value, untold=self.journey.untold))
        return self.journey.state.value

    @workflow.query
    def state(self) -> str:
        return self.journey.state.value

    @workflow.update
    async def release(self, decision: Decision) -> str:
        """The destination's person gave the local identifiers and lets it go."""
        await must_be_the_same_person(self.start.delivery_id, decision)
        await self._must_be_where_it_was_seen(decision)
        return await self._decided(Event.RELEASED, decision)

    @release.validator
    def _may_release(self, decision: Decision) -> None:
        self._may(Event.RELEASED, decision)

    @workflow.update
    async def refuse(self, decision: Decision) -> str:
        """The destination's person does not want it."""
        await self._must_be_where_it_was_seen(decision)
        return await self._decided(Event.REFUSED, decision)

    @refuse.validator
    def _may_refuse(self, decision: Decision) -> None:
        self._may(Event.REFUSED, decision)

    @workflow.update
    async def reassign(self, decision: Decision) -> str:
        """It waits on another of the destination's worklists, which may release by itself."""
        await self._must_be_where_it_was_seen(decision)
        await self._decided(Event.REASSIGNED, decision)
        if self.journey.state is State.ON_WORKLIST:
            self._release_if_automatic(await self._listing())
            await self.journey.recorded()
        return self.journey.state.value

    @reassign.validator
    def _may_reassign(self, decision: Decision) -> None:
        self._may(Event.REASSIGNED, decision)

    @workflow.update
    async def retry(self, decision: Decision) -> str:
        """Send again what the Node has not accepted."""
        return await self._decided(Event.RETRIED, decision)

    @retry.validator
    def _may_retry(self, decision: Decision) -> None:
        self._may(Event.RETRIED, decision)

    @workflow.update
    async def convert(self, decision: Decision) -> str:
        """What the Node did not take goes again uncompressed."""
        return await self._decided(Event.CONVERTED, decision)

    @convert.validator
    def _may_convert(self, decision: Decision) -> None:
        self._may(Event.CONVERTED, decision)

    @workflow.update
    async def leave_out(self, decision: Decision) -> str:
        """What the Node did not take does not go; the study is confirmed without it."""
        return await self._decided(Event.LEFT_OUT, decision)

    @leave_out.validator
    def _may_leave_out(self, decision: Decision) -> None:
        self._may(Event.LEFT_OUT, decision)

    @workflow.update
    async def redirect(self, decision: Decision) -> str:
        """Send to another Node of the destination."""
        await must_be_a_node_of_its_own(self.start.delivery_id, decision)
        return await self._decided(Event.REDIRECTED, decision)

    @redirect.validator
    def _may_redirect(self, decision: Decision) -> None:
        self._may(Event.REDIRECTED, decision)

    @workflow.update
    async def abandon(self, decision: Decision) -> str:
        """It ends here."""
        return await self._decided(Event.ABANDONED, decision)

    @abandon.validator
    def _may_abandon(self, decision: Decision) -> None:
        self._may(Event.ABANDONED, decision)

    @workflow.signal
    async def withdrawn(self, actor: str) -> None:
        """Its arrival goes elsewhere, or nowhere: nothing more is sent; what is there already is told."""
        if (self.journey.state, Event.WITHDRAWN) in DELIVERY.table:
            await self._decided(Event.WITHDRAWN, Decision(actor), WITHDRAWN)

    @workflow.signal
    def node_answered(self) -> None:
        """Its Node may be used again."""
        self.node.may_go_on = True
        self.may_be_asked = self.journey.state is State.ON_WORKLIST

    @workflow.signal
    def commitment_reported(self) -> None:
        """Its Node has said what it commits itself to."""
        self.confirmation.reported = True
        # What it has said needs no further asking, even of a Node that is held.
        self.node.may_go_on = True

    @workflow.signal
    def urgency_raised(self, urgency: Urgency) -> None:
        """It answers what is more urgent than it was when it began: its next image goes as urgently.

        So does what waits: its Node's hours for what is less urgent do not bind it any more.
        """
        if urgency.priority < self.start.urgency.priority:
            self.start = self.attempts.start = self.confirmation.start = replace(self.start, urgency=urgency)
            self.node.may_go_on = True
            self.attempts.interrupt()

    async def _decided(self, event: Event, decision: Decision, detail: str = "") -> str:
        # The first of two moves here, before anything is awaited; the second is told who was first.
        self._may(event, decision)
        after = self.journey.take(event, decision.actor, detail, decision.content_id)
        self.moves += event is Event.REASSIGNED
        self.sent_again = False
        self.node.may_go_on = True
        self.attempts.interrupt()
        await self.journey.recorded()
        return after.value

    def _may(self, event: Event, decision: Decision) -> None:
        may(self.journey, event, decision)

    async def _must_be_where_it_was_seen(self, decision: Decision) -> None:
        await must_be_where_it_was_seen(self.journey, decision, lambda: self.moves)

    async def _list(self) -> None:
        listing = await self._listing()
        if self.journey.state is not State.WAITING:
            # It was withdrawn while its worklist was looked at.
            return
        self.journey.take(Event.LISTED, detail=listing.detail)
        if listing.forwarded:
            self.journey.tell("delivery-forwarded")
        self._release_or_tell(listing)

    async def _until_decided(self) -> None:
        """Or until its Node, which was away, can be asked whose the Patient ID is."""
        await workflow.wait_condition(lambda: self.may_be_asked or self.journey.state is not State.ON_WORKLIST)
        if self.journey.state is State.ON_WORKLIST:
            self.may_be_asked = False
            self._release_or_tell(await self._listing())

    async def _listing(self) -> Listing:
        return await workflow.execute_activity_method(
            DeliveryActivities.put_on_worklist, self.start.delivery_id, **policies.DATABASE
        )

    def _release_or_tell(self, listing: Listing) -> None:
        """Nobody needs to act while its Node is waited for."""
        if not (self._release_if_automatic(listing) or listing.unasked) and self.journey.state is State.ON_WORKLIST:
            self.journey.tell("delivery-on-worklist")

    def _release_if_automatic(self, listing: Listing) -> bool:
        # A person may have decided while the worklist was looked at.
        if listing.automatic and self.journey.state is State.ON_WORKLIST:
            self.journey.take(Event.RELEASED, detail=listing.detail)
        return listing.automatic

    async def _send(self) -> None:
        report = await self.attempts.report()
        if report is None:
            return
        if report.sentence:
            self._park(report.sentence)
        else:
            self.journey.take(Event.SENT)

    async def _confirm(self) -> None:
        await self.journey.recorded()
        if self.journey.state is not State.SENT:
            return
        try:
            comparison = await self.confirmation.comparison()
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                raise
            self._park(f"It accepted every image, but whether it has them is not known. {sentence_of(failure)}")
            return
        match comparison.verdict:
            case Verdict.NODE_AWAY:
                return
            case Verdict.CONFIRMED:
                whole = Event.CONFIRMED if not comparison.left_out else Event.CONFIRMED_IN_PART
                self.journey.take(whole, detail=comparison.detail)
            case Verdict.UNVERIFIABLE:
                self.journey.take(Event.FOUND_UNVERIFIABLE, detail=comparison.detail)
            case Verdict.DIFFERENT:
                self.journey.take(Event.FOUND_DIFFERENT, detail=comparison.detail)
                self.journey.tell("delivery-parked", comparison.detail, each_time=True)
            case Verdict.MISSING if self.sent_again or comparison.present == comparison.total:
                # Sent once more already; or it lists every image, and no study: there is nothing to send.
                self._park(comparison.detail)
            case Verdict.MISSING:
                self.sent_again = True
                await workflow.execute_activity_method(
                    DeliveryActivities.forget_answers, self.start.delivery_id, **policies.DATABASE
                )
                if self.journey.state is State.SENT:
                    # Else a person has decided meanwhile.
                    self.journey.take(Event.FOUND_MISSING, detail=comparison.detail)

    def _park(self, detail: str) -> None:
        self.journey.take(Event.PARKED, detail=detail)
        self.journey.tell("delivery-parked", detail, each_time=True)
