"""What an arrival says about patient and study: its own first image, never another arrival of the same study."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import PatientFacts, disagreement
from models.tables import Arrival, ArrivalInstance, Instance, Study


@dataclass(frozen=True)
class FirstHeader:
    """`patient` is None once purged. The study's description and date are empty where it is about somebody else."""

    patient: PatientFacts | None = None
    AccessionNumber: str = ""
    StudyDescription: str = ""
    StudyDate: str = ""


def first_headers(session: Session, arrival_ids: Collection[str]) -> dict[str, FirstHeader]:
    """By arrival: the header of the image that came first in it."""
    first = (
        select(ArrivalInstance.instance_id)
        .where(ArrivalInstance.arrival_id == Arrival.id)
        .order_by(ArrivalInstance.position)
        .limit(1)
        .lateral()
    )
    rows = session.execute(
        select(Arrival.id, Instance, Study)
        .select_from(Arrival)
        .join(first, true())
        .join(Instance, Instance.id == first.c.instance_id)
        .join(Study, Study.id == Arrival.study_id)
        .where(Arrival.id.in_(arrival_ids))
    )
    return {arrival_id: _header(instance, study) for arrival_id, instance, study in rows}


def _header(instance: Instance, study: Study) -> FirstHeader:
    if not instance.patient:
        return FirstHeader(AccessionNumber=instance.AccessionNumber)
    patient = facts_from_json(instance.patient)
    if not study.patient or disagreement((facts_from_json(study.patient), patient)) is not None:
        return FirstHeader(patient, instance.AccessionNumber)
    return FirstHeader(patient, instance.AccessionNumber, study.StudyDescription, study.StudyDate)
