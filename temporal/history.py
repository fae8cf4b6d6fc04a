"""A workflow's history in plain words: what an engineer would read there, without anything that was entered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, FailureError

from models.domain.trouble import Happening

T = EventType

ACTS: Mapping[str, str] = {
    "JournalActivities.record": "writing what happened",
    "NoticeActivities.tell": "telling the people concerned by mail",
    "DicomActivities.send": "sending",
    "DicomActivities.compare": "asking the destination what it has",
    "DicomActivities.compare_uncommitted": "asking the destination otherwise, since it did not commit itself",
    "DicomActivities.count_at_source": "asking the source how many images there are",
    "DicomActivities.look": "asking the Node whether it answers",
    "ArrivalActivities.outlook": "looking where the study may go",
    "ArrivalActivities.seal": "looking whether the study is complete",
    "ArrivalActivities.route": "deciding the route",
    "ArrivalActivities.left_over": "looking for early deliveries that are no longer wanted",
    "LocalIdentityActivities.check": "looking whose the local ID is",
    "DeliveryActivities.put_on_worklist": "putting it on the worklist",
    "DeliveryActivities.moved_away": "looking whether it is on that worklist still",
    "DeliveryActivities.cannot_go_to": "looking whether it can go to that Node",
    "DeliveryActivities.forget_answers": "forgetting what the Node accepted before",
    "RequestActivities.outlook": "working out when to remind",
    "RequestActivities.reminded": "counting a reminder",
    "RequestActivities.progress": "looking how far the request has got",
    "RequestActivities.chosen": "looking whether the study can answer the chosen request",
    "RequestActivities.recognised": "looking whether the chosen study can answer the request",
    "RequestActivities.must_be_wanted": "looking whether the study is still wanted",
    "RequestActivities.answer": "opening deliveries to those who asked for the study",
    "BulkActivities.place_rows": "asking the sender's PACS for the studies of a sheet",
    "TransferActivities.list_at_source": "asking the sender's PACS which images there are",
    "TransferActivities.progress": "looking how far the transfer has got",
    "RetrievalActivities.retrieve": "fetching images from the sender's PACS",
    "PacsSearchActivities.search": "searching the PACS",
    "PurgeActivities.purge": "removing images whose purpose has ended",
    "CommitmentActivities.answer": "telling the sender which images are kept",
}
"""What each activity does; one that is not here is called by its name."""

ENDS: Mapping[EventType.ValueType, str] = {
    T.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "The engine has brought it to its end.",
    T.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "The engine gave it up after an error.",
    T.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "The engine gave it up: it took too long.",
    T.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "It was terminated at the engine.",
    T.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "It was cancelled at the engine.",
    T.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "Its record at the engine grew long and goes on in a new one.",
    T.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: "The engine was asked to cancel it.",
}


async def happenings(
    events: Iterable[HistoryEvent], now: DescribeWorkflowExecutionResponse, converter: DataConverter
) -> tuple[Happening, ...]:
    """What `events` tell, and `now` of what is being tried; reasons are decrypted by `converter`."""
    found, acts = [], {}
    for event in events:
        at = _time(event.event_time)
        if event.event_type == T.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            acts[event.event_id] = called(scheduled.activity_type.name)
        elif event.event_type == T.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.activity_task_started_event_attributes
            if started.attempt > 1:
                why = await reason(started.last_failure, converter)
                act = acts.get(started.scheduled_event_id, "an act")
                found.append(Happening(at, failed(act, started.attempt - 1, why), True))
        elif event.event_type == T.EVENT_TYPE_ACTIVITY_TASK_FAILED:
            failing = event.activity_task_failed_event_attributes
            why = await reason(failing.failure, converter)
            found.append(Happening(at, f"Given up: {acts.get(failing.scheduled_event_id, 'an act')}. {why}", True))
        elif event.event_type == T.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
            late = event.activity_task_timed_out_event_attributes
            found.append(Happening(at, f"No answer in time: {acts.get(late.scheduled_event_id, 'an act')}.", True))
        else:
            found += [Happening(at, words, is_fault) for words, is_fault in _plain(event)]
    for pending in now.pending_activities:
        if pending.attempt > 1:
            why = await reason(pending.last_failure, converter)
            at = _time(pending.last_started_time)
            found.append(Happening(at, failed(called(pending.activity_type.name), pending.attempt - 1, why), True))
    if now.pending_workflow_task.attempt > 1:
        task = now.pending_workflow_task
        at = _time(task.scheduled_time)
        found.append(Happening(at, f"The engine cannot go on; tried {task.attempt} times by now. Run it again.", True))
    return tuple(sorted(found, key=lambda one: one.at))


def called(activity: str) -> str:
    return ACTS.get(activity, activity)


def failed(act: str, times: int, why: str) -> str:
    return f"Failed {'once' if times == 1 else f'{times} times'}: {act}. {why}".rstrip()


async def reason(failure: Failure, converter: DataConverter) -> str:
    """The sentence of an error of ours, which holds no patient detail; of any other error its kind alone."""
    if not failure.ByteSize():
        return ""
    error: BaseException | None = await converter.decode_failure(failure)
    while isinstance(error, FailureError) and not isinstance(error, ApplicationError) and error.__cause__:
        error = error.__cause__
    if isinstance(error, ApplicationError):
        return error.message
    return f"({type(error).__name__})"


def _plain(event: HistoryEvent) -> Iterator[tuple[str, bool]]:
    """What an event says by itself, if anything, and whether it is a fault."""
    match event.event_type:
        case T.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            yield "The engine began to work on it.", False
        case T.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            name = event.workflow_execution_signaled_event_attributes.signal_name
            yield f"The engine was told: {name.replace('_', ' ')}.", False
        case T.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            asked = event.workflow_execution_update_accepted_event_attributes.accepted_request
            yield f"A person's decision was accepted: {asked.input.name.replace('_', ' ')}.", False
        case T.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            cause = event.workflow_task_failed_event_attributes.cause
            if cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
                yield "It was run again from here.", False
            else:
                yield "The engine could not go on by itself.", True
        case kind if kind in ENDS:
            ends_well = kind in (
                T.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
                T.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
            )
            yield ENDS[kind], not ends_well


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
