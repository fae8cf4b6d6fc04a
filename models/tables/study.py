"""Studies and their instances as received from one Institution, and what could not be taken in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id


class Study(Base):
    """One study of one source Institution; `patient` holds the identity of its first header (content)."""

    __tablename__ = "study"
    __table_args__ = (UniqueConstraint("institution_id", "StudyInstanceUID"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    StudyInstanceUID: Mapped[str] = mapped_column(index=True)
    AccessionNumber: Mapped[str] = mapped_column(default="")
    StudyDate: Mapped[str] = mapped_column(default="")
    StudyDescription: Mapped[str] = mapped_column(default="")
    ModalitiesInStudy: Mapped[list[Any]] = mapped_column(default=list)
    patient: Mapped[dict[str, Any]] = mapped_column(default=dict)
    first_received_at: Mapped[datetime]


Index("ix_study_accession_number", Study.institution_id, Study.AccessionNumber)
Index(
    "ix_study_patient",
    Study.patient,
    postgresql_using="gin",
    postgresql_ops={"patient": "jsonb_path_ops"},
)


class Instance(Base):
    """Bytes as received, addressed by (store, key); `routing` and `patient` are what its header says.

    `complete_content` lists the images of the whole study (SOPInstanceUIDs) where the object says that (PS3.3 C.17.6).

    Purging empties `store`, `key`, `routing` and `patient`: what is left recognises the image if it comes again.
    """

    __tablename__ = "instance"
    __table_args__ = (UniqueConstraint("institution_id", "SOPInstanceUID"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"), index=True)
    SOPInstanceUID: Mapped[str]
    SOPClassUID: Mapped[str]
    SeriesInstanceUID: Mapped[str] = mapped_column(index=True)
    TransferSyntaxUID: Mapped[str]
    AccessionNumber: Mapped[str] = mapped_column(default="")
    routing: Mapped[dict[str, Any]] = mapped_column(default=dict)
    patient: Mapped[dict[str, Any]] = mapped_column(default=dict)
    complete_content: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    store: Mapped[str | None]
    key: Mapped[str | None] = mapped_column(index=True)
    purged_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    study: Mapped[Study] = relationship()


# Purging looks at what is kept, in this order; what was purged long ago is by far the most.
Index("ix_instance_kept", Instance.id, postgresql_where=Instance.key.is_not(None))


class LeftOver(Base):
    """Bytes in the archive whose rows were emptied: they are removed next."""

    __tablename__ = "left_over"
    key: Mapped[str] = mapped_column(primary_key=True)


class HeldObject(Base):
    """One object that is kept (or, with `key` None, was refused) and joins no study.

    `outcome` is what a person who looked has done about it, `resolution` why, in that person's words.
    """

    __tablename__ = "held_object"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str | None] = mapped_column(ForeignKey("institution.ods_code"))
    arrival_id: Mapped[str | None] = mapped_column(ForeignKey("arrival.id"), index=True)
    origin: Mapped[str] = mapped_column(unique=True)
    reason: Mapped[str]
    sentence: Mapped[str]
    SOPInstanceUID: Mapped[str] = mapped_column(default="")
    calling_ae_title: Mapped[str] = mapped_column(default="")
    store: Mapped[str | None]
    key: Mapped[str | None] = mapped_column(index=True)
    sha256: Mapped[str | None]
    held_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str] = mapped_column(default="")
    outcome: Mapped[str] = mapped_column(default="")
    resolution: Mapped[str] = mapped_column(default="")


Index("ix_held_object_open", HeldObject.institution_id, postgresql_where=HeldObject.resolved_at.is_(None))
