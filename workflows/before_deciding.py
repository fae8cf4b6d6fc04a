"""What is looked at before a person's decision about a delivery counts; other people may decide meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.deliveries import DeliveryActivities
    from activities.local_identity import LocalIdentityActivities
    from models.domain.contracts import Decision, LocalIdentityQuestion, NodeQuestion, WorklistQuestion
    from models.domain.errors import NotAllowed
    from models.domain.lifecycles.delivery import DELIVERY, Event, State
    from models.domain.seen import Seen
from workflows import policies
from workflows.journey import Journey, refusal


def may(journey: Journey[State, Event], event: Event, decision: Decision) -> None:
    """Refuses what is not possible where it stands, or was decided in view of another state.

    Who does not say what was seen saw it being sent. What is sent by now is stopped or sent elsewhere only by whoever
    has seen that: otherwise a study that has got there would be abandoned, or go to two Nodes.
    """
    seen = Seen.of(decision.seen).state
    if journey.state is State.SENT and (State.SENT, event) in DELIVERY.table:
        seen = seen or State.SENDING.value
    journey.may(event, seen)


async def must_be_the_same_person(delivery_id: str, decision: Decision) -> None:
    """Refuses a local ID that is another person's."""
    if not decision.content_id:
        return
    anothers = await workflow.execute_activity_method(
        LocalIdentityActivities.check,
        LocalIdentityQuestion(delivery_id, decision.content_id),
        **policies.CHECKING,
    )
    if anothers:
        raise refusal(NotAllowed(anothers))


async def must_be_a_node_of_its_own(delivery_id: str, decision: Decision) -> None:
    """Refuses a Node that is not the destination's, or receives nothing any more since it was chosen."""
    cannot = await workflow.execute_activity_method(
        DeliveryActivities.cannot_go_to, NodeQuestion(delivery_id, decision.content_id), **policies.DATABASE
    )
    if cannot:
        raise refusal(NotAllowed(cannot))


async def must_be_where_it_was_seen(
    journey: Journey[State, Event], decision: Decision, moves: Callable[[], int]
) -> None:
    """Refuses what was decided in view of a worklist that it has left, or to let it wait where it cannot.

    Afterwards nothing may be awaited.

    The database is asked, because a workflow that was run again does not know where it is. `moves` counts how often it
    was reassigned: who reassigns it while that is looked up was first, so that it is looked up again.
    """
    worklist_id = Seen.of(decision.seen).worklist_id
    looked_after = None if worklist_id else moves()
    while looked_after != moves():
        await journey.recorded()
        looked_after = moves()
        moved = await workflow.execute_activity_method(
            DeliveryActivities.moved_away,
            WorklistQuestion(journey.subject_id, worklist_id, decision.content_id),
            **policies.DATABASE,
        )
        if moved:
            raise refusal(NotAllowed(moved))
