"""Node: the health of one DICOM application entity. It never ends."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from models.domain.lifecycle import Lifecycle, Meaning


class State(StrEnum):
    UP = "up"
    FAILING = "failing"
    DOWN = "down"
    PROBING = "probing"
    HELD = "held"


class Event(StrEnum):
    ANSWERED = "answered"
    FAILED = "failed"
    PROBED = "probed"
    HELD = "held"
    RESUMED = "resumed"


S, E = State, Event

AWAY = frozenset({S.DOWN, S.HELD})
"""Nothing is sent to a Node in these states; what is for it waits."""

NODE: Lifecycle[State, Event] = Lifecycle(
    name="node",
    initial=S.UP,
    table={
        (S.UP, E.FAILED): S.FAILING,
        (S.FAILING, E.ANSWERED): S.UP,
        (S.FAILING, E.FAILED): S.DOWN,
        (S.DOWN, E.PROBED): S.PROBING,
        (S.PROBING, E.ANSWERED): S.UP,
        (S.PROBING, E.FAILED): S.DOWN,
        (S.UP, E.HELD): S.HELD,
        (S.FAILING, E.HELD): S.HELD,
        (S.DOWN, E.HELD): S.HELD,
        (S.PROBING, E.HELD): S.HELD,
        (S.HELD, E.RESUMED): S.PROBING,
    },
    meanings={
        E.ANSWERED: Meaning("the exchange", "The Node answered; what waits for it goes on."),
        E.FAILED: Meaning("the exchange", "The Node did not answer."),
        E.PROBED: Meaning("the exchange", "The Node is asked again by an echo."),
        E.HELD: Meaning(
            "the Institution's PACS officer, or support", "Nothing is sent to the Node until it is resumed."
        ),
        E.RESUMED: Meaning("the Institution's PACS officer, or support", "The Node is asked, then used again."),
    },
    patience={
        S.UP: timedelta(minutes=5),
        S.FAILING: timedelta(seconds=10),
        S.DOWN: timedelta(seconds=10),
        S.PROBING: timedelta(seconds=30),
    },
    parked=frozenset({S.HELD}),
)
