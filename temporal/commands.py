"""What each command is to the engine: the beginning of a workflow, or a message to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.domain.commitment_contracts import CommitmentStart
from models.domain.contracts import CommandKind, Decision, DeliveryStart, DowntimePlan
from models.domain.request_contracts import RequestStart
from models.domain.transfer_contracts import SearchStart, SheetStart, TransferStart
from models.domain.urgency import Urgency
from models.tables import OutboxCommand
from temporal.starts import Start
from workflows.delivery import Delivery
from workflows.image_request import ImageRequest
from workflows.node_health import NodeHealth
from workflows.study_arrival import StudyArrival
from workflows.transfer import Transfer

K = CommandKind


@dataclass(frozen=True)
class Begin:
    """Begin a workflow; unless `anew`, one that runs or has come to its end was begun, however often it is said."""

    start: Callable[[OutboxCommand], Start]
    anew: bool = False


@dataclass(frozen=True)
class Tell:
    """A signal to the workflow `prefix`-`subject_id`; unless it is `owed`, one that has ended needs no word."""

    prefix: str
    signal: Any
    told: Callable[[OutboxCommand], tuple[Any, ...]] = lambda command: ()
    owed: bool = False


@dataclass(frozen=True)
class Ask:
    """An update of the workflow `prefix`-`subject_id`, which may refuse it."""

    prefix: str
    update: Any


def urgency_of(command: OutboxCommand) -> Urgency:
    """What the command says of it; routine where it says nothing."""
    return Urgency(command.payload.get("urgency", Urgency.ROUTINE))


COMMANDS: Mapping[CommandKind, Begin | Tell | Ask] = {
    K.SEARCH_PACS: Begin(lambda command: SearchStart(command.subject_id)),
    K.SEND_SHEET: Begin(lambda command: SheetStart(command.subject_id), anew=True),
    K.SEND_SHEET_AGAIN: Begin(lambda command: SheetStart(command.subject_id), anew=True),
    K.PLACE_REQUEST: Begin(lambda command: RequestStart(command.subject_id)),
    K.PLACE_TRANSFER: Begin(lambda command: TransferStart(command.subject_id, urgency_of(command))),
    K.FORWARD_DELIVERY: Begin(lambda command: DeliveryStart(command.subject_id, urgency_of(command))),
    K.ANSWER_COMMITMENT: Begin(lambda command: CommitmentStart(command.subject_id)),
    K.LOOK_AT_REQUEST: Tell("request", ImageRequest.delivery_moved),
    K.LOOK_AT_TRANSFER: Tell("transfer", Transfer.delivery_moved),
    K.REPORT_COMMITMENT: Tell("delivery", Delivery.commitment_reported),
    K.RAISE_URGENCY: Tell("delivery", Delivery.urgency_raised, lambda command: (urgency_of(command),)),
    K.REPORT_NODE_FAULT: Tell("node", NodeHealth.fault_reported, owed=True),
    K.ACCEPT_REQUEST: Ask("request", ImageRequest.accept),
    K.ASK_BACK_REQUEST: Ask("request", ImageRequest.ask_back),
    K.REPLY_REQUEST: Ask("request", ImageRequest.reply),
    K.DECLINE_REQUEST: Ask("request", ImageRequest.decline),
    K.DECLINE_STUDY_REQUEST: Ask("request", ImageRequest.decline_study),
    K.WITHDRAW_REQUEST: Ask("request", ImageRequest.withdraw),
    K.MATCH_REQUEST: Ask("request", ImageRequest.match),
    K.RETRY_TRANSFER: Ask("transfer", Transfer.retry),
    K.WITHDRAW_TRANSFER: Ask("transfer", Transfer.withdraw),
    K.MATCH_ARRIVAL: Ask("arrival", StudyArrival.match),
    K.ASSIGN_ARRIVAL: Ask("arrival", StudyArrival.assign),
    K.REFUSE_ARRIVAL: Ask("arrival", StudyArrival.refuse),
    K.RELEASE_DELIVERY: Ask("delivery", Delivery.release),
    K.REFUSE_DELIVERY: Ask("delivery", Delivery.refuse),
    K.REASSIGN_DELIVERY: Ask("delivery", Delivery.reassign),
    K.RETRY_DELIVERY: Ask("delivery", Delivery.retry),
    K.CONVERT_DELIVERY: Ask("delivery", Delivery.convert),
    K.LEAVE_OUT_DELIVERY: Ask("delivery", Delivery.leave_out),
    K.REDIRECT_DELIVERY: Ask("delivery", Delivery.redirect),
    K.ABANDON_DELIVERY: Ask("delivery", Delivery.abandon),
    K.HOLD_NODE: Ask("node", NodeHealth.hold),
    K.RESUME_NODE: Ask("node", NodeHealth.resume),
    K.PLAN_DOWNTIME: Ask("node", NodeHealth.plan),
    K.CANCEL_DOWNTIME: Ask("node", NodeHealth.cancel),
}


def decision_of(command: OutboxCommand) -> Decision | DowntimePlan:
    """What a command tells its workflow: who decided, and where it is written what was entered."""
    if command.kind == K.PLAN_DOWNTIME:
        begins, ends = (datetime.fromisoformat(str(command.payload[name])) for name in ("begins", "ends"))
        return DowntimePlan(command.actor, command.id, begins, ends)
    return Decision(command.actor, command.id, str(command.payload.get("seen", "")))
