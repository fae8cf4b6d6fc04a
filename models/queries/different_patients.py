"""The patients that the images of one held study name, where they contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import PatientFacts, disagreement, nhs_numbers
from models.tables import Arrival, ArrivalInstance, Instance
from models.two_patients import HELD_FOR


@dataclass(frozen=True)
class Named:
    """One of them, and how many images name it."""

    patient: PatientFacts
    count: int


def different_patients(session: Session, arrival_ids: Collection[str]) -> dict[str, tuple[Named, ...]]:
    """By arrival whose own images contradict each other: each patient, the one that came first before the others.

    The caller says who may see them.
    """
    if not arrival_ids:
        return {}
    rows = session.execute(
        select(ArrivalInstance.arrival_id, Instance.patient, func.count())
        .join(Instance, Instance.id == ArrivalInstance.instance_id)
        .where(ArrivalInstance.arrival_id.in_(arrival_ids), Instance.purged_at.is_(None))
        .group_by(ArrivalInstance.arrival_id, Instance.patient)
        .order_by(func.min(ArrivalInstance.position))
    )
    named: dict[str, dict[object, Named]] = defaultdict(dict)
    for arrival_id, stored, count in rows:
        if stored:
            _count(named[arrival_id], facts_from_json(stored), count)
    return {
        arrival_id: tuple(several.values())
        for arrival_id, several in named.items()
        if len(several) > 1 and disagreement(one.patient for one in several.values()) is not None
    }


def patients_of(session: Session, arrival: Arrival) -> tuple[Named, ...]:
    """The same of one, looked for only where that has kept it from going on, or may do so."""
    if arrival.held_reason not in HELD_FOR:
        return ()
    return different_patients(session, [arrival.id]).get(arrival.id, ())


def _count(named: dict[object, Named], patient: PatientFacts, count: int) -> None:
    key = patient.same_person_fields(), nhs_numbers(patient)
    before = named.get(key, Named(patient, 0))
    named[key] = replace(before, count=before.count + count)
