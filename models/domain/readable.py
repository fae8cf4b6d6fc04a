"""Text from elsewhere as a person may read it."""

from __future__ import annotations

UNREADABLE = "\ufffd"
"""Stands for what no keyboard makes: control characters, and bytes that are no letter in any encoding taken."""


def readable(text: str) -> str:
    """`text` with a mark for each character that cannot be seen, or turns others around."""
    return "".join(letter if letter.isprintable() else UNREADABLE for letter in text)
