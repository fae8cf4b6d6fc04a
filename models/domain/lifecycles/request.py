"""Request: one Institution asks another for studies of one patient."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from models.domain.lifecycle import Lifecycle, Meaning


class State(StrEnum):
    PLACED = "placed"
    AWAITING_SOURCE = "awaiting-source"
    AWAITING_REQUESTER = "awaiting-requester"
    AWAITING_STUDY = "awaiting-study"
    PARTLY_ANSWERED = "partly-answered"
    ANSWERED = "answered"
    FULFILLED = "fulfilled"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Event(StrEnum):
    TOLD = "told"
    ACCEPTED = "accepted"
    ASKED_BACK = "asked-back"
    REPLIED = "replied"
    DECLINED = "declined"
    DECLINED_IN_PART = "declined-in-part"
    MATCHED = "matched"
    ANSWERED = "answered"
    FULFILLED = "fulfilled"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


S, E = State, Event

# A study may come before anybody has pressed a button: a match is possible in every open state.
OPEN = (S.AWAITING_SOURCE, S.AWAITING_REQUESTER, S.AWAITING_STUDY, S.PARTLY_ANSWERED)

REQUEST: Lifecycle[State, Event] = Lifecycle(
    name="request",
    initial=S.PLACED,
    table={
        (S.PLACED, E.TOLD): S.AWAITING_SOURCE,
        (S.AWAITING_SOURCE, E.ACCEPTED): S.AWAITING_STUDY,
        # The answer came by phone: the question is taken back.
        (S.AWAITING_REQUESTER, E.ACCEPTED): S.AWAITING_STUDY,
        (S.AWAITING_SOURCE, E.ASKED_BACK): S.AWAITING_REQUESTER,
        (S.AWAITING_STUDY, E.ASKED_BACK): S.AWAITING_REQUESTER,
        (S.PARTLY_ANSWERED, E.ASKED_BACK): S.AWAITING_REQUESTER,
        (S.AWAITING_REQUESTER, E.REPLIED): S.AWAITING_SOURCE,
        **{(state, E.DECLINED): S.DECLINED for state in OPEN},
        **{(state, E.DECLINED_IN_PART): S.PARTLY_ANSWERED for state in OPEN},
        **{(state, E.MATCHED): S.PARTLY_ANSWERED for state in OPEN},
        **{(state, E.ANSWERED): S.ANSWERED for state in OPEN},
        (S.ANSWERED, E.MATCHED): S.ANSWERED,
        (S.ANSWERED, E.FULFILLED): S.FULFILLED,
        (S.ANSWERED, E.REOPENED): S.AWAITING_SOURCE,
        **{
            (state, E.REOPENED): S.AWAITING_SOURCE for state in (S.AWAITING_SOURCE, S.AWAITING_STUDY, S.PARTLY_ANSWERED)
        },
        # The question is still open.
        (S.AWAITING_REQUESTER, E.REOPENED): S.AWAITING_REQUESTER,
        **{(state, E.WITHDRAWN): S.WITHDRAWN for state in OPEN},
        **{(state, E.EXPIRED): S.EXPIRED for state in OPEN},
    },
    meanings={
        E.TOLD: Meaning("the exchange", "The source has it on its page and in its mail."),
        E.ACCEPTED: Meaning("the source's PACS officer", "The source says that it will send; the study is awaited."),
        E.ASKED_BACK: Meaning("the source's PACS officer", "The requester is asked a question."),
        E.REPLIED: Meaning("the requester", "The question is answered; the source decides."),
        E.DECLINED: Meaning("the source's PACS officer", "Nothing is sent; the requester is told why."),
        E.DECLINED_IN_PART: Meaning(
            "the source's PACS officer", "A study or a report is not sent; the rest is awaited."
        ),
        E.MATCHED: Meaning("the exchange, or a person", "A study that arrived answers the request."),
        E.ANSWERED: Meaning("the exchange", "All of it has come or was declined; it is being delivered."),
        E.FULFILLED: Meaning("the exchange", "What came is where the requester works; the requester is told."),
        E.REOPENED: Meaning("the exchange", "What came was refused or abandoned; the source is asked again."),
        E.WITHDRAWN: Meaning("the requester", "It is not needed any more; the source is told."),
        E.EXPIRED: Meaning("the exchange", "Nobody answered in time; both sides are told."),
    },
    patience={
        S.PLACED: timedelta(minutes=1),
        # The last limit of each: the source is reminded long before, and sooner the more urgent it is.
        S.AWAITING_SOURCE: timedelta(days=14),
        S.AWAITING_REQUESTER: timedelta(days=14),
        S.AWAITING_STUDY: timedelta(days=14),
        S.PARTLY_ANSWERED: timedelta(days=14),
    },
    parked=frozenset({S.ANSWERED}),
)
