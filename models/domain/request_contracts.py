"""What crosses a border for requests, and between a request and a study that arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.domain.contracts import EXCHANGE, DeliveryStart, NoticeRequest


@dataclass(frozen=True)
class StudyMatched:
    """Offered to a request; it answers with `MatchAnswer`. `actor` is the exchange or the person who chose."""

    arrival_id: str
    actor: str = EXCHANGE
    detail: str = ""
    content_id: str = ""


@dataclass(frozen=True)
class MatchAnswer:
    """What a request says to a study that was offered; `sentence` tells why it does not take it."""

    request_id: str
    accepted: bool
    sentence: str = ""


@dataclass(frozen=True)
class MatchChoice:
    """A person says which requested study an arrival answers; that is in the database under `content_id`."""

    arrival_id: str
    content_id: str


@dataclass(frozen=True)
class Recognition:
    """A person says which arrival, on its way to the requester, answers; that is in the database under `content_id`."""

    request_id: str
    content_id: str


@dataclass(frozen=True)
class Answered:
    """The deliveries to the worklists of those whose requests have taken an arrival; `detail` names the requests."""

    deliveries: tuple[DeliveryStart, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class RequestStart:
    """`state` and the mails that are `untold` carry on where an earlier run of the same workflow ended."""

    request_id: str
    state: str = ""
    untold: tuple[NoticeRequest, ...] = ()


@dataclass(frozen=True)
class ReminderDue:
    """The reminder that was to be sent `at` is being sent: it counts, once."""

    request_id: str
    at: datetime


@dataclass(frozen=True)
class RequestOutlook:
    """When the request expires, and when whose move it is is reminded next (None: not again before it expires).

    `remind_requester`: with that reminder the requester is told that the source has not moved, and whom to ring.
    """

    expires_at: datetime
    remind_at: datetime | None = None
    remind_requester: bool = False


@dataclass(frozen=True)
class RequestProgress:
    """Studies that are still `wanted` or were `declined`; arrivals that `answered`, and how their deliveries ended.

    `failed` counts answers that were refused or abandoned on the way.
    """

    wanted: int
    answered: int
    delivered: int
    failed: int
    declined: int
