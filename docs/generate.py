"""Writes the pages that the code knows best, `states.md`, `settings.md` and `faults.md`: python -m docs.generate"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from docs import faults
from models.domain.lifecycle import Lifecycle
from models.domain.lifecycles import LIFECYCLES
from settings import Settings

HERE = Path(__file__).parent
NOTICE = "<!-- Written by `python -m docs.generate`; change the code that it reads instead. -->"
AnyLifecycle = Lifecycle[Any, Any]


def states_page() -> str:
    """Every lifecycle: its picture, how long its states last, and what may happen to it."""
    lines = [
        NOTICE,
        "# States",
        "",
        "States are conditions, events what happened. A state is *terminal* (nothing leaves it), *parked* (it waits"
        " for a person), or has a *patience*: how long it may last before something happens by itself.",
    ]
    for lifecycle in LIFECYCLES.values():
        lines += ["", f"## {lifecycle.name.capitalize()}", "", *_diagram(lifecycle)]
        lines += ["", *_states(lifecycle), "", *_events(lifecycle)]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Every environment variable with its meaning and default."""
    prefix = Settings.model_config["env_prefix"]
    lines = [NOTICE, "# Settings", "", "Each is an environment variable; none needs to be set for the demo."]
    lines += ["", "| Variable | Meaning | Default |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{prefix}{name.upper()}` | {_cell(field.description or '')} | {_default(field)} |")
    return "\n".join(lines) + "\n"


def faults_page() -> str:
    """Every fault of the catalogue, and what was found."""
    return "\n".join([NOTICE, *faults.lines()]) + "\n"


PAGES = {"states.md": states_page, "settings.md": settings_page, "faults.md": faults_page}


def _diagram(lifecycle: AnyLifecycle) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state in lifecycle.states:
        yield f'    state "{state.value}" as {_id(state)}'
    yield f"    [*] --> {_id(lifecycle.initial)}"
    for (before, event), after in lifecycle.table.items():
        yield f"    {_id(before)} --> {_id(after)}: {event.value}"
    for state in lifecycle.states:
        if state in lifecycle.terminal:
            yield f"    {_id(state)} --> [*]"
    yield "    classDef parked stroke-dasharray: 5 5"
    for state in lifecycle.states:
        if state in lifecycle.parked:
            yield f"    class {_id(state)} parked"
    yield "```"


def _states(lifecycle: AnyLifecycle) -> Iterator[str]:
    yield "| State | Lasts |"
    yield "|---|---|"
    for state in lifecycle.states:
        yield f"| {_name(lifecycle, state)} | {_lasts(lifecycle, state)} |"


def _lasts(lifecycle: AnyLifecycle, state: StrEnum) -> str:
    if state in lifecycle.terminal:
        return "for good: terminal"
    if state in lifecycle.parked:
        return "no limit: parked"
    return _duration(lifecycle.patience[state])


def _events(lifecycle: AnyLifecycle) -> Iterator[str]:
    yield "| Event | Available when | Who may | Effect |"
    yield "|---|---|---|---|"
    for event, meaning in lifecycle.meanings.items():
        steps = [
            f"{before.value} → {_name(lifecycle, after)}"
            for (before, at), after in lifecycle.table.items()
            if at == event
        ]
        yield f"| {event.value} | {'<br>'.join(steps)} | {_cell(meaning.who)} | {_cell(meaning.effect)} |"


def _id(state: StrEnum) -> str:
    # Mermaid reads a hyphen in a name as the beginning of an arrow.
    return state.value.replace("-", "_")


def _name(lifecycle: AnyLifecycle, state: StrEnum) -> str:
    return f"**{state.value.upper()}**" if state in lifecycle.terminal else state.value


def _duration(span: timedelta) -> str:
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        count, rest = divmod(span.total_seconds(), length)
        if count and not rest:
            return f"{count:g} {unit}" if count == 1 else f"{count:g} {unit}s"
    return f"{span.total_seconds():g} seconds"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    match field.default:
        case None | "":
            return "none"
        case bool(value):
            return f"`{str(value).lower()}`"
        case value:
            return f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
