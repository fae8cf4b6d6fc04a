"""People: accounts, and the sessions they are signed in with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.institution import Institution


class Account(Base):
    __tablename__ = "account"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    username: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    email: Mapped[str] = mapped_column(default="")
    role: Mapped[str]
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    last_sign_in_at: Mapped[datetime | None]
    institution: Mapped[Institution] = relationship()


class WebSession(Base):
    """Server-side, so that signing out ends it; `token_sha256` is the hash of what the cookie holds."""

    __tablename__ = "web_session"
    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    account: Mapped[Account] = relationship()
