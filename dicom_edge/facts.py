"""What an edge writes down about its peers: associations, and the facts that ingest reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar


class Standing(StrEnum):
    """How sure the exchange is of the sender."""

    KNOWN = "known"
    CHANGED_AE_TITLE = "changed-ae-title"


@dataclass(frozen=True)
class Association:
    """Who is at the other end; `opened_at` is ISO 8601 in UTC."""

    association: str
    edge: str
    calling_ae_title: str
    called_ae_title: str
    address: str
    node_id: str | None
    institution_id: str | None
    standing: Standing
    tls: bool
    opened_at: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> Association:
        return cls(**{**read, "standing": Standing(read["standing"])})


@dataclass(frozen=True)
class AssociationEnded:
    """Nothing more will come on this association; `stored` objects were acknowledged."""

    kind: ClassVar[str] = "association-ended"
    association: str
    at: str
    stored: int


@dataclass(frozen=True)
class AssociationRejected:
    """Somebody was turned away. Repetitions within a minute are not told again."""

    kind: ClassVar[str] = "association-rejected"
    calling_ae_title: str
    called_ae_title: str
    address: str
    reason: str
    at: str


@dataclass(frozen=True)
class ObjectRefused:
    """One object was not taken, with the C-STORE status that the sender was given."""

    kind: ClassVar[str] = "object-refused"
    association: str
    SOPClassUID: str
    SOPInstanceUID: str
    status: int
    reason: str
    at: str


@dataclass(frozen=True)
class CommitmentAsked:
    """A sender asked whether its objects are kept (storage commitment, PS3.4 Annex J); it was told to await an answer.

    `references` has the SOP class of each SOPInstanceUID. Every object that the sender was acknowledged before is in
    the spool, or has left it, when this fact appears.
    """

    kind: ClassVar[str] = "commitment-asked"
    association: str
    node_id: str
    institution_id: str
    called_ae_title: str
    TransactionUID: str
    references: dict[str, str]
    at: str


@dataclass(frozen=True)
class CommitmentReported:
    """A destination says what it commits itself to of what the exchange asked (PS3.4 Section J.3.3).

    `kept` are SOPInstanceUIDs, `failed` has the failure reason of each.
    """

    kind: ClassVar[str] = "commitment-reported"
    association: str
    node_id: str
    TransactionUID: str
    kept: list[str]
    failed: dict[str, int]
    at: str


Fact = AssociationEnded | AssociationRejected | ObjectRefused | CommitmentAsked | CommitmentReported
FACTS: dict[str, type[Fact]] = {
    fact.kind: fact
    for fact in (AssociationEnded, AssociationRejected, ObjectRefused, CommitmentAsked, CommitmentReported)
}


def fact_to_json(fact: Fact) -> dict[str, Any]:
    return {"kind": fact.kind, **asdict(fact)}


def fact_from_json(read: dict[str, Any]) -> Fact:
    """Raises KeyError for a kind that nobody wrote."""
    kind = read.pop("kind")
    return FACTS[kind](**read)


def utc_now() -> str:
    """The time as facts carry it."""
    return datetime.now(UTC).isoformat()
