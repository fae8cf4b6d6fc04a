"""By whose word a delivery is confirmed, or why it is not, as its step keeps it and as its sentence says it."""

from __future__ import annotations

COMMITTED = "By its storage commitment; identity not compared."
UNCOMMITTED = "It has not committed to them."


def by_its_word(detail: str, without: str = "") -> str:
    """How a confirmed delivery's sentence ends."""
    if detail.startswith(COMMITTED):
        return f"by its storage commitment; identity not compared{without}.{detail.removeprefix(COMMITTED)}"
    return f"by its own answer{without}. {detail}"


def in_vain(detail: str, without: str = "") -> str:
    """How the sentence of one that cannot be verified ends."""
    if detail.startswith(UNCOMMITTED):
        return f"and has not committed to them{without}.{detail.removeprefix(UNCOMMITTED)}"
    return f"but cannot be asked{without}. {detail}"
