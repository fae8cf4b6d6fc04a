"""What came in answer to requests: which deliveries it takes, and how far a request has got by them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.deliveries import default_worklist, delivery_to, open_delivery
from models.directory import routing_directory
from models.domain.contracts import EXCHANGE, CommandKind, DeliveryStart
from models.domain.lifecycles import ARRIVAL, DELIVERY
from models.domain.lifecycles.delivery import State
from models.domain.request_contracts import RequestProgress
from models.domain.urgency import Urgency
from models.most_urgent import MOST_URGENT_FIRST, earliest
from models.outbox import post
from models.parts import parts_held
from models.references import new_reference
from models.tables import Arrival, Candidate, Delivery, ImageRequest, Parcel, RequestedStudy, Transaction, new_id, now

PRIORS = 2
"""How many earlier studies one tick asks for."""
ARRIVED = (State.CONFIRMED, State.CONFIRMED_IN_PART, State.UNVERIFIABLE)
LATE = timedelta(days=1)
"""Images that come within this after their study was complete belong to it; later ones are a push of their own."""
FAILED = (State.REFUSED, State.ABANDONED)


def answer(session: Session, study: RequestedStudy, arrival_id: str, actor: str, at: datetime) -> None:
    """The arrival answers the requested study. One that asks for priors is answered when as many came as it means."""
    candidate = session.get_one(Candidate, (study.id, arrival_id))
    if candidate.answered_at is None:
        candidate.answered_at, candidate.actor, candidate.dismissed_at = at, actor, None
        session.flush()
        _hurry(session, study, arrival_id)
    if not study.is_prior or _answers_to(session, study) >= PRIORS:
        study.state, study.reason = "answered", ""


def close(session: Session, study: RequestedStudy, reason: str) -> None:
    """Nothing (more) comes for the requested study; priors of which one came are answered by that one."""
    came = study.is_prior and _answers_to(session, study) > 0
    study.state, study.reason = ("answered", "") if came else ("declined", reason)


def want_again(session: Session, request: ImageRequest, at: datetime) -> None:
    """What was refused or abandoned on its way is wanted again, and not to be answered by the same arrival."""
    for candidate, study, end in _answers(session, request):
        if end in FAILED:
            candidate.answered_at, candidate.dismissed_at = None, at
            study.state = "wanted"


def progress(session: Session, request: ImageRequest) -> RequestProgress:
    """How much is wanted and declined; how many answers came, and how their deliveries have ended.

    What brought images and report counts for both.
    """
    states = list(session.scalars(select(RequestedStudy.state).where(RequestedStudy.request_id == request.id)))
    ends = [end for *_, end in _answers(session, request)]
    return RequestProgress(
        wanted=states.count("wanted"),
        answered=len(ends),
        delivered=sum(end in ARRIVED for end in ends),
        failed=sum(end in FAILED for end in ends),
        declined=states.count("declined"),
    )


def requests_answered_by(session: Session, arrival_id: str, requester: str = "") -> list[ImageRequest]:
    """The requests that took the arrival, the most urgent first; or only those of one requester."""
    query = (
        select(ImageRequest)
        .join(Transaction, Transaction.id == ImageRequest.transaction_id)
        .where(
            ImageRequest.id.in_(
                select(RequestedStudy.request_id)
                .join(Candidate, Candidate.requested_study_id == RequestedStudy.id)
                .where(Candidate.arrival_id == arrival_id, Candidate.answered_at.is_not(None))
            )
        )
        .order_by(MOST_URGENT_FIRST, ImageRequest.placed_at)
    )
    return list(session.scalars(query.where(ImageRequest.institution_id == requester) if requester else query))


def left_without(session: Session, arrival: Arrival) -> list[ImageRequest]:
    """The requests that took the arrival and to whose Institutions nothing of it goes."""
    served = set(
        session.scalars(
            select(Delivery.institution_id)
            .join(Parcel, Parcel.id == Delivery.parcel_id)
            .where(Parcel.arrival_id == arrival.id)
        )
    )
    return [each for each in requests_answered_by(session, arrival.id) if each.institution_id not in served]


def open_answers(session: Session, arrival: Arrival) -> list[Delivery]:
    """A delivery for each Institution whose request took the arrival: made once, found again afterwards.

    The first goes under the arrival's own transaction if nothing does yet; each further one has a copy of its own.
    """
    opened: dict[str, Delivery] = {}
    for request in requests_answered_by(session, arrival.id):
        requester = request.institution_id
        if requester not in opened:
            opened[requester] = _delivery_to(session, arrival, request)
        _raise_urgency(session, opened[requester], request)
    return list(opened.values())


def start_of(session: Session, delivery: Delivery) -> DeliveryStart:
    """With what the delivery's workflow starts."""
    return DeliveryStart(delivery.id, Urgency(session.get_one(Transaction, delivery.transaction_id).urgency))


def follow_late(session: Session, arrival: Arrival, offered: Collection[str]) -> None:
    """Images that come after their study was taken go the same way: what the earlier ones answered, they answer.

    The report of it, where it is wanted too, does not: it is `offered` to those requests as what it is.
    """
    if arrival.transaction.follows_id is None:
        return
    holds = parts_held(session, arrival)
    before = session.scalars(
        select(Candidate)
        .join(Arrival, Arrival.id == Candidate.arrival_id)
        .join(RequestedStudy, RequestedStudy.id == Candidate.requested_study_id)
        .where(
            Arrival.transaction_id == arrival.transaction.follows_id,
            Arrival.study_id == arrival.study_id,
            Arrival.sealed_at > arrival.opened_at - LATE,
            Candidate.answered_at.is_not(None),
        )
    )
    agreements = routing_directory(session).agreements
    for candidate in before:
        # A requested study is its requester's.
        if (arrival.institution_id, candidate.study.institution_id) not in agreements:
            continue
        if candidate.study.request_id in offered and candidate.study.wants not in holds:
            continue
        session.merge(
            Candidate(
                requested_study_id=candidate.requested_study_id,
                arrival_id=arrival.id,
                institution_id=arrival.institution_id,
                is_certain=candidate.is_certain,
                agrees=candidate.agrees,
                differs=candidate.differs,
                found_at=now(),
                answered_at=now(),
                actor=EXCHANGE,
            )
        )
    session.flush()


def _answers_to(session: Session, study: RequestedStudy) -> int:
    """Late images of a study that came make no second one of it."""
    return (
        session.scalar(
            select(func.count(func.distinct(Arrival.study_id)))
            .join(Candidate, Candidate.arrival_id == Arrival.id)
            .where(Candidate.requested_study_id == study.id, Candidate.answered_at.is_not(None))
        )
        or 0
    )


def _answers(session: Session, request: ImageRequest) -> list[tuple[Candidate, RequestedStudy, str]]:
    """What answers, and how its delivery stands. Late images that were refused do not undo a study that is there."""
    rows = session.execute(
        select(Candidate, RequestedStudy, Delivery)
        .join(RequestedStudy, RequestedStudy.id == Candidate.requested_study_id)
        .outerjoin(Parcel, Parcel.arrival_id == Candidate.arrival_id)
        .outerjoin(Delivery, (Delivery.parcel_id == Parcel.id) & (Delivery.institution_id == request.institution_id))
        .where(RequestedStudy.request_id == request.id, Candidate.answered_at.is_not(None))
    )
    answers = [(candidate, study, _end(candidate, delivery)) for candidate, study, delivery in rows]
    coming = {(study.id, candidate.arrival.study_id) for candidate, study, end in answers if end not in FAILED}
    return [
        (candidate, study, end)
        for candidate, study, end in answers
        if end not in FAILED or (study.id, candidate.arrival.study_id) not in coming
    ]


def _end(candidate: Candidate, delivery: Delivery | None) -> str:
    """How the delivery of what answered stands; where there is none, the arrival was refused or has gone elsewhere."""
    if delivery is not None:
        return delivery.state
    return State.ABANDONED if candidate.arrival.state in ARRIVAL.terminal else ""


def _delivery_to(session: Session, arrival: Arrival, request: ImageRequest) -> Delivery:
    requester = request.institution_id
    there = delivery_to(session, arrival.id, requester, for_update=True)
    if there is not None:
        worklist, transaction = there.worklist, session.get_one(Transaction, there.transaction_id)
    else:
        worklist, transaction = default_worklist(session, requester), _transaction_to(session, arrival, requester)
    return open_delivery(session, arrival, worklist, sealed=True, transaction=transaction)


def _transaction_to(session: Session, arrival: Arrival, requester: str) -> Transaction:
    taken = session.scalars(select(Delivery.id).where(Delivery.transaction_id == arrival.transaction_id)).first()
    return arrival.transaction if taken is None else _copy(session, arrival, requester)


def _copy(session: Session, arrival: Arrival, requester: str) -> Transaction:
    at = now()
    copy = Transaction(
        reference=new_reference(),
        kind="copy",
        institution_id=arrival.institution_id,
        destination_id=requester,
        follows_id=arrival.transaction_id,
        urgency=arrival.transaction.urgency,
        due_at=arrival.transaction.due_at,
        lifecycle=DELIVERY.name,
        state=DELIVERY.initial.value,
        state_since=at,
        opened_at=at,
    )
    session.add(copy)
    session.flush()
    return copy


def _hurry(session: Session, study: RequestedStudy, arrival_id: str) -> None:
    """What goes to the requester already is from now on as urgent as what it answers, and its delivery is told."""
    delivery = delivery_to(session, arrival_id, study.institution_id)
    if delivery is None or delivery.state not in DELIVERY.unfinished:
        return
    carrying = session.get_one(Transaction, delivery.transaction_id)
    before = carrying.urgency
    _raise_urgency(session, delivery, session.get_one(ImageRequest, study.request_id))
    if carrying.urgency != before:
        post(
            session,
            new_id(),
            institution_id=delivery.institution_id,
            kind=CommandKind.RAISE_URGENCY,
            subject_id=delivery.id,
            actor=EXCHANGE,
            content={"urgency": carrying.urgency},
        )


def _raise_urgency(session: Session, delivery: Delivery, request: ImageRequest) -> None:
    """As urgent as the most urgent of what it answers, and due as early as the earliest."""
    carrying = session.get_one(Transaction, delivery.transaction_id)
    carrying.due_at = earliest(carrying.due_at, request.transaction.due_at)
    if Urgency(request.transaction.urgency).priority < Urgency(carrying.urgency).priority:
        carrying.urgency = request.transaction.urgency
