"""Commitment: one request of a sender to be told that its images are kept (storage commitment, PS3.4 Annex J)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from models.domain.lifecycle import Lifecycle, Meaning


class State(StrEnum):
    ASKED = "asked"
    ANSWERED = "answered"
    UNANSWERABLE = "unanswerable"


class Event(StrEnum):
    ANSWERED = "answered"
    GIVEN_UP = "given-up"


S, E = State, Event

COMMITMENT: Lifecycle[State, Event] = Lifecycle(
    name="commitment",
    initial=S.ASKED,
    table={
        (S.ASKED, E.ANSWERED): S.ANSWERED,
        (S.ASKED, E.GIVEN_UP): S.UNANSWERABLE,
    },
    meanings={
        E.ANSWERED: Meaning("the exchange", "The sender knows which of its images the exchange keeps."),
        E.GIVEN_UP: Meaning("the exchange", "The sender cannot be told; its images are kept all the same."),
    },
    # A sender that does not answer is called again for so long.
    patience={S.ASKED: timedelta(days=1)},
    parked=frozenset(),
)
