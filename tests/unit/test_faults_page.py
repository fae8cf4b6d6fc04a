"""The catalogue of faults names tests that exist, and its page says how much was run."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from docs.faults import recovery, said
from tests.faults import seeds
from tests.faults.catalogue import ROWS
from tests.faults.seeds import ROOT, drawn_seed
from tests.faults.soaking import Soak


def test_every_row_names_tests_that_exist_or_says_what_is_open() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert row.tests or row.open, row.id
        for test in row.tests:
            file, _, name = test.partition("::")
            tree = ast.walk(ast.parse((ROOT / file).read_text()))
            assert name in {getattr(node, "name", "") for node in tree}, f"{row.id}: {test}"


def test_the_seed_is_of_the_commit_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(seeds.VARIABLE, raising=False)
    assert drawn_seed() == drawn_seed()
    monkeypatch.setenv(seeds.VARIABLE, "7")
    assert drawn_seed() == 7


def test_what_is_finished_is_kept_and_few_seeds_are_said(tmp_path: Path) -> None:
    kept, published = tmp_path / "kept.json", tmp_path / "published.json"
    Soak("P1", kept, published).keep(101, {"held": True, "images": 60, "sends": 61, "recovery, ms": 4200})
    again = Soak("P1", kept, published)
    assert list(again.outcomes()) == ["101"]
    again.keep(102, {"held": False, "images": 0, "sends": 0})
    again.publish()
    (row,) = (row for row in ROWS if row.id == "P1")
    figures = {"commit": "abc", "machine": "2 cores", "images": 60, "sends": 61, "failed": [102]}
    words = said(row, figures | {"seeds": [101, 102]})
    assert "Fewer than 20 seeds" in words
    assert "failed at 102" in words
    assert "1 sent again" in words
    assert "Fewer" not in said(row, figures | {"seeds": list(range(101, 121))})
    assert said(row, None) == "CI only"
    assert "recovery p50 4.2 s, p95 4.2 s" in said(row, json.loads(published.read_text())["P1"])
    assert recovery(list(range(100, 2100, 100))) == "recovery p50 1.0 s, p95 1.9 s"
    assert recovery([]) == "recovery not measured"
