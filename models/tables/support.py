"""What support works with: whom to ring, what all users are told, what one shift tells the next, and what it did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, new_id


class Contact(Base):
    """A number of an Institution to ring; with `on_call_from` and `on_call_to` (aware UTC) for that time only."""

    __tablename__ = "contact"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"), index=True)
    name: Mapped[str]
    duty: Mapped[str] = mapped_column(default="")
    phone: Mapped[str]
    on_call_from: Mapped[datetime | None]
    on_call_to: Mapped[datetime | None]


class Banner(Base):
    """A sentence that all users see on every page until `cleared_at`."""

    __tablename__ = "banner"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    text: Mapped[str]
    set_by: Mapped[str]
    set_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None] = mapped_column(index=True)
    cleared_by: Mapped[str] = mapped_column(default="")


class ShiftNote(Base):
    """What one shift of support tells the next; `transaction_id` when it is about one.

    With `institution_id` it is handed over: that Institution owns what is to be done until the next such note.
    """

    __tablename__ = "shift_note"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    transaction_id: Mapped[str | None] = mapped_column(ForeignKey("transaction.id"), index=True)
    institution_id: Mapped[str | None] = mapped_column(ForeignKey("institution.ods_code"), index=True)
    text: Mapped[str]
    written_by: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(index=True)


class Disclosure(Base):
    """Support saw the patient of a transaction, for a reason, until `until`; audited when it is written.

    Where that was over at once nothing was shown: the transaction was found by an NHS number.
    """

    __tablename__ = "disclosure"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    transaction_id: Mapped[str] = mapped_column(ForeignKey("transaction.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str]
    at: Mapped[datetime]
    until: Mapped[datetime]
    seen_by: Mapped[str] = mapped_column(default="")
    seen_at: Mapped[datetime | None]

    @property
    def is_search(self) -> bool:
        return self.until == self.at


class SupportAct(Base):
    """What support did about something of `institution_id`, and the second person who looked at it.

    `id` is that of its command. `second_person` is the Institution's setting of that moment: with "before" the command
    is posted (`done_at`) only once another person has signed, with "afterwards" at once. Signed and yet not done: that
    person said no. `content` is what was chosen with it.
    """

    __tablename__ = "support_act"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"), index=True)
    transaction_id: Mapped[str | None] = mapped_column(ForeignKey("transaction.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str]
    subject_id: Mapped[str]
    content: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reason: Mapped[str]
    second_person: Mapped[str]
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    signed_by: Mapped[str] = mapped_column(default="")
    signed_at: Mapped[datetime | None]


Index("ix_support_act_unsigned", SupportAct.asked_at, postgresql_where=SupportAct.signed_at.is_(None))
