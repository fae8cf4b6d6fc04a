"""Why a study is held, in a sentence or two."""

from __future__ import annotations

IF_IN_CONFLICT = (
    "Refuse it, and ask the sender to correct it and send it with new UIDs: the same UIDs count as the same images."
)
"""What to do where the images of a study cannot be about one person."""


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


def with_conflict(detail: str, conflict: str) -> str:
    """Why a study is held, and why its images cannot be about one person where the first does not say so."""
    return detail if conflict in detail else f"{closed(detail)} {conflict}".strip()


def apart(count: int, source: str) -> str:
    """That so many images came which contradict others of their study; its source judges them."""
    images = (
        "1 image contradicts others of its study and is"
        if count == 1
        else f"{count} images contradict others of their study and are"
    )
    return f"{images} held apart; {source} looks at that."
