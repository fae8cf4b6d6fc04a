"""Transfers: what an Institution sends from its own PACS unasked, the studies of it, and every image of these."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.institution import Node, Worklist
from models.tables.transaction import Arrival, Transaction


class Transfer(Base):
    """One transfer. `institution_id` is the sender's, `node_id` its PACS, `worklist_id` where it goes.

    `recipient` is whom it is for there, `call_back` a number of the sender's. `fault` says why its PACS cannot be
    asked at present.
    """

    __tablename__ = "transfer"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    transaction_id: Mapped[str] = mapped_column(ForeignKey("transaction.id"), unique=True)
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"))
    worklist_id: Mapped[str] = mapped_column(ForeignKey("worklist.id"))
    request_id: Mapped[str | None] = mapped_column(ForeignKey("image_request.id"))
    placed_by: Mapped[str] = mapped_column(ForeignKey("account.id"))
    recipient: Mapped[str]
    call_back: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="placed")
    state_detail: Mapped[str] = mapped_column(default="")
    fault: Mapped[str] = mapped_column(default="")
    placed_at: Mapped[datetime]
    transaction: Mapped[Transaction] = relationship()
    node: Mapped[Node] = relationship()
    worklist: Mapped[Worklist] = relationship()
    studies: Mapped[list[TransferStudy]] = relationship(order_by="TransferStudy.position", back_populates="transfer")


Index("ix_transfer_state", Transfer.state, Transfer.institution_id)


class TransferStudy(Base):
    """One study, or of it the `series` that are named (SeriesInstanceUIDs), as the sender's search showed it.

    `listed_at` is when its PACS first said which images there are, `compared_at` when it did so again at the end;
    `arrival_id` is the arrival that brings them. `state` is placed, listed or retrieved; `reason` what is to be said.
    """

    __tablename__ = "transfer_study"
    __table_args__ = (UniqueConstraint("transfer_id", "position"), UniqueConstraint("transfer_id", "StudyInstanceUID"))
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    transfer_id: Mapped[str] = mapped_column(ForeignKey("transfer.id"), index=True)
    position: Mapped[int]
    StudyInstanceUID: Mapped[str] = mapped_column(index=True)
    series: Mapped[list[Any]] = mapped_column(default=list)
    description: Mapped[str] = mapped_column(default="")
    Modality: Mapped[str] = mapped_column(default="")
    study_date: Mapped[str] = mapped_column(default="")
    listed_at: Mapped[datetime | None]
    compared_at: Mapped[datetime | None]
    arrival_id: Mapped[str | None] = mapped_column(ForeignKey("arrival.id"), index=True)
    state: Mapped[str] = mapped_column(default="placed")
    reason: Mapped[str] = mapped_column(default="")
    transfer: Mapped[Transfer] = relationship(back_populates="studies")
    arrival: Mapped[Arrival | None] = relationship()


class ManifestImage(Base):
    """One image of a study, by its own PACS's list. `vanished_at`: it is not on that list any more, and never came."""

    __tablename__ = "manifest_image"
    transfer_study_id: Mapped[str] = mapped_column(ForeignKey("transfer_study.id"), primary_key=True)
    SOPInstanceUID: Mapped[str] = mapped_column(primary_key=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    SeriesInstanceUID: Mapped[str]
    SOPClassUID: Mapped[str] = mapped_column(default="")
    vanished_at: Mapped[datetime | None]
