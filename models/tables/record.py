"""What was done and told: audit rows, commands on their way to the engine, mails, and senders turned away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, new_id


class AuditEntry(Base):
    """Written in the transaction of the act itself."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    institution_id: Mapped[str | None] = mapped_column(ForeignKey("institution.ods_code"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class OutboxCommand(Base):
    """A command for the engine, committed with the act that wants it. `id` is the form's token and the update's id."""

    __tablename__ = "outbox"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    kind: Mapped[str]
    subject_id: Mapped[str]
    actor: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    tried: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    refusal: Mapped[str] = mapped_column(default="")


Index("ix_outbox_subject", OutboxCommand.subject_id)
Index("ix_outbox_refused", OutboxCommand.delivered_at, postgresql_where=OutboxCommand.refusal != "")
Index("ix_outbox_open", OutboxCommand.next_try_at, postgresql_where=OutboxCommand.delivered_at.is_(None))


class Notice(Base):
    """One mail to one address; `key` makes it once only."""

    __tablename__ = "notice"
    key: Mapped[str] = mapped_column(primary_key=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    transaction_id: Mapped[str | None] = mapped_column(ForeignKey("transaction.id"), index=True)
    kind: Mapped[str]
    address: Mapped[str]
    message_id: Mapped[str]
    sent_at: Mapped[datetime | None]


class Rejection(Base):
    """A sender turned away at the door, counted by what it said of itself."""

    __tablename__ = "rejection"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str | None] = mapped_column(ForeignKey("institution.ods_code"))
    calling_ae_title: Mapped[str]
    called_ae_title: Mapped[str]
    address: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
