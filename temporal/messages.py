"""Which message to which workflow each command is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.domain.contracts import CommandKind, Decision, DowntimePlan
from models.tables import OutboxCommand
from workflows.delivery import Delivery
from workflows.image_request import ImageRequest
from workflows.node_health import NodeHealth
from workflows.study_arrival import StudyArrival
from workflows.transfer import Transfer

K = CommandKind


@dataclass(frozen=True)
class Message:
    """An update of the workflow `prefix`-`subject_id`."""

    prefix: str
    update: Any


MESSAGES: Mapping[CommandKind, Message] = {
    K.ACCEPT_REQUEST: Message("request", ImageRequest.accept),
    K.ASK_BACK_REQUEST: Message("request", ImageRequest.ask_back),
    K.REPLY_REQUEST: Message("request", ImageRequest.reply),
    K.DECLINE_REQUEST: Message("request", ImageRequest.decline),
    K.DECLINE_STUDY_REQUEST: Message("request", ImageRequest.decline_study),
    K.WITHDRAW_REQUEST: Message("request", ImageRequest.withdraw),
    K.MATCH_REQUEST: Message("request", ImageRequest.match),
    K.RETRY_TRANSFER: Message("transfer", Transfer.retry),
    K.WITHDRAW_TRANSFER: Message("transfer", Transfer.withdraw),
    K.MATCH_ARRIVAL: Message("arrival", StudyArrival.match),
    K.ASSIGN_ARRIVAL: Message("arrival", StudyArrival.assign),
    K.REFUSE_ARRIVAL: Message("arrival", StudyArrival.refuse),
    K.RELEASE_DELIVERY: Message("delivery", Delivery.release),
    K.REFUSE_DELIVERY: Message("delivery", Delivery.refuse),
    K.REASSIGN_DELIVERY: Message("delivery", Delivery.reassign),
    K.RETRY_DELIVERY: Message("delivery", Delivery.retry),
    K.CONVERT_DELIVERY: Message("delivery", Delivery.convert),
    K.LEAVE_OUT_DELIVERY: Message("delivery", Delivery.leave_out),
    K.REDIRECT_DELIVERY: Message("delivery", Delivery.redirect),
    K.ABANDON_DELIVERY: Message("delivery", Delivery.abandon),
    K.HOLD_NODE: Message("node", NodeHealth.hold),
    K.RESUME_NODE: Message("node", NodeHealth.resume),
    K.PLAN_DOWNTIME: Message("node", NodeHealth.plan),
    K.CANCEL_DOWNTIME: Message("node", NodeHealth.cancel),
}


def decision_of(command: OutboxCommand) -> Decision | DowntimePlan:
    """What a command tells its workflow: who decided, and where it is written what was entered."""
    if command.kind == K.PLAN_DOWNTIME:
        begins, ends = (datetime.fromisoformat(str(command.payload[name])) for name in ("begins", "ends"))
        return DowntimePlan(command.actor, command.id, begins, ends)
    return Decision(command.actor, command.id, str(command.payload.get("seen", "")))
