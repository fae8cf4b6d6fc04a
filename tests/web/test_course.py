"""The way that something has come, and what it may become."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from models.domain.lifecycles import LIFECYCLES
from models.queries.steps import Step
from web.course import Stage, course
from web.words import COLOURS


@pytest.mark.parametrize("name", list(LIFECYCLES))
def test_a_course_shows_what_each_state_may_become(name: str) -> None:
    lifecycle = LIFECYCLES[name]
    for state in lifecycle.states:
        shown = course(lifecycle, state.value, [])
        assert shown.way == (Stage(state.value),)
        assert state.value not in shown.next
        assert bool(shown.next) == (state not in lifecycle.terminal)
        assert COLOURS[state.value]


def walked(*states: str, lifecycle: str = "request") -> list[Step]:
    """A step a minute from each of `states` to the next."""
    return [
        Step(datetime(2026, 5, 3, 10, minute, tzinfo=UTC), lifecycle, "moved", before, after, "exchange", "")
        for minute, (before, after) in enumerate(pairwise(states))
    ]


def test_a_course_is_the_way_that_led_here_with_its_times() -> None:
    way = ("placed", "awaiting-source", "awaiting-requester", "awaiting-source", "answered")
    steps = [*walked("receiving", "settled", lifecycle="arrival"), *walked(*way, "answered", "answered")]
    shown = course(LIFECYCLES["request"], "answered", steps, began=datetime(2026, 5, 3, 9, 59, tzinfo=UTC))
    assert [stage.state for stage in shown.way] == list(way)
    assert [stage.since and stage.since.minute for stage in shown.way] == [59, 0, 1, 2, 3]
    assert (shown.earlier, shown.next) == (0, ("fulfilled", "awaiting-source"))


def test_steps_of_another_delivery_are_not_on_the_way() -> None:
    mine = walked("waiting", "on-worklist", "sending", lifecycle="delivery")
    others = walked("waiting", "on-worklist", "refused", lifecycle="delivery")
    shown = course(LIFECYCLES["delivery"], "sending", [*mine, *others])
    assert [stage.state for stage in shown.way] == ["waiting", "on-worklist", "sending"]


def test_of_a_long_way_its_end_is_shown() -> None:
    shown = course(
        LIFECYCLES["delivery"], "sending", walked(*["sending", "needs-attention"] * 10, "sending", lifecycle="delivery")
    )
    assert len(shown.way) == 8
    assert shown.earlier == 13
    assert shown.way[-1] == Stage("sending", datetime(2026, 5, 3, 10, 19, tzinfo=UTC))
