"""Searches of an Institution's own PACS, and what they found: they name patients, and are forgotten within the hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.institution import Node


class PacsSearch(Base):
    """One question to one Node: studies by `criteria`, or (`level` SERIES) the series of one hit of `search_id`.

    `state` is asking, answered or failed; `sentence` says what else there is to know, and `truncated` that there is
    more than was taken. `request_id` is the request that it is to answer; `typed` what somebody has begun to send.
    """

    __tablename__ = "pacs_search"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"))
    request_id: Mapped[str | None] = mapped_column(ForeignKey("image_request.id"))
    search_id: Mapped[str | None] = mapped_column(ForeignKey("pacs_search.id", ondelete="CASCADE"), index=True)
    level: Mapped[str] = mapped_column(default="STUDY")
    criteria: Mapped[dict[str, Any]]
    typed: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default="asking")
    sentence: Mapped[str] = mapped_column(default="")
    truncated: Mapped[bool] = mapped_column(default=False)
    asked_at: Mapped[datetime] = mapped_column(index=True)
    node: Mapped[Node] = relationship()
    hits: Mapped[list[PacsHit]] = relationship(order_by="PacsHit.position", passive_deletes="all")


class PacsHit(Base):
    """One study or series that a PACS says it has; `facts` are models.domain.pacs_search.Hit, or those of a series."""

    __tablename__ = "pacs_hit"
    search_id: Mapped[str] = mapped_column(ForeignKey("pacs_search.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    StudyInstanceUID: Mapped[str]
    SeriesInstanceUID: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]]
