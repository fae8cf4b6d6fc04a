"""One sentence says where a transaction is, whose move it is, and what happens next by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models.domain.lifecycles import arrival, commitment, delivery, node


@dataclass(frozen=True)
class Facts:
    """Counts and names that a sentence may use; none is patient detail."""

    source: str = ""
    destination: str = ""
    node: str = ""
    present: int = 0
    total: int = 0
    detail: str = ""
    fault: str = ""


Say = Callable[[Facts], str]
A, C, D, N = arrival.State, commitment.State, delivery.State, node.State


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _closed(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def _sending(f: Facts) -> str:
    if f.fault:
        return f"{f.present} of {f.total} sent to {f.node}: {f.fault}"
    return f"{f.present} of {f.total} sent to {f.node}; nobody needs to act."


SENTENCES: Mapping[tuple[str, StrEnum], Say] = {
    ("arrival", A.RECEIVING): lambda f: f"{_images(f.total)} received from {f.source}; waiting for the last one.",
    ("arrival", A.FORWARDING): lambda f: (
        f"{_images(f.total)} received from {f.source} and already being sent on; waiting for the last one."
    ),
    ("arrival", A.SETTLED): lambda f: f"{_images(f.total)} received from {f.source}; the route is being decided.",
    ("arrival", A.HELD): lambda f: f"Held: {f.detail} {f.source}'s PACS officer decides.",
    ("arrival", A.ROUTED): lambda f: f"{_images(f.total)} received from {f.source}, on the way to {f.destination}.",
    ("arrival", A.REFUSED): lambda f: f"Refused by {f.source}'s PACS officer: {f.detail} It goes nowhere.",
    ("delivery", D.WAITING): lambda f: f"{_images(f.total)} for {f.destination}, about to be put on its worklist.",
    ("delivery", D.ON_WORKLIST): lambda f: (
        f"{_images(f.total)} on {f.destination}'s worklist; its PACS officer releases them. {f.detail}".rstrip()
    ),
    ("delivery", D.SENDING): _sending,
    ("delivery", D.SENT): lambda f: f"{f.node} accepted all {f.total}; it is being asked whether it has them.",
    ("delivery", D.NEEDS_ATTENTION): lambda f: (
        f"Stopped at {f.present} of {f.total}: {f.detail} "
        f"A PACS officer of {f.destination} or {f.source} chooses: retry, other node or abandon."
    ),
    ("delivery", D.DIFFERS_AT_DESTINATION): lambda f: (
        f"{f.node} files this study under other identifiers: {f.detail} "
        f"{f.destination}'s PACS officer corrects it there, then retries."
    ),
    ("delivery", D.CONFIRMED): lambda f: (
        f"Confirmed: {f.present} of {f.total} are in {f.node}, by its own answer. {f.detail}".rstrip()
    ),
    ("delivery", D.UNVERIFIABLE): lambda f: (
        f"Sent, not verifiable: {f.node} accepted all {f.total} but cannot be asked. {f.detail}".rstrip()
    ),
    ("delivery", D.ABANDONED): lambda f: f"Abandoned at {f.present} of {f.total}. {f.detail}".rstrip(),
    ("delivery", D.REFUSED): lambda f: f"Refused by {f.destination}: {f.detail} Nothing was sent.",
    ("node", N.UP): lambda f: f"{f.node} answers.",
    ("node", N.FAILING): lambda f: f"{f.node} did not answer: {f.detail} It is asked again in seconds.",
    ("node", N.DOWN): lambda f: f"{f.node} is down: {f.detail} It is asked again by itself.",
    ("node", N.PROBING): lambda f: f"{f.node} is being asked whether it is back.",
    ("node", N.HELD): lambda f: f"{f.node} is held by a person; nothing is sent to it until it is resumed.",
    ("commitment", C.ASKED): lambda f: f"{f.node} asked for commitment to {_images(f.total)}; it is told by itself.",
    ("commitment", C.ANSWERED): lambda f: f"{f.node} was told that {f.present} of {f.total} are kept.",
    ("commitment", C.UNANSWERABLE): lambda f: f"{f.node} cannot be told what is kept. {f.detail}".rstrip(),
}


def sentence(lifecycle: str, state: StrEnum, facts: Facts) -> str:
    """The one sentence, the same on page, list and mail."""
    facts = replace(facts, detail=_closed(facts.detail), fault=_closed(facts.fault))
    return " ".join(SENTENCES[lifecycle, state](facts).split())
