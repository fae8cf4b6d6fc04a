"""The generated pages are what the code says today."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from docs.generate import HERE, PAGES, settings_page, states_page
from models.domain.lifecycles import LIFECYCLES
from settings import Settings


@pytest.mark.parametrize(("name", "page"), PAGES.items(), ids=PAGES)
def test_is_not_stale(name: str, page: Callable[[], str]) -> None:
    written = (HERE / name).read_text(encoding="utf-8")
    assert written == page(), f"docs/{name} is stale: run python -m docs.generate"


def test_every_step_of_every_lifecycle_is_drawn() -> None:
    arrows = re.findall(r"^    (\w+) --> (\w+): ([a-z-]+)$", states_page(), re.MULTILINE)
    steps = [
        (before.value.replace("-", "_"), after.value.replace("-", "_"), event.value)
        for lifecycle in LIFECYCLES.values()
        for (before, event), after in lifecycle.table.items()
    ]
    assert arrows == steps


def test_terminal_states_are_marked() -> None:
    page = states_page()
    for lifecycle in LIFECYCLES.values():
        for state in lifecycle.terminal:
            assert f"| **{state.value.upper()}** | for good: terminal |" in page
            assert f"    {state.value.replace('-', '_')} --> [*]" in page


def test_every_setting_says_what_it_means_in_a_sentence() -> None:
    page = settings_page()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"| `IEP_{name.upper()}` |" in page
    assert len(re.findall(r"^\| `IEP_", page, re.MULTILINE)) == len(Settings.model_fields)


def test_no_secret_has_a_default() -> None:
    for name, field in Settings.model_fields.items():
        if "SecretStr" in str(field.annotation):
            assert field.default is None, name
