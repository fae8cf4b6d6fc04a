"""What the one sentence of a Transaction is told: its counts, its names and its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from models.domain.held_words import held_because, with_conflict
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.delivery import State
from models.domain.parts import Part
from models.domain.sentences import TYPED, Facts
from models.queries.clock import clock_words
from models.queries.downtime import downtime_words
from models.queries.transfer import Sent
from models.queries.under_way import UnderWay
from models.tables import Arrival, Delivery, ImageRequest, Transaction, now

CONFIRMED = (State.CONFIRMED, State.CONFIRMED_IN_PART)


@dataclass(frozen=True)
class Counted:
    """A delivery, how many of its images its Node accepted, of how many, and how many a person has left out."""

    delivery: Delivery
    accepted: int
    total: int
    left_out: int


@dataclass(frozen=True)
class Known:
    """What was read of one Transaction. Of its held arrival `fit` is how many requests it fits.

    `conflict` is why the images of that cannot be about one person; empty where they can. `apart` objects that came
    with them are held by themselves.
    """

    transaction: Transaction
    destination_id: str
    request: ImageRequest | None
    sent: Sent | None
    under_way: UnderWay
    arrival: Arrival | None
    counted: Counted | None
    fit: int
    conflict: str
    apart: int

    @property
    def delivery(self) -> Delivery | None:
        return self.counted.delivery if self.counted else None


@dataclass(frozen=True)
class Manner:
    """How it is told; `names` are those of the accounts that may have to be named.

    Times are as clocks show them in the time zone `zone`; without one they are left out. So is, unless `typed`, what a
    person typed, and, unless `in_detail`, what a Node said.
    """

    zone: str = ""
    in_detail: bool = True
    typed: bool = True
    names: Mapping[str, str] = field(default_factory=dict)


def state_of(transaction: Transaction) -> StrEnum:
    """In the lifecycle that the Transaction is in."""
    state: StrEnum = LIFECYCLES[transaction.lifecycle].states[0].__class__(transaction.state)
    return state


def is_held(transaction: Transaction) -> bool:
    return (transaction.lifecycle, transaction.state) == ("arrival", ArrivalState.HELD)


def facts_of(known: Known, manner: Manner) -> Facts:
    """What a sentence may say of it."""
    transaction, delivery, counted, coming = known.transaction, known.delivery, known.counted, known.under_way
    down_for, down_until = downtime_words(delivery.node if delivery else None, manner.zone)
    facts = Facts(
        source=transaction.institution_id,
        destination=known.destination_id,
        node=delivery.node.name if delivery else "",
        present=present(transaction, delivery, counted.accepted if counted else 0),
        total=_total(known),
        left_out=counted.left_out if counted else 0,
        left_out_by=_by(counted, manner) if counted else "",
        detail=_detail(known, manner),
        fault=delivery.fault if delivery and manner.in_detail else "",
        node_is_away=delivery is not None and delivery.waiting_since is not None,
        down_for=down_for,
        down_until=down_until,
        since=clock_words(transaction.state_since, manner.zone, now()) if manner.zone else "",
        then=_reminder(known.request, manner.zone),
        on_worklist=coming.on_worklist,
        stopped=coming.stopped,
        lost=coming.lost,
        possible=coming.possible,
        in_part=coming.in_part,
        held=coming.held,
        in_conflict=bool(known.conflict),
    )
    if known.request is not None:
        facts = _of_request(facts, known.request)
    if known.sent is not None:
        facts = _of_transfer(facts, known.sent, manner.in_detail)
    return facts


def present(transaction: Transaction, delivery: Delivery | None, accepted: int) -> int:
    """How many images are at the Node, as far as is known: what it has confirmed, or else what it has accepted."""
    if delivery is not None and delivery.present is not None and transaction.state in CONFIRMED:
        return delivery.present
    return accepted


def _total(known: Known) -> int:
    if known.arrival is not None and known.transaction.lifecycle == "arrival":
        return known.arrival.count
    return known.counted.total if known.counted else 0


def _detail(known: Known, manner: Manner) -> str:
    """What was said or typed about its state, as far as that is told."""
    transaction = known.transaction
    subject = {
        "request": known.request,
        "transfer": known.sent.transfer if known.sent else None,
        "arrival": known.arrival,
        "delivery": known.delivery,
    }[transaction.lifecycle]
    is_typed = (transaction.lifecycle, state_of(transaction)) in TYPED
    tells = manner.in_detail and (manner.typed or not is_typed)
    detail = subject.state_detail if subject and tells else ""
    if known.conflict:
        # Nothing that cannot be assigned answers a request.
        return with_conflict(detail, known.conflict) if tells else ""
    return held_because(detail, known.fit) if is_held(transaction) else detail


def _of_transfer(facts: Facts, sent: Sent, in_detail: bool) -> Facts:
    return replace(
        facts,
        node=sent.transfer.node.name,
        present=sent.here,
        total=sent.total,
        studies=len(sent.studies),
        fault=sent.transfer.fault if in_detail else "",
    )


def _of_request(facts: Facts, request: ImageRequest) -> Facts:
    # What was declined is no longer owed; of a request that was declined as a whole, all of it was asked.
    owed = [study for study in request.studies if study.state != "declined"] or request.studies
    reports = [study for study in owed if study.wants == Part.REPORT]
    studies = [study for study in owed if study.wants == Part.IMAGES]
    return replace(
        facts,
        present=sum(study.state == "answered" for study in studies),
        total=len(studies),
        reports_present=sum(study.state == "answered" for study in reports),
        reports=len(reports),
        paired={study.item for study in studies} == {study.item for study in reports},
    )


def _reminder(request: ImageRequest | None, zone: str) -> str:
    at = now()
    if request is None or request.next_reminder_at is None or request.next_reminder_at <= at or not zone:
        return ""
    return clock_words(request.next_reminder_at, zone, at)


def _by(counted: Counted, manner: Manner) -> str:
    """Like "by P Officer (ZX2) at 14:05: not in my hands", to go on after "was left out"."""
    delivery = counted.delivery
    if not counted.left_out or delivery.left_out_at is None:
        return ""
    at = f" at {clock_words(delivery.left_out_at, manner.zone, now())}" if manner.zone else ""
    tells = manner.in_detail and manner.typed
    why = delivery.left_out_because.strip().rstrip(".") if tells else ""
    return f"by {manner.names[delivery.left_out_by]}{at}{f': {why}' if why else ''}"
