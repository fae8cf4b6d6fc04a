"""What an Institution has got through the exchange, so that it need not come again."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import nhs_numbers
from models.domain.lifecycles.delivery import State
from models.domain.nhs_number import spaced
from models.tables import Arrival, Delivery, Node, Parcel, Study


def delivered_studies(session: Session, institution_id: str, nhs_number: str) -> list[str]:
    """StudyInstanceUIDs of this patient that the Institution's own PACS has confirmed."""
    if not nhs_number:
        return []
    rows = session.execute(
        select(Study.StudyInstanceUID, Study.patient, Node.patient_id_may_be_nhs)
        .join(Arrival, Arrival.study_id == Study.id)
        .join(Parcel, Parcel.arrival_id == Arrival.id)
        .join(Delivery, Delivery.parcel_id == Parcel.id)
        .outerjoin(Node, Node.id == Arrival.node_id)
        .where(
            Delivery.institution_id == institution_id,
            Delivery.state == State.CONFIRMED,
            # Most rows are of others: the database leaves them out by an index.
            names_nhs_number(nhs_number),
        )
        .distinct()
    )
    return sorted(
        {
            uid
            for uid, patient, may_be_nhs in rows
            if patient and nhs_number in nhs_numbers(facts_from_json(patient), patient_id_may_be_nhs=bool(may_be_nhs))
        }
    )


def names_nhs_number(number: str) -> ColumnElement[bool]:
    """Studies whose header has this number as an ID, written as one word or in groups; by the index on `patient`."""
    written = {number, spaced(number), spaced(number).replace(" ", "-")}
    return or_(
        *(Study.patient.contains({"PatientID": text}) for text in written),
        *(Study.patient.contains({"other_ids": [[text]]}) for text in written),
    )
