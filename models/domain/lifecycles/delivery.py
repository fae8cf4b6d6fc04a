"""Delivery: one parcel to one destination's worklist."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from models.domain.lifecycle import Lifecycle, Meaning


class State(StrEnum):
    WAITING = "waiting"
    ON_WORKLIST = "on-worklist"
    SENDING = "sending"
    SENT = "sent"
    NEEDS_ATTENTION = "needs-attention"
    DIFFERS_AT_DESTINATION = "differs-at-destination"
    CONFIRMED = "confirmed"
    CONFIRMED_IN_PART = "confirmed-in-part"
    UNVERIFIABLE = "unverifiable"
    ABANDONED = "abandoned"
    REFUSED = "refused"


class Event(StrEnum):
    LISTED = "listed"
    RELEASED = "released"
    REFUSED = "refused"
    REASSIGNED = "reassigned"
    SENT = "sent"
    PARKED = "parked"
    CONFIRMED = "confirmed"
    CONFIRMED_IN_PART = "confirmed-in-part"
    FOUND_MISSING = "found-missing"
    FOUND_DIFFERENT = "found-different"
    FOUND_UNVERIFIABLE = "found-unverifiable"
    RETRIED = "retried"
    CONVERTED = "converted"
    LEFT_OUT = "left-out"
    REDIRECTED = "redirected"
    ABANDONED = "abandoned"
    WITHDRAWN = "withdrawn"


S, E = State, Event

DELIVERY: Lifecycle[State, Event] = Lifecycle(
    name="delivery",
    initial=S.WAITING,
    table={
        (S.WAITING, E.LISTED): S.ON_WORKLIST,
        (S.ON_WORKLIST, E.RELEASED): S.SENDING,
        (S.ON_WORKLIST, E.REFUSED): S.REFUSED,
        (S.ON_WORKLIST, E.REASSIGNED): S.ON_WORKLIST,
        (S.SENDING, E.SENT): S.SENT,
        (S.SENDING, E.PARKED): S.NEEDS_ATTENTION,
        (S.SENDING, E.REDIRECTED): S.SENDING,
        (S.SENDING, E.ABANDONED): S.ABANDONED,
        (S.SENT, E.CONFIRMED): S.CONFIRMED,
        (S.SENT, E.CONFIRMED_IN_PART): S.CONFIRMED_IN_PART,
        (S.SENT, E.FOUND_MISSING): S.SENDING,
        (S.SENT, E.FOUND_DIFFERENT): S.DIFFERS_AT_DESTINATION,
        (S.SENT, E.FOUND_UNVERIFIABLE): S.UNVERIFIABLE,
        (S.SENT, E.PARKED): S.NEEDS_ATTENTION,
        # Its Node may never come back to be asked.
        (S.SENT, E.REDIRECTED): S.SENDING,
        (S.SENT, E.ABANDONED): S.ABANDONED,
        (S.NEEDS_ATTENTION, E.RETRIED): S.SENDING,
        (S.NEEDS_ATTENTION, E.CONVERTED): S.SENDING,
        (S.NEEDS_ATTENTION, E.LEFT_OUT): S.SENDING,
        (S.NEEDS_ATTENTION, E.REDIRECTED): S.SENDING,
        (S.NEEDS_ATTENTION, E.ABANDONED): S.ABANDONED,
        (S.DIFFERS_AT_DESTINATION, E.RETRIED): S.SENDING,
        (S.DIFFERS_AT_DESTINATION, E.ABANDONED): S.ABANDONED,
        (S.WAITING, E.WITHDRAWN): S.ABANDONED,
        (S.ON_WORKLIST, E.WITHDRAWN): S.ABANDONED,
        (S.SENDING, E.WITHDRAWN): S.ABANDONED,
        (S.NEEDS_ATTENTION, E.WITHDRAWN): S.ABANDONED,
        (S.DIFFERS_AT_DESTINATION, E.WITHDRAWN): S.ABANDONED,
    },
    meanings={
        E.LISTED: Meaning("the exchange", "The parcel is on the destination's worklist; its people are told."),
        E.RELEASED: Meaning("the destination's PACS officer, or the exchange", "Sending begins."),
        E.REFUSED: Meaning("the destination's PACS officer", "Nothing is sent; the sender is told why."),
        E.REASSIGNED: Meaning("the destination's PACS officer", "It waits on another of the Institution's worklists."),
        E.SENT: Meaning("the exchange", "The destination accepted every image; it is now asked for them."),
        E.PARKED: Meaning("the exchange", "Sending stopped; a person chooses what happens next."),
        E.CONFIRMED: Meaning("the exchange", "The destination itself lists every image, for the right patient."),
        E.CONFIRMED_IN_PART: Meaning(
            "the exchange", "The destination itself lists all but what a person has left out; both sides are told."
        ),
        E.FOUND_MISSING: Meaning("the exchange", "The destination lacks images; they are sent once more."),
        E.FOUND_DIFFERENT: Meaning("the exchange", "The destination files the study under other identifiers."),
        E.FOUND_UNVERIFIABLE: Meaning("the exchange", "The destination cannot be asked: sent, not verifiable."),
        E.RETRIED: Meaning("either side's PACS officer, or support", "What is missing is sent again."),
        E.CONVERTED: Meaning(
            "either side's PACS officer",
            "What was not taken is sent again uncompressed; it shows the same.",
        ),
        E.LEFT_OUT: Meaning(
            "either side's PACS officer", "What was not taken is not sent; the study is confirmed without it, in part."
        ),
        E.REDIRECTED: Meaning("the destination's PACS officer, or support", "Sent to another of its Nodes."),
        E.ABANDONED: Meaning("either side's PACS officer, or support", "It ends here; both sides are told."),
        E.WITHDRAWN: Meaning(
            "the exchange", "Its study goes elsewhere, or nowhere: nothing more is sent, and both sides are told."
        ),
    },
    patience={
        S.WAITING: timedelta(minutes=1),
        # Passing faults are retried for ever; after this long both sides are told that it takes long.
        S.SENDING: timedelta(hours=1),
        S.SENT: timedelta(minutes=10),
    },
    parked=frozenset({S.ON_WORKLIST, S.NEEDS_ATTENTION, S.DIFFERS_AT_DESTINATION}),
)
