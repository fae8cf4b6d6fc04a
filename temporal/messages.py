"""Which message to which workflow each command is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.domain.contracts import CommandKind
from workflows.delivery import Delivery
from workflows.node_health import NodeHealth
from workflows.study_arrival import StudyArrival

K = CommandKind


@dataclass(frozen=True)
class Message:
    """An update of the workflow `prefix`-`subject_id`."""

    prefix: str
    update: Any


MESSAGES: Mapping[CommandKind, Message] = {
    K.ASSIGN_ARRIVAL: Message("arrival", StudyArrival.assign),
    K.REFUSE_ARRIVAL: Message("arrival", StudyArrival.refuse),
    K.RELEASE_DELIVERY: Message("delivery", Delivery.release),
    K.REFUSE_DELIVERY: Message("delivery", Delivery.refuse),
    K.RETRY_DELIVERY: Message("delivery", Delivery.retry),
    K.REDIRECT_DELIVERY: Message("delivery", Delivery.redirect),
    K.ABANDON_DELIVERY: Message("delivery", Delivery.abandon),
    K.HOLD_NODE: Message("node", NodeHealth.hold),
    K.RESUME_NODE: Message("node", NodeHealth.resume),
}
