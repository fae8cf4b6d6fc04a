"""What requests ask of the database: when to remind, how far they have got, and what it takes to answer them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from activities.border import acts
from activities.effects import content_of
from models.answers import open_answers, progress, requests_answered_by, start_of
from models.candidates import note_chosen, recognised
from models.db import Database
from models.deliveries import delivery_to
from models.domain.errors import NotAllowed
from models.domain.held_words import IF_IN_CONFLICT
from models.domain.lifecycles import DELIVERY
from models.domain.lifecycles.request import State
from models.domain.request_contracts import (
    Answered,
    MatchChoice,
    Recognition,
    ReminderDue,
    RequestOutlook,
    RequestProgress,
)
from models.domain.urgency import Urgency
from models.office_hours import TELL_REQUESTER_FROM, next_reminder
from models.tables import Arrival, ImageRequest, Institution, RequestedStudy, now
from models.two_patients import identity_conflict


class RequestActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def outlook(self, request_id: str) -> RequestOutlook:
        """When the request is to be brought up next, counted from when its state began. Idempotent by request."""
        with self.database.begin() as session:
            return _outlook(session, session.get_one(ImageRequest, request_id, with_for_update=True))

    @acts
    def reminded(self, due: ReminderDue) -> RequestOutlook:
        """Count a reminder, and say when the next one is due. Idempotent by the time for which it was due."""
        with self.database.begin() as session:
            request = session.get_one(ImageRequest, due.request_id, with_for_update=True)
            if request.next_reminder_at == due.at:
                request.reminded += 1
                # What fell into a time when the engine was away is not made up for.
                while _next(session, request) <= now():
                    request.reminded += 1
            return _outlook(session, request)

    @acts
    def progress(self, request_id: str) -> RequestProgress:
        """How far the request has got. Only reads."""
        with self.database.begin() as session:
            return progress(session, session.get_one(ImageRequest, request_id))

    @acts
    def chosen(self, choice: MatchChoice) -> str:
        """The id of the request that a person says the arrival answers. Idempotent by arrival and requested study.

        Raises NotAllowed with a sentence when it cannot.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, choice.arrival_id, with_for_update=True)
            conflict = identity_conflict(session, arrival)
            if conflict is not None:
                raise NotAllowed(f"{conflict.detail} {IF_IN_CONFLICT}")
            study_id = str(content_of(session, choice.content_id).get("requested_study_id", ""))
            request = note_chosen(session, arrival, study_id)
            there = delivery_to(session, arrival.id, request.institution_id)
            if there is not None and there.state in DELIVERY.terminal:
                # On whichever of its worklists it was: what has ended is not delivered anew.
                raise NotAllowed(f"It was {there.state} there before; push it again from your PACS.")
            return request.id

    @acts
    def must_be_wanted(self, recognition: Recognition) -> None:
        """NotAllowed with a sentence where the study that a person named has come or was declined. Only reads."""
        with self.database.begin() as session:
            named = str(content_of(session, recognition.content_id).get("requested_study_id", ""))
            study = session.get(RequestedStudy, named)
            if study is None or study.request_id != recognition.request_id:
                raise NotAllowed("There is no such study in this request; reload the page.")
            if study.state != "wanted":
                raise NotAllowed(f"Too late: that {study.noun} is {study.state} already; reload the page.")

    @acts
    def recognised(self, recognition: Recognition) -> str:
        """The id of the arrival that a person says is the study asked for. Only reads; NotAllowed when it cannot be."""
        with self.database.begin() as session:
            request = session.get_one(ImageRequest, recognition.request_id)
            content = content_of(session, recognition.content_id)
            return recognised(session, request, str(content.get("requested_study_id")), str(content.get("arrival_id")))

    @acts
    def answer(self, arrival_id: str) -> Answered:
        """Open a delivery to each Institution whose request has taken the arrival; idempotent by these two.

        What the requests have taken stands in the database: an answer that was lost on its way is no answer lost.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, arrival_id, with_for_update=True)
            if identity_conflict(session, arrival) is not None:
                # It was taken while it seemed to be of one patient.
                return Answered()
            deliveries = tuple(start_of(session, delivery) for delivery in open_answers(session, arrival))
            # Who else asked for it is not for this one to read.
            requester = arrival.transaction.destination_id or ""
            requests = requests_answered_by(session, arrival_id, requester) if requester else []
            references = [each.transaction.reference for each in requests]
            return Answered(deliveries, f"In answer to {', '.join(references)}." if references else "")


def _outlook(session: Session, request: ImageRequest) -> RequestOutlook:
    due = _next(session, request)
    request.next_reminder_at = due if due < request.expires_at else None
    return RequestOutlook(
        request.expires_at, request.next_reminder_at, remind_requester=request.reminded + 1 >= TELL_REQUESTER_FROM
    )


def _next(session: Session, request: ImageRequest) -> datetime:
    mover = request.institution_id if request.state == State.AWAITING_REQUESTER else request.source_id
    zone = session.get_one(Institution, mover).time_zone
    began = request.transaction.state_since
    return next_reminder(Urgency(request.transaction.urgency), began, request.reminded, zone)
