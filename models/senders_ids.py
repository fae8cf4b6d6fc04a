"""Under which of its own Patient IDs an Institution has filed whom a sender calls by an ID of the sender's."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.domain.identity import LONG_STRING, PatientFacts, family_and_given, unpadded
from models.domain.nhs_number import issued_by_nhs, parse_nhs_number
from models.tables import LocalPatient, SendersId


class SentId(NamedTuple):
    """An ID as a sender's headers say it: another sender may mean another issuer by the same name."""

    sender_id: str
    issuer: str
    sent_id: str


def sent_id(patient: PatientFacts, sender_id: str, node_id: str) -> SentId | None:
    """The ID by which the sender itself calls the patient; None where there is none beside the NHS number.

    Nor does one mean somebody that comes without name or birth date, or is longer than any (PS3.5 Section 6.2). Without
    an issuer it is its Node's, for two PACS of one Institution may number each for itself.
    """
    value, issuer = unpadded(patient.PatientID), unpadded(patient.IssuerOfPatientID) or node_id
    is_named = bool(family_and_given(patient.PatientName)[0] and patient.PatientBirthDate)
    if not (value and is_named) or max(len(value), len(issuer)) > LONG_STRING:
        return None
    if issued_by_nhs(issuer) and parse_nhs_number(value):
        return None
    return SentId(sender_id, issuer, value)


def learn_sent_id(session: Session, institution_id: str, sent: SentId, patient_id: str, at: datetime) -> None:
    """Keep that the Institution has filed whom the sender calls so under its own `patient_id`, instead of before."""
    told = {"patient_id": patient_id, "learned_at": at}
    fresh = insert(SendersId).values(institution_id=institution_id, **sent._asdict(), **told)
    key = [SendersId.institution_id, SendersId.sender_id, SendersId.issuer, SendersId.sent_id]
    # A release that is recorded once more is no news.
    newer = SendersId.learned_at <= fresh.excluded.learned_at
    session.execute(fresh.on_conflict_do_update(index_elements=key, set_=told, where=newer))


def filed_for(session: Session, institution_id: str, sent: Collection[SentId]) -> dict[SentId, LocalPatient]:
    """By a sender's ID: whom the Institution filed for it last. One select."""
    if not sent:
        return {}
    rows = session.execute(
        select(SendersId, LocalPatient)
        .join(
            LocalPatient,
            and_(
                LocalPatient.institution_id == SendersId.institution_id,
                LocalPatient.patient_id == SendersId.patient_id,
            ),
        )
        .where(
            SendersId.institution_id == institution_id,
            tuple_(SendersId.sender_id, SendersId.issuer, SendersId.sent_id).in_(list(sent)),
            LocalPatient.reserved_by.is_(None),
        )
    )
    return {SentId(row.sender_id, row.issuer, row.sent_id): patient for row, patient in rows}
