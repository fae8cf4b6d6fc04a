"""Why a study is held, in a sentence or two."""

from __future__ import annotations


def closed(text: str) -> str:
    """With its full stop; nothing stays nothing."""
    text = text.strip()
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def fitting(requests: int) -> str:
    """How many requests a held study may answer, without a full stop; empty for none."""
    if requests < 2:
        return "One request may be about it" if requests else ""
    return f"{'Two' if requests == 2 else requests} requests fit"


def held_because(detail: str, requests: int) -> str:
    """Why a study is held: what the route lacks, and how many requests it may answer."""
    return f"{closed(detail)} {closed(fitting(requests))}".strip()
