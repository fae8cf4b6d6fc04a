"""What senders asked the exchange to commit itself to, and what the exchange asked of destinations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.institution import Node


class CommitmentRequest(Base):
    """One storage commitment request (PS3.4 Annex J); `references` has the SOP class of each SOPInstanceUID.

    `asked_at` is the edge's time, `taken_at` that of ingest: every image acknowledged before has its row by then.
    `failed` counts what the sender was told is not kept.
    """

    __tablename__ = "commitment_request"
    __table_args__ = (UniqueConstraint("node_id", "TransactionUID"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"))
    association_id: Mapped[str]
    called_ae_title: Mapped[str]
    TransactionUID: Mapped[str]
    references: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="asked")
    state_detail: Mapped[str] = mapped_column(default="")
    failed: Mapped[int | None]
    asked_at: Mapped[datetime]
    taken_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    node: Mapped[Node] = relationship()


Index("ix_commitment_request_references", CommitmentRequest.references, postgresql_using="gin")
Index("ix_commitment_request_open", CommitmentRequest.taken_at, postgresql_where=CommitmentRequest.state == "asked")


class AskedCommitment(Base):
    """What the exchange asked of a destination under one TransactionUID; it is here before it is on the wire.

    `references` has the SOP class of each SOPInstanceUID, `failed` why an image is not committed to: a failure reason
    (PS3.3 Section C.14.1.1), or 0 where the answer says nothing of it.
    """

    __tablename__ = "asked_commitment"
    TransactionUID: Mapped[str] = mapped_column(primary_key=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"), index=True)
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"))
    round: Mapped[int]
    references: Mapped[dict[str, Any]]
    asked_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    failed: Mapped[dict[str, Any] | None]
