"""What crosses a border between web, engine and activities: references and counts, never content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.domain.routing import HeldReason
from models.domain.urgency import Urgency

EXCHANGE = "exchange"
"""The actor of what happens by itself; any other actor is an account's id."""


@dataclass(frozen=True)
class Transition:
    """One step of one lifecycle, as the journal writes it. Its key is (run_id, sequence).

    `other_id` is the second thing that it is about, where there is one: the arrival that answers a request.
    """

    lifecycle: str
    subject_id: str
    run_id: str
    sequence: int
    event: str
    before: str
    after: str
    actor: str
    at: datetime
    detail: str = ""
    content_id: str = ""
    other_id: str = ""


@dataclass(frozen=True)
class ArrivalStart:
    """`state` carries on where an earlier run of the same workflow ended."""

    arrival_id: str
    state: str = ""


@dataclass(frozen=True)
class StudyGrew:
    """Ingest has made more durable: `generation` counts the groups of images and the ends of associations."""

    generation: int
    count: int


@dataclass(frozen=True)
class ArrivalOutlook:
    """Whether the source can be asked what the study has; `delivery_id` is set where sending starts early.

    `warning`: both sides must be told at once that the sender is not certain. Without news no look is of use before
    `wait_seconds` have passed.
    """

    source_can_be_asked: bool = False
    delivery_id: str = ""
    urgency: Urgency = Urgency.ROUTINE
    warning: str = ""
    wait_seconds: float = 0.0


@dataclass(frozen=True)
class SealRequest:
    """`asked` is the number of images that the source says the study has; 0 when it did not say.

    None: it has not been asked. Silence then seals nothing yet, only what the sender itself has listed.
    """

    arrival_id: str
    asked: int | None = None


@dataclass(frozen=True)
class Sealed:
    """`basis` says on what evidence the study counts as complete.

    If it does not, `wait_seconds` says when to look again unless it grows before; 0: it only depends on the source.
    """

    sealed: bool
    basis: str = ""
    wait_seconds: float = 0.0


@dataclass(frozen=True)
class RouteRequest:
    """`content_id` names the command that holds a person's choice of worklist; empty: by the rules."""

    arrival_id: str
    content_id: str = ""
    actor: str = EXCHANGE


@dataclass(frozen=True)
class RouteVerdict:
    """`matches`: requests that it certainly answers, offered to them first; `late`: what goes where the study went."""

    delivery_id: str = ""
    urgency: Urgency = Urgency.ROUTINE
    reason: HeldReason | None = None
    detail: str = ""
    matches: tuple[str, ...] = ()
    late: tuple[DeliveryStart, ...] = ()


@dataclass(frozen=True)
class Decision:
    """A person's act. What was entered with it is in the database, under the command `content_id`.

    `seen` is what the person's page showed, where it matters (models/domain/seen.py): of two people at once the later
    one reads who was first, also where both acts are possible one after the other.
    """

    actor: str
    content_id: str = ""
    seen: str = ""


@dataclass(frozen=True)
class DowntimePlan:
    """A person's act: nothing is sent to a Node from `begins` to `ends`."""

    actor: str
    content_id: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class LocalIdentityQuestion:
    """Whether the local Patient ID entered with the command `content_id`, if any, is another person's."""

    delivery_id: str
    content_id: str


@dataclass(frozen=True)
class WorklistQuestion:
    """Whether a delivery is on the worklist still that a person saw it on, and can go where `content_id` moves it."""

    delivery_id: str
    worklist_id: str
    content_id: str = ""


@dataclass(frozen=True)
class NodeQuestion:
    """Whether a delivery can go to the Node that the command `content_id` names."""

    delivery_id: str
    content_id: str


@dataclass(frozen=True)
class DeliveryStart:
    """`state` and the mails that are `untold` carry on where an earlier run of the same workflow ended."""

    delivery_id: str
    urgency: Urgency
    state: str = ""
    untold: tuple[NoticeRequest, ...] = ()


@dataclass(frozen=True)
class Listing:
    """How a delivery stands on its worklist: `automatic` means that the exchange itself releases it.

    `forwarded`: the Institution that got it before has sent it on; its source is told. `unasked`: it would be released,
    but its Node, which is away, must be asked first whose the Patient ID is.
    """

    automatic: bool
    detail: str
    forwarded: bool = False
    unasked: bool = False


@dataclass(frozen=True)
class Sending:
    delivery_id: str
    urgency: Urgency


@dataclass(frozen=True)
class SendReport:
    """`sentence` is empty when the Node accepted all of a finished parcel; else it says why sending stopped.

    `node_away`: nothing was tried, because the Node is down or held; the database notes that the delivery waits for it.
    `planned_until` is when its planned downtime ends, in words that stay the same for one such downtime; else empty.
    """

    accepted: int
    total: int
    sentence: str = ""
    node_away: bool = False
    planned_until: str = ""


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    MISSING = "missing"
    DIFFERENT = "different"
    UNVERIFIABLE = "unverifiable"
    AWAITED = "awaited"
    NODE_AWAY = "node-away"


@dataclass(frozen=True)
class Comparison:
    """The destination's own answer against what was sent, without `left_out` images; `final` if it will stay so.

    Of a Node that is away, `planned_until` is as in a SendReport.
    """

    verdict: Verdict
    present: int
    total: int
    detail: str = ""
    left_out: int = 0
    final: bool = False
    planned_until: str = ""


@dataclass(frozen=True)
class NodeStart:
    """`begins` and `ends` are its planned downtime, if there is one."""

    node_id: str
    state: str = ""
    begins: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True)
class NodeFacts:
    answered: bool
    detail: str = ""


@dataclass(frozen=True)
class NoticeRequest:
    """A mail to the people concerned by a delivery or arrival; sent once for each key and address.

    `account_id` is whose decision it is about, where it is about one.
    """

    key: str
    kind: str
    subject_id: str
    detail: str = ""
    account_id: str = ""


class CommandKind(StrEnum):
    """What may be asked of the engine; each is a message to one workflow."""

    SEARCH_PACS = "search-pacs"
    SEND_SHEET = "send-sheet"
    SEND_SHEET_AGAIN = "send-sheet-again"
    PLACE_REQUEST = "place-request"
    ACCEPT_REQUEST = "accept-request"
    DECLINE_REQUEST = "decline-request"
    DECLINE_STUDY_REQUEST = "decline-study-request"
    ASK_BACK_REQUEST = "ask-back-request"
    REPLY_REQUEST = "reply-request"
    WITHDRAW_REQUEST = "withdraw-request"
    MATCH_REQUEST = "match-request"
    LOOK_AT_REQUEST = "look-at-request"
    PLACE_TRANSFER = "place-transfer"
    RETRY_TRANSFER = "retry-transfer"
    WITHDRAW_TRANSFER = "withdraw-transfer"
    LOOK_AT_TRANSFER = "look-at-transfer"
    MATCH_ARRIVAL = "match-arrival"
    ASSIGN_ARRIVAL = "assign-arrival"
    REFUSE_ARRIVAL = "refuse-arrival"
    RELEASE_DELIVERY = "release-delivery"
    REFUSE_DELIVERY = "refuse-delivery"
    REASSIGN_DELIVERY = "reassign-delivery"
    FORWARD_DELIVERY = "forward-delivery"
    RETRY_DELIVERY = "retry-delivery"
    CONVERT_DELIVERY = "convert-delivery"
    LEAVE_OUT_DELIVERY = "leave-out-delivery"
    REDIRECT_DELIVERY = "redirect-delivery"
    ABANDON_DELIVERY = "abandon-delivery"
    RAISE_URGENCY = "raise-urgency"
    HOLD_NODE = "hold-node"
    RESUME_NODE = "resume-node"
    PLAN_DOWNTIME = "plan-downtime"
    CANCEL_DOWNTIME = "cancel-downtime"
    REPORT_NODE_FAULT = "report-node-fault"
    ANSWER_COMMITMENT = "answer-commitment"
    REPORT_COMMITMENT = "report-commitment"
    RUN_AGAIN = "run-again"
    HAND_OVER = "hand-over"
