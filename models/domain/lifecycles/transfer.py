"""Transfer: an Institution sends studies from its own PACS to another Institution without being asked."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from models.domain.lifecycle import Lifecycle, Meaning


class State(StrEnum):
    PLACED = "placed"
    RETRIEVING = "retrieving"
    DELIVERING = "delivering"
    NEEDS_ATTENTION = "needs-attention"
    FULFILLED = "fulfilled"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    LISTED = "listed"
    RETRIEVED = "retrieved"
    PARKED = "parked"
    RETRIED = "retried"
    REOPENED = "reopened"
    FULFILLED = "fulfilled"
    WITHDRAWN = "withdrawn"


S, E = State, Event

# While images may still be fetched for it; afterwards the destination decides.
OPEN = (S.PLACED, S.RETRIEVING, S.NEEDS_ATTENTION)

TRANSFER: Lifecycle[State, Event] = Lifecycle(
    name="transfer",
    initial=S.PLACED,
    table={
        (S.PLACED, E.LISTED): S.RETRIEVING,
        (S.PLACED, E.PARKED): S.NEEDS_ATTENTION,
        (S.RETRIEVING, E.RETRIEVED): S.DELIVERING,
        (S.RETRIEVING, E.PARKED): S.NEEDS_ATTENTION,
        (S.DELIVERING, E.FULFILLED): S.FULFILLED,
        (S.DELIVERING, E.PARKED): S.NEEDS_ATTENTION,
        (S.NEEDS_ATTENTION, E.RETRIED): S.PLACED,
        (S.NEEDS_ATTENTION, E.REOPENED): S.PLACED,
        **{(state, E.WITHDRAWN): S.WITHDRAWN for state in OPEN},
    },
    meanings={
        E.LISTED: Meaning("the exchange", "The sender's PACS has said which images there are; they are fetched."),
        E.RETRIEVED: Meaning("the exchange", "Every image has come; the studies are on their way to the destination."),
        E.PARKED: Meaning("the exchange", "It has stopped; the sender chooses what happens next."),
        E.RETRIED: Meaning("the sender's PACS officer", "What is missing is fetched again."),
        E.REOPENED: Meaning("the exchange", "What was missing has come after all; it goes on."),
        E.FULFILLED: Meaning("the exchange", "Every study is at the destination."),
        E.WITHDRAWN: Meaning("the sender's PACS officer", "Nothing more is fetched; what is on its way goes on."),
    },
    patience={
        # A PACS that is away is asked for ever; after this long both sides are told that it takes long.
        S.PLACED: timedelta(hours=1),
        S.RETRIEVING: timedelta(hours=1),
    },
    parked=frozenset({S.DELIVERING, S.NEEDS_ATTENTION}),
)
