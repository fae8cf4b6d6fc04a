"""Text from elsewhere as a person may read it."""

from __future__ import annotations

import unicodedata

UNREADABLE = "\ufffd"
"""Stands for what no keyboard makes: control characters, and bytes that are no letter in any encoding taken."""


def readable(text: str) -> str:
    """`text` with a mark for each character that cannot be seen, or turns others around."""
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else UNREADABLE for letter in text
    )
