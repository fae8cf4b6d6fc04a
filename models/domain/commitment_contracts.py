"""What crosses a border about a sender's request for commitment: references and counts, never content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CommitmentStart:
    request_id: str


@dataclass(frozen=True)
class AnswerRequest:
    """`in_any_case`: what is not kept by now is answered as failed; else it is waited for, and nothing is said."""

    request_id: str
    in_any_case: bool = False


@dataclass(frozen=True)
class Answer:
    """`said` is whether the sender was told; `failed` of `total` images are not kept."""

    said: bool
    failed: int
    total: int
