"""What names the patient of a transaction, so that no reason typed about it says so."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.domain.naming import NOBODY, Identifying
from models.queries.oversight import patient_of
from models.tables import Arrival, Delivery, ImageRequest, Institution, Parcel, RequestedStudy, Study, Transaction


def identifying(session: Session, reference: str) -> Identifying:
    """NOBODY for an unknown reference. It is for comparing alone: no page shows it."""
    one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one_or_none()
    if one is None:
        return NOBODY
    patient = patient_of(session, one)
    request = session.scalars(select(ImageRequest).where(ImageRequest.transaction_id == one.id)).one_or_none()
    filed = session.scalars(select(Delivery.identity).where(Delivery.transaction_id == one.id))
    ids = {identity["PatientID"] for identity in filed if identity} | {request.source_patient_id if request else ""}
    if patient is not None:
        ids |= {patient.PatientID, *(value for value, _ in patient.other_ids)}
    return Identifying(
        PatientName=patient.PatientName if patient else "",
        PatientBirthDate=patient.PatientBirthDate if patient else "",
        ids=frozenset(ids),
        other_words=" ".join((*_sites(session, one), *_examined(session, one))),
    )


def _sites(session: Session, one: Transaction) -> list[str]:
    sides = Institution.ods_code.in_({one.institution_id, one.destination_id} - {None})
    rows = session.execute(select(Institution.name, Institution.ods_code).where(sides))
    return [word for row in rows for word in row]


def _examined(session: Session, one: Transaction) -> list[str]:
    carried = select(Parcel.arrival_id).join(Delivery).where(Delivery.transaction_id == one.id)
    came = (
        select(Study.StudyDescription)
        .join(Arrival, Arrival.study_id == Study.id)
        .where(or_(Arrival.transaction_id == one.id, Arrival.id.in_(carried)))
    )
    asked = select(RequestedStudy.description).join(ImageRequest).where(ImageRequest.transaction_id == one.id)
    return [*session.scalars(came), *session.scalars(asked)]
