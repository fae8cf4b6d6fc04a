"""What people, and the exchange itself, ask the engine to do: as buttons, pages and lists say it."""

from __future__ import annotations

from collections.abc import Mapping

from models.domain.contracts import CommandKind
from models.domain.lifecycles import delivery

ASKED: Mapping[str, str] = {
    CommandKind.SEARCH_PACS: "Search the PACS",
    CommandKind.SEND_SHEET: "Send the rows of a sheet",
    CommandKind.SEND_SHEET_AGAIN: "Send the failed rows of a sheet again",
    CommandKind.PLACE_REQUEST: "Place the request",
    CommandKind.ACCEPT_REQUEST: "Accept the request",
    CommandKind.DECLINE_REQUEST: "Decline the request",
    CommandKind.DECLINE_STUDY_REQUEST: "Decline one study of the request",
    CommandKind.ASK_BACK_REQUEST: "Ask the requester back",
    CommandKind.REPLY_REQUEST: "Reply to the source's question",
    CommandKind.WITHDRAW_REQUEST: "Withdraw the request",
    CommandKind.MATCH_REQUEST: "Match a study that has come to the request",
    CommandKind.LOOK_AT_REQUEST: "Look whether the request is answered",
    CommandKind.PLACE_TRANSFER: "Send studies from the own PACS",
    CommandKind.RETRY_TRANSFER: "Fetch what is missing again",
    CommandKind.WITHDRAW_TRANSFER: "Withdraw the transfer",
    CommandKind.LOOK_AT_TRANSFER: "Look whether the transfer has come to its end",
    CommandKind.RAISE_URGENCY: "Let the delivery be as urgent as what it answers",
    CommandKind.MATCH_ARRIVAL: "Match the study to a request",
    CommandKind.ASSIGN_ARRIVAL: "Assign the study to a destination",
    CommandKind.REFUSE_ARRIVAL: "Refuse the study",
    CommandKind.RELEASE_DELIVERY: "Release the study",
    CommandKind.REFUSE_DELIVERY: "Refuse the delivery",
    CommandKind.REASSIGN_DELIVERY: "Move the study to another worklist",
    CommandKind.FORWARD_DELIVERY: "Forward the study to another Institution",
    CommandKind.RETRY_DELIVERY: "Send what is missing again",
    CommandKind.CONVERT_DELIVERY: "Send what was not taken uncompressed",
    CommandKind.LEAVE_OUT_DELIVERY: "Leave out what was not taken",
    CommandKind.REDIRECT_DELIVERY: "Send to another Node",
    CommandKind.ABANDON_DELIVERY: "Abandon the delivery",
    CommandKind.HOLD_NODE: "Hold the Node",
    CommandKind.RESUME_NODE: "Let the Node go on",
    CommandKind.PLAN_DOWNTIME: "Plan a downtime of the Node",
    CommandKind.CANCEL_DOWNTIME: "Cancel the Node's planned downtime",
    CommandKind.REPORT_NODE_FAULT: "Look whether the Node answers",
    CommandKind.ANSWER_COMMITMENT: "Tell the sender which images are kept",
    CommandKind.REPORT_COMMITMENT: "Look what the destination has committed to",
    CommandKind.RUN_AGAIN: "Run it again",
    CommandKind.HAND_OVER: "Mail the Institution it was handed over to",
}
"""What each command asks the engine to do."""

IN_STATE: Mapping[tuple[str, str], str] = {
    # Nothing is missing there.
    (CommandKind.RETRY_DELIVERY, delivery.State.DIFFERS_AT_DESTINATION): "Ask its PACS again",
}
"""What is asked with other words where a transaction stands in a certain state."""


def asked(kind: str, state: str = "") -> str:
    """As the button says that stands on the page of what is in `state`."""
    return IN_STATE.get((kind, state), ASKED[kind])


def decided(kind: str, state: str = "") -> str:
    """The same, to go on after who decided it."""
    words = asked(kind, state)
    return words[:1].lower() + words[1:]


def saved(who: str, at: str, what: str) -> str:
    """The one sentence of what somebody has decided about and the engine has yet to carry out; `at` may be empty."""
    decided_at = f"{who} decided at {at}" if at else f"{who} decided"
    return f"{decided_at}: {what}. That is saved and goes on once the engine answers; nobody needs to act."
