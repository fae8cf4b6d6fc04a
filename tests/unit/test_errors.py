"""Whether a thing is tried again is said by its error's type, so every type says it, and once."""

from __future__ import annotations

import inspect

import pytest

from models.domain import errors
from models.domain.errors import ExchangeError, Passing, Permanent

TYPES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
SPOKEN = [kind for kind in TYPES if kind is not ExchangeError]


@pytest.mark.parametrize("kind", SPOKEN)
def test_is_passing_or_permanent_and_not_both(kind: type[Exception]) -> None:
    assert issubclass(kind, Passing) != issubclass(kind, Permanent)


@pytest.mark.parametrize("kind", TYPES)
def test_says_what_it_means_and_stands_in_the_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, ExchangeError)
    assert kind.__doc__
    assert f" {kind.__name__} " in f" {errors.__doc__} ".replace("\n", " ")


def test_names_differ_so_that_a_name_in_a_history_says_which() -> None:
    assert len({kind.__name__ for kind in TYPES}) == len(TYPES)
