"""Transactions, their arrivals, and every step that any lifecycle took."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.study import Study


class Transaction(Base):
    """Any one exchange. `lifecycle` and `state` repeat the state of the part that matters now, for lists.

    `due_at` is by when it is needed, where somebody has said so; `due_told_at` when both sides were told so.
    """

    __tablename__ = "transaction"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    reference: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    destination_id: Mapped[str | None] = mapped_column(ForeignKey("institution.ods_code"))
    follows_id: Mapped[str | None] = mapped_column(ForeignKey("transaction.id"), index=True)
    urgency: Mapped[str] = mapped_column(default="routine")
    due_at: Mapped[datetime | None]
    due_told_at: Mapped[datetime | None]
    rules_version: Mapped[int | None]
    lifecycle: Mapped[str]
    state: Mapped[str]
    state_since: Mapped[datetime]
    opened_at: Mapped[datetime]


# Each ends in both keys of the lists' order: one that must still be sorted loses to reading all by time.
NEWEST_FIRST = (Transaction.opened_at.desc(), Transaction.id.desc())
IS_REQUEST = Transaction.lifecycle == "request"
IS_LIFE_CRITICAL = Transaction.urgency == "life-critical"
Index("ix_transaction_opened_at", *NEWEST_FIRST)
Index("ix_transaction_source", Transaction.institution_id, *NEWEST_FIRST)
Index("ix_transaction_destination", Transaction.destination_id, *NEWEST_FIRST)
Index("ix_transaction_request_source", Transaction.institution_id, *NEWEST_FIRST, postgresql_where=IS_REQUEST)
Index("ix_transaction_request_destination", Transaction.destination_id, *NEWEST_FIRST, postgresql_where=IS_REQUEST)
Index("ix_transaction_state", Transaction.state)
Index(
    "ix_transaction_life_critical",
    Transaction.destination_id,
    Transaction.state_since,
    postgresql_where=IS_LIFE_CRITICAL,
)
Index(
    "ix_transaction_due",
    Transaction.due_at,
    postgresql_where=Transaction.due_at.is_not(None) & Transaction.due_told_at.is_(None),
)


class Association(Base):
    """An association that brought images; open until its edge says it has ended, or its edge is dead."""

    __tablename__ = "association"
    id: Mapped[str] = mapped_column(primary_key=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    node_id: Mapped[str | None] = mapped_column(ForeignKey("node.id"))
    edge: Mapped[str]
    calling_ae_title: Mapped[str]
    called_ae_title: Mapped[str]
    address: Mapped[str]
    standing: Mapped[str]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


Index("ix_association_open", Association.edge, postgresql_where=Association.ended_at.is_(None))


class Arrival(Base):
    """One stretch of receiving one Study from one sender; open while `sealed_at` is empty."""

    __tablename__ = "arrival"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    transaction_id: Mapped[str] = mapped_column(ForeignKey("transaction.id"), index=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"), index=True)
    node_id: Mapped[str | None] = mapped_column(ForeignKey("node.id"))
    calling_ae_title: Mapped[str]
    called_ae_title: Mapped[str]
    standing: Mapped[str]
    state: Mapped[str] = mapped_column(default="receiving", index=True)
    state_detail: Mapped[str] = mapped_column(default="")
    held_reason: Mapped[str] = mapped_column(default="")
    basis: Mapped[str] = mapped_column(default="")
    generation: Mapped[int] = mapped_column(default=0)
    announced_generation: Mapped[int] = mapped_column(default=0)
    announced_at: Mapped[datetime | None]
    count: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    last_received_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    study: Mapped[Study] = relationship()
    transaction: Mapped[Transaction] = relationship()


Index(
    "uq_arrival_open",
    Arrival.institution_id,
    Arrival.study_id,
    Arrival.calling_ae_title,
    Arrival.called_ae_title,
    Arrival.standing,
    unique=True,
    postgresql_where=Arrival.sealed_at.is_(None),
)
Index("ix_arrival_calling_ae_title", Arrival.calling_ae_title, Arrival.opened_at.desc())
Index(
    "ix_arrival_unannounced",
    Arrival.opened_at,
    postgresql_where=Arrival.announced_generation < Arrival.generation,
)


class ArrivalInstance(Base):
    """Which images an arrival brought, in the order of `position` (its watermark); new or known before.

    `fetched`: its sender says that it moves this image at our request; many a PACS never says so. `pushed`: it came
    without that word; one that came both ways is both.
    """

    __tablename__ = "arrival_instance"
    arrival_id: Mapped[str] = mapped_column(ForeignKey("arrival.id"), primary_key=True)
    instance_id: Mapped[str] = mapped_column(ForeignKey("instance.id"), primary_key=True, index=True)
    association_id: Mapped[str] = mapped_column(ForeignKey("association.id"), index=True)
    position: Mapped[int]
    fetched: Mapped[bool] = mapped_column(default=False, server_default=false())
    pushed: Mapped[bool] = mapped_column(default=True, server_default=true())
    __table_args__ = (UniqueConstraint("arrival_id", "position"),)


class TransitionRow(Base):
    """One step of one lifecycle; written once, never changed."""

    __tablename__ = "transition"
    __table_args__ = (UniqueConstraint("run_id", "sequence"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    transaction_id: Mapped[str | None] = mapped_column(ForeignKey("transaction.id"), index=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    lifecycle: Mapped[str]
    subject_id: Mapped[str] = mapped_column(index=True)
    run_id: Mapped[str]
    sequence: Mapped[int]
    event: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    actor: Mapped[str]
    detail: Mapped[str]
    at: Mapped[datetime]
