"""What a peer said, as the database can hold it."""

from __future__ import annotations


def storable(text: str) -> str:
    """`text` without what PostgreSQL refuses in text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
