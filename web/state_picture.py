"""A lifecycle as a picture, drawn from its own table: SVG without any style, for site.css to dress."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any, NamedTuple

from markupsafe import Markup

from models.domain.lifecycle import Lifecycle

WIDTH, HEIGHT = 124, 44  # of a state, in px
ACROSS, DOWN = 172, 64  # from one state to the next
MARGIN = 8
LANE = 7  # how far the way back runs beside the way there
LINE = 16

Move = tuple[str, str]


class Place(NamedTuple):
    """The upper left corner of a state."""

    x: int
    y: int

    @property
    def middle(self) -> int:
        return self.y + HEIGHT // 2


def picture(lifecycle: Lifecycle[Any, Any], state: str, passed: Collection[Move], key: str) -> Markup:
    """The states and moves; `state` is lit, and the (before, after) in `passed` are marked as gone.

    `key` makes the ids in this picture unlike those of another on the same page.
    """
    places = layout(lifecycle)
    width = max(place.x for place in places.values()) + WIDTH + MARGIN
    height = max(place.y for place in places.values()) + HEIGHT + MARGIN
    moves = dict.fromkeys((before.value, after.value) for (before, _), after in lifecycle.table.items())
    drawn = sorted((move for move in moves if move[0] != move[1]), key=lambda move: move in passed)
    been = {name for move in passed for name in move}
    parts = [_move(places, move, move in passed, key) for move in drawn]
    for one in lifecycle.states:
        parts.append(_state(lifecycle, one, places[one.value], one.value == state, one.value in been))
    return Markup(
        '<svg width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{key}-title {key}-desc">'
        '<title id="{key}-title">{title}</title><desc id="{key}-desc">{desc}</desc>{arrows}{parts}</svg>'
    ).format(
        w=width,
        h=height,
        key=key,
        title=f"This {lifecycle.name} is {words(state)}.",
        desc=describe(lifecycle, state, passed),
        arrows=_arrow(key, "") + _arrow(key, "-passed"),
        parts=Markup("").join(parts),
    )


def describe(lifecycle: Lifecycle[Any, Any], state: str, passed: Collection[Move]) -> str:
    """What the picture shows, in words."""
    been = dict.fromkeys(words(before) for before, _ in passed)
    here = next(one for one in lifecycle.states if one.value == state)
    after = dict.fromkeys(words(lifecycle.table[here, event].value) for event in lifecycle.events_from(here))
    before = f"It was {', then '.join(been)}. " if been else ""
    return before + (f"It can become {', '.join(after)}." if after else "It stays so.")


def layout(lifecycle: Lifecycle[Any, Any]) -> dict[str, Place]:
    """A column for each step away from the first state; in it, states that wait for a person come last."""
    depth = {lifecycle.initial: 0}
    fringe = [lifecycle.initial]
    while fringe:
        state = fringe.pop(0)
        for event in lifecycle.events_from(state):
            after = lifecycle.table[state, event]
            if after not in depth:
                depth[after] = depth[state] + 1
                fringe.append(after)
    rows: dict[int, int] = {}
    places = {}
    for state in sorted(lifecycle.states, key=lambda one: one in lifecycle.parked):
        row = rows.get(depth[state], 0)
        rows[depth[state]] = row + 1
        places[state.value] = Place(MARGIN + depth[state] * ACROSS, MARGIN + row * DOWN)
    return places


def words(state: str) -> str:
    return state.replace("-", " ")


def _state(lifecycle: Lifecycle[Any, Any], state: StrEnum, at: Place, here: bool, been: bool) -> Markup:
    classes = ["iep-state"]
    classes += ["iep-here"] if here else ["iep-passed"] if been else []
    classes += ["iep-final"] if state in lifecycle.terminal else []
    lines = _lines(words(state.value))
    top = at.middle - LINE * (len(lines) - 1) // 2
    text = Markup("").join(
        Markup('<text x="{}" y="{}">{}</text>').format(at.x + WIDTH // 2, top + LINE * n, line)
        for n, line in enumerate(lines)
    )
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="4"/>').format(at.x, at.y, WIDTH, HEIGHT)
    return Markup('<g class="{}">{}{}</g>').format(" ".join(classes), box, text)


def _lines(text: str) -> list[str]:
    """One line, or two where it would not fit."""
    if len(text) <= 13:
        return [text]
    first, _, rest = text.partition(" ")
    return [first, rest]


def _move(places: dict[str, Place], move: Move, passed: bool, key: str) -> Markup:
    suffix = "-passed" if passed else ""
    return Markup('<path class="iep-move{}" d="{}" marker-end="url(#{}-arrow{})"/>').format(
        " iep-passed" if passed else "", _path(places[move[0]], places[move[1]]), key, suffix
    )


def _path(start: Place, end: Place) -> str:
    if start.x == end.x:
        down = end.y > start.y
        x = start.x + WIDTH // 2 + (LANE if down else -LANE)
        return f"M{x} {start.y + (HEIGHT if down else 0)}V{end.y + (0 if down else HEIGHT)}"
    forward = end.x > start.x
    lane = -LANE if forward else LANE
    x1, x2 = (start.x + WIDTH, end.x) if forward else (start.x, end.x + WIDTH)
    y1, y2 = start.middle + lane, end.middle + lane
    bend = (x1 + x2) // 2
    return f"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}"


def _arrow(key: str, suffix: str) -> Markup:
    return Markup(
        '<marker id="{}-arrow{}" class="iep-arrow{}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
        ' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
    ).format(key, suffix, suffix)
