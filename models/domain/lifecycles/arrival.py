"""Arrival: one stretch of receiving one Study from one sender."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from models.domain.lifecycle import Lifecycle, Meaning


class State(StrEnum):
    RECEIVING = "receiving"
    FORWARDING = "forwarding"
    SETTLED = "settled"
    HELD = "held"
    ROUTED = "routed"
    MATCHED = "matched"
    REFUSED = "refused"


class Event(StrEnum):
    FORWARDED = "forwarded"
    SETTLED = "settled"
    ROUTED = "routed"
    MATCHED = "matched"
    CONTRADICTED = "contradicted"
    HELD = "held"
    ASSIGNED = "assigned"
    REFUSED = "refused"


S, E = State, Event

ARRIVAL: Lifecycle[State, Event] = Lifecycle(
    name="arrival",
    initial=S.RECEIVING,
    table={
        (S.RECEIVING, E.FORWARDED): S.FORWARDING,
        (S.RECEIVING, E.SETTLED): S.SETTLED,
        (S.FORWARDING, E.ROUTED): S.ROUTED,
        (S.FORWARDING, E.MATCHED): S.MATCHED,
        (S.FORWARDING, E.CONTRADICTED): S.HELD,
        (S.SETTLED, E.ROUTED): S.ROUTED,
        (S.SETTLED, E.MATCHED): S.MATCHED,
        (S.SETTLED, E.HELD): S.HELD,
        (S.HELD, E.ASSIGNED): S.ROUTED,
        (S.HELD, E.MATCHED): S.MATCHED,
        (S.HELD, E.REFUSED): S.REFUSED,
    },
    meanings={
        E.FORWARDED: Meaning("the exchange", "Sending begins while the study still arrives."),
        E.SETTLED: Meaning("the exchange", "No further image is expected; the route is decided."),
        E.ROUTED: Meaning("the exchange", "All images are on their way to the destination's worklist."),
        E.MATCHED: Meaning(
            "the exchange, or the source's PACS officer",
            "The study answers a request and is on its way to the requester.",
        ),
        E.CONTRADICTED: Meaning("the exchange", "Images disagree about patient or destination; sending stops."),
        E.HELD: Meaning("the exchange", "No certain route; a person decides."),
        E.ASSIGNED: Meaning("the source's PACS officer", "The study goes to the chosen destination."),
        E.REFUSED: Meaning("the source's PACS officer", "The study goes nowhere."),
    },
    patience={
        # Re-armed by every image: the silence that counts as the end is set per Node.
        S.RECEIVING: timedelta(minutes=2),
        S.FORWARDING: timedelta(minutes=2),
        S.SETTLED: timedelta(minutes=1),
    },
    parked=frozenset({S.HELD}),
)
