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
    IN_DOWNTIME = "in-downtime"


class Event(StrEnum):
    ANSWERED = "answered"
    FAILED = "failed"
    PROBED = "probed"
    HELD = "held"
    RESUMED = "resumed"
    PLANNED = "planned"
    CANCELLED = "cancelled"
    BEGAN = "began"
    ENDED = "ended"


S, E = State, Event

KEPT_BACK = frozenset({S.HELD, S.IN_DOWNTIME})
"""A person wants nothing sent in these states, whether the Node answers or not."""
AWAY = frozenset({S.DOWN, *KEPT_BACK})
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
        **{(state, E.PLANNED): state for state in S},
        **{(state, E.CANCELLED): state for state in S if state is not S.IN_DOWNTIME},
        (S.UP, E.BEGAN): S.IN_DOWNTIME,
        (S.FAILING, E.BEGAN): S.IN_DOWNTIME,
        (S.DOWN, E.BEGAN): S.IN_DOWNTIME,
        (S.PROBING, E.BEGAN): S.IN_DOWNTIME,
        (S.IN_DOWNTIME, E.HELD): S.HELD,
        (S.IN_DOWNTIME, E.RESUMED): S.PROBING,
        (S.IN_DOWNTIME, E.ENDED): S.PROBING,
    },
    meanings={
        E.ANSWERED: Meaning("the exchange", "The Node answered; what waits for it goes on."),
        E.FAILED: Meaning("the exchange", "The Node did not answer."),
        E.PROBED: Meaning("the exchange", "The Node is asked again by an echo."),
        E.HELD: Meaning(
            "the Institution's PACS officer, or support", "Nothing is sent to the Node until it is resumed."
        ),
        E.RESUMED: Meaning("the Institution's PACS officer, or support", "The Node is asked, then used again."),
        E.PLANNED: Meaning(
            "the Institution's PACS officer, or support", "Nothing is sent to the Node from one time to another."
        ),
        E.CANCELLED: Meaning("the Institution's PACS officer, or support", "Its planned downtime does not take place."),
        E.BEGAN: Meaning("the exchange", "Its planned downtime began; what waits for it is told until when."),
        E.ENDED: Meaning("the exchange", "Its planned downtime is over; it is asked, then used again."),
    },
    patience={
        S.UP: timedelta(minutes=5),
        S.FAILING: timedelta(seconds=10),
        S.DOWN: timedelta(seconds=10),
        S.PROBING: timedelta(seconds=30),
        # It ends when its person said; no later than this.
        S.IN_DOWNTIME: timedelta(days=14),
    },
    parked=frozenset({S.HELD}),
)
