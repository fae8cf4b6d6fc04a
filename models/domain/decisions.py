"""What people may decide: which event of which lifecycle, and whose officer may cause it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.domain.contracts import CommandKind
from models.domain.lifecycles import arrival, delivery, node, request, transfer
from models.domain.permissions import Function, Role, may


class Side(StrEnum):
    """How an Institution stands to a thing; a Node has an owner only."""

    SOURCE = "source"
    DESTINATION = "destination"
    OWNER = "owner"


@dataclass(frozen=True)
class Rule:
    """`sides` may decide with `function`; support, which belongs to no side, needs the Function alone."""

    lifecycle: str
    event: StrEnum
    function: Function
    sides: frozenset[Side]


K, S = CommandKind, Side
EITHER = frozenset({S.SOURCE, S.DESTINATION})
DESTINATION, SOURCE, OWNER = frozenset({S.DESTINATION}), frozenset({S.SOURCE}), frozenset({S.OWNER})

RULES: Mapping[CommandKind, Rule] = {
    K.ACCEPT_REQUEST: Rule("request", request.Event.ACCEPTED, Function.ANSWER_REQUEST, SOURCE),
    K.ASK_BACK_REQUEST: Rule("request", request.Event.ASKED_BACK, Function.ANSWER_REQUEST, SOURCE),
    K.DECLINE_REQUEST: Rule("request", request.Event.DECLINED, Function.ANSWER_REQUEST, SOURCE),
    K.DECLINE_STUDY_REQUEST: Rule("request", request.Event.DECLINED_IN_PART, Function.ANSWER_REQUEST, SOURCE),
    K.REPLY_REQUEST: Rule("request", request.Event.REPLIED, Function.PLACE_REQUEST, DESTINATION),
    K.MATCH_REQUEST: Rule("request", request.Event.MATCHED, Function.PLACE_REQUEST, EITHER),
    K.WITHDRAW_REQUEST: Rule("request", request.Event.WITHDRAWN, Function.PLACE_REQUEST, DESTINATION),
    K.RETRY_TRANSFER: Rule("transfer", transfer.Event.RETRIED, Function.RETRY, SOURCE),
    K.WITHDRAW_TRANSFER: Rule("transfer", transfer.Event.WITHDRAWN, Function.RETRY, SOURCE),
    K.RELEASE_DELIVERY: Rule("delivery", delivery.Event.RELEASED, Function.RELEASE, DESTINATION),
    K.REFUSE_DELIVERY: Rule("delivery", delivery.Event.REFUSED, Function.RELEASE, DESTINATION),
    K.REASSIGN_DELIVERY: Rule("delivery", delivery.Event.REASSIGNED, Function.RELEASE, DESTINATION),
    K.RETRY_DELIVERY: Rule("delivery", delivery.Event.RETRIED, Function.RETRY, EITHER),
    K.CONVERT_DELIVERY: Rule("delivery", delivery.Event.CONVERTED, Function.RETRY, EITHER),
    K.LEAVE_OUT_DELIVERY: Rule("delivery", delivery.Event.LEFT_OUT, Function.RETRY, EITHER),
    K.REDIRECT_DELIVERY: Rule("delivery", delivery.Event.REDIRECTED, Function.RETRY, DESTINATION),
    K.ABANDON_DELIVERY: Rule("delivery", delivery.Event.ABANDONED, Function.RETRY, EITHER),
    K.ASSIGN_ARRIVAL: Rule("arrival", arrival.Event.ASSIGNED, Function.ASSIGN_HELD, SOURCE),
    K.MATCH_ARRIVAL: Rule("arrival", arrival.Event.MATCHED, Function.ASSIGN_HELD, SOURCE),
    K.REFUSE_ARRIVAL: Rule("arrival", arrival.Event.REFUSED, Function.ASSIGN_HELD, SOURCE),
    K.HOLD_NODE: Rule("node", node.Event.HELD, Function.HOLD_NODES, OWNER),
    K.RESUME_NODE: Rule("node", node.Event.RESUMED, Function.HOLD_NODES, OWNER),
    K.PLAN_DOWNTIME: Rule("node", node.Event.PLANNED, Function.HOLD_NODES, OWNER),
    K.CANCEL_DOWNTIME: Rule("node", node.Event.CANCELLED, Function.HOLD_NODES, OWNER),
}


def may_decide(kind: CommandKind, role: Role, sides: frozenset[Side]) -> bool:
    """Whether somebody of `role`, whose Institution stands on `sides`, may ask for `kind`."""
    rule = RULES[kind]
    return may(role, rule.function) and (role is Role.SUPPORT or bool(rule.sides & sides))
