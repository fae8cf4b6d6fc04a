"""The same study from another Institution: whether that was about another person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import PatientFacts, another_person, declared_nhs
from models.domain.lifecycles.arrival import ARRIVAL, State
from models.domain.lifecycles.delivery import State as DeliveryState
from models.tables import Arrival, ArrivalInstance, Delivery, Instance, Node, Parcel, Study

OF_ANOTHER_PERSON = "The same study came from another Institution for a different patient."
"""All that either side is told: nothing of the other's Institution or patient."""


def came_of_another_person(
    session: Session, study: Study, patients: Iterable[PatientFacts], *, patient_id_may_be_nhs: bool = False
) -> bool:
    """Whether another Institution's images of `study` are of somebody else than `patients`, wherever they go.

    Images are on record before anything is decided about them, so of two sources at once the later one sees the
    earlier, or each sees the other.
    """
    own = [declared_nhs(facts) if patient_id_may_be_nhs else facts for facts in patients]
    return any(another_person(one, other) for other, one in product(_elsewhere(session, study), own))


def _elsewhere(session: Session, study: Study) -> Iterator[PatientFacts]:
    """As the images from other Institutions say, each read as its sending Node declares; purged ones as their study.

    What the source refused, or every destination refused before anything was sent, may have been the mistake.
    """
    refused = Delivery.state == DeliveryState.REFUSED
    sent_back = _has_delivery(refused) & ~_has_delivery(~refused)
    patient = case((Instance.purged_at.is_(None), Instance.patient), else_=Study.patient)
    rows = session.execute(
        select(patient, Node.patient_id_may_be_nhs)
        .select_from(Study)
        .join(Arrival, Arrival.study_id == Study.id)
        .join(ArrivalInstance, ArrivalInstance.arrival_id == Arrival.id)
        .join(Instance, Instance.id == ArrivalInstance.instance_id)
        .outerjoin(Node, Node.id == Arrival.node_id)
        .where(
            Study.StudyInstanceUID == study.StudyInstanceUID,
            Study.institution_id != study.institution_id,
            Arrival.state != State.REFUSED,
            ~(Arrival.state.in_(ARRIVAL.terminal) & sent_back),
        )
        .distinct()
    )
    for stored, may_be_nhs in rows:
        if stored:
            facts = facts_from_json(stored)
            yield declared_nhs(facts) if may_be_nhs else facts


def _has_delivery(which: ColumnElement[bool]) -> ColumnElement[bool]:
    of_arrival = (
        select(Delivery.id).join(Parcel, Parcel.id == Delivery.parcel_id).where(Parcel.arrival_id == Arrival.id)
    )
    return of_arrival.where(which).exists()
