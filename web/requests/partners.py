"""Whom somebody means who typed a code or a name."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from models.queries.partners import Askable
from web.entries import Wrong

FIELD = "source"
NEAR = 3


def meant(typed: str, partners: Sequence[Askable]) -> Askable | None:
    """By ODS code, by name, as the list offers them, or by a part of the name that only one has."""
    text = _folded(typed)
    exact = [one for one in partners if text in (_folded(one.ods_code), _folded(one.name), _folded(one.label))]
    likely = exact or [one for one in partners if text and text in _folded(one.name)]
    return likely[0] if len(likely) == 1 else None


def partner(typed: str, partners: Sequence[Askable]) -> Askable:
    """Raises Wrong, with those that are near, when nobody is meant."""
    if not typed.strip():
        raise Wrong(FIELD, "Choose the Institution that has the study.")
    found = meant(typed, partners)
    if found is None:
        near = [one.label for one in _near(_folded(typed), partners)]
        hint = f"these are near: {', '.join(near)}." if near else "look for it by its ODS code or its name."
        raise Wrong(FIELD, f"There is no such partner of yours; {hint}")
    return found


def _near(text: str, partners: Sequence[Askable]) -> list[Askable]:
    words = {_folded(one.ods_code): one for one in partners} | {_folded(one.name): one for one in partners}
    close = [words[word] for word in get_close_matches(text, words, n=NEAR, cutoff=0.5)]
    partly = [one for one in partners if any(part in _folded(one.name) for part in text.split())]
    return list(dict.fromkeys([*close, *partly]))[:NEAR]


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
