"""Bulk sheets: files whose rows become transfers, behind everything else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.institution import Node
from models.tables.transfer import Transfer


class BulkSheet(Base):
    """One sheet. `node_id` is the PACS that its rows are about; `columns` are their names, as they were written.

    `fault` says why that PACS cannot be asked at present. `placed_at` is when no row was left to be placed,
    `emptied_at` when what its rows said was removed: how each of them ended stays.
    """

    __tablename__ = "bulk_sheet"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"))
    file_name: Mapped[str]
    columns: Mapped[list[Any]]
    uploaded_at: Mapped[datetime]
    fault: Mapped[str] = mapped_column(default="")
    placed_at: Mapped[datetime | None]
    emptied_at: Mapped[datetime | None]
    node: Mapped[Node] = relationship()
    rows: Mapped[list[BulkRow]] = relationship(order_by="BulkRow.position", back_populates="sheet")


Index("ix_bulk_sheet_uploaded", BulkSheet.institution_id, BulkSheet.uploaded_at)


class BulkRow(Base):
    """One row, by its number in the file, with its own cells. `state` is waiting, looking, sent or failed.

    A row that is sent has a transfer, which says how it goes on.
    """

    __tablename__ = "bulk_row"
    __table_args__ = (UniqueConstraint("transfer_id"),)
    sheet_id: Mapped[str] = mapped_column(ForeignKey("bulk_sheet.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    cells: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(default="waiting")
    reason: Mapped[str] = mapped_column(default="")
    transfer_id: Mapped[str | None] = mapped_column(ForeignKey("transfer.id"))
    sheet: Mapped[BulkSheet] = relationship(back_populates="rows")
    transfer: Mapped[Transfer | None] = relationship()


Index("ix_bulk_row_open", BulkRow.sheet_id, postgresql_where=text("state IN ('waiting', 'looking')"))
