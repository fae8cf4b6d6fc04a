"""Requests: what one Institution asks of another, the studies it names, and what came in answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.transaction import Arrival, Transaction


class ImageRequest(Base):
    """One request. `institution_id` is the requester's, `source_id` is who is asked; the patient is content.

    `source_patient_id` is the patient's ID at the source, `recipient` whom the images are for, `call_back` a number.
    `held_already` are StudyInstanceUIDs that the requester has: they need not come again as priors.
    """

    __tablename__ = "image_request"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    transaction_id: Mapped[str] = mapped_column(ForeignKey("transaction.id"), unique=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    placed_by: Mapped[str] = mapped_column(ForeignKey("account.id"))
    nhs_number: Mapped[str] = mapped_column(default="", index=True)
    family_name: Mapped[str] = mapped_column(default="")
    given_name: Mapped[str] = mapped_column(default="")
    birth_date: Mapped[str] = mapped_column(default="")
    source_patient_id: Mapped[str] = mapped_column(default="")
    recipient: Mapped[str]
    call_back: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    held_already: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(default="placed")
    state_detail: Mapped[str] = mapped_column(default="")
    reminded: Mapped[int] = mapped_column(default=0)
    next_reminder_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    placed_at: Mapped[datetime]
    transaction: Mapped[Transaction] = relationship()
    studies: Mapped[list[RequestedStudy]] = relationship(order_by="RequestedStudy.position")


Index("ix_image_request_call_back", func.regexp_replace(ImageRequest.call_back, "[^0-9]", "", "g"))
Index("ix_image_request_state", ImageRequest.state, ImageRequest.source_id)
Index("ix_image_request_birth_date", ImageRequest.source_id, ImageRequest.birth_date)
Index("ix_image_request_source_patient_id", ImageRequest.source_id, ImageRequest.source_patient_id)


class RequestedStudy(Base):
    """One study that a request names, by UID or by description; with `is_prior` any earlier one of the patient.

    It `wants` the study's images or the report of it; where both are asked for, the report's row is `report_of_id` the
    row of the images. Dates are DICOM dates (YYYYMMDD); `state` is wanted, answered or declined, `reason` why it was
    declined.
    """

    __tablename__ = "requested_study"
    __table_args__ = (UniqueConstraint("request_id", "position"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    request_id: Mapped[str] = mapped_column(ForeignKey("image_request.id"), index=True)
    position: Mapped[int]
    wants: Mapped[str] = mapped_column(default="images")
    report_of_id: Mapped[str | None] = mapped_column(ForeignKey("requested_study.id"), index=True)
    StudyInstanceUID: Mapped[str] = mapped_column(default="", index=True)
    AccessionNumber: Mapped[str] = mapped_column(default="", index=True)
    Modality: Mapped[str] = mapped_column(default="")
    study_date_from: Mapped[str] = mapped_column(default="")
    study_date_to: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    is_prior: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="wanted")
    reason: Mapped[str] = mapped_column(default="")

    @property
    def item(self) -> str:
        """The same for the images of a study and the report of it."""
        return self.report_of_id or self.id

    @property
    def noun(self) -> str:
        return "report" if self.wants == "report" else "study"


class Candidate(Base):
    """An arrival that may answer a requested study, and why: the names of what agrees and differs, no values.

    `answered_at` is set when it does, by `actor`; `dismissed_at` when a person says that it does not.
    """

    __tablename__ = "candidate"
    requested_study_id: Mapped[str] = mapped_column(ForeignKey("requested_study.id"), primary_key=True)
    arrival_id: Mapped[str] = mapped_column(ForeignKey("arrival.id"), primary_key=True, index=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    is_certain: Mapped[bool]
    agrees: Mapped[list[Any]]
    differs: Mapped[list[Any]]
    found_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    dismissed_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(default="")
    study: Mapped[RequestedStudy] = relationship()
    arrival: Mapped[Arrival] = relationship()


class Draft(Base):
    """A request that somebody has begun to write: kept at every pause, so that nothing typed is lost."""

    __tablename__ = "draft"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    content: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]


class LocalPatient(Base):
    """Whom an Institution files under which of its own Patient IDs, as it was told at a release.

    `reserved_by` is the command that would release under it: until that has released, it is known of nobody.
    """

    __tablename__ = "local_patient"
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"), primary_key=True)
    patient_id: Mapped[str] = mapped_column(primary_key=True)
    nhs_number: Mapped[str] = mapped_column(default="")
    PatientName: Mapped[str] = mapped_column(default="")
    PatientBirthDate: Mapped[str] = mapped_column(default="")
    PatientSex: Mapped[str] = mapped_column(default="", server_default="")
    learned_at: Mapped[datetime]
    reserved_by: Mapped[str | None]


class SendersId(Base):
    """Under which of its own Patient IDs an Institution filed whom a sender calls `sent_id`, as the last release told.

    `issuer` is whose that ID is by the header, or the Node that sent it; the patient is the LocalPatient of that ID.
    """

    __tablename__ = "senders_id"
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"), primary_key=True)
    sender_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"), primary_key=True)
    issuer: Mapped[str] = mapped_column(primary_key=True)
    sent_id: Mapped[str] = mapped_column(primary_key=True)
    patient_id: Mapped[str]
    learned_at: Mapped[datetime]


Index("ix_local_patient_nhs_number", LocalPatient.institution_id, LocalPatient.nhs_number)
Index("ix_local_patient_in_any_case", LocalPatient.institution_id, func.lower(LocalPatient.patient_id))
