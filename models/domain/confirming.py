"""By whose word a delivery is confirmed, or why it is not (yet), as its step keeps it and its sentence says it."""

from __future__ import annotations

COMMITTED = "By its storage commitment; identity not compared."
UNCOMMITTED = "It has not committed to them."


def being_asked(node: str, accepted: str, them: str, without: str, why_not: str, *, is_away: bool) -> str:
    """The sentence of a delivery whose images are all sent; `why_not` it is not asked at present, as far as is said."""
    if why_not or is_away:
        rest = f": {why_not}" if why_not else "; it goes on by itself."
        return f"{node} accepted {accepted}{without}; whether it has {them} cannot be asked at present{rest}"
    return f"{node} accepted {accepted}; it is being asked whether it has {them}{without}."


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
