"""A row says whether its target is reached; one measured again takes the place of its own old one only."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import causes
from bench.outcome import Section, at_least, at_most, keep


def test_a_row_says_by_how_much_its_target_is_missed() -> None:
    assert at_most("memory", 30, 30, "30 MB", " MB").verdict == "reached"
    assert at_most("memory", 45, 30, "45 MB", " MB").verdict == "missed by 50%"
    assert at_least("rate", 0.85, 0.85, "0.85").verdict == "reached"
    assert at_least("rate", 0.425, 0.85, "0.42").verdict == "missed by 50%"


def test_a_known_cause_is_said_only_while_the_target_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(causes.CAUSES, "memory", "It reads all.")
    assert at_most("memory", 45, 30, "45 MB").cause == "It reads all."
    assert not at_most("memory", 3, 30, "3 MB").cause


def test_a_section_takes_the_place_of_its_own_old_one(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    first, other = (Section(name, name.title(), text, []) for name, text in (("one", "old"), ("two", "kept")))
    keep({section.title: section.written({"commit": "abc"}) for section in (first, other)}, path)
    keep({"One": Section("one", "One", "new", []).written({"commit": "def"})}, path)
    written = path.read_text()
    assert written.count("## One") == written.count("## Two") == 1
    assert "old" not in written
    assert written.index("new") < written.index("- commit: def") < written.index("kept") < written.index("abc")
