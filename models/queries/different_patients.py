"""The patients that the images of one held study name, where they contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from models.dicom import facts_from_json
from models.domain.identity import PatientFacts, disagreement, nhs_numbers
from models.domain.lifecycles.arrival import State
from models.queries.viewer import Viewer
from models.tables import Arrival, ArrivalInstance, Instance
from models.two_patients import HELD_FOR


@dataclass(frozen=True)
class Named:
    """One of them, and how many images name it."""

    patient: PatientFacts
    count: int


def different_patients(
    session: Session, arrival_ids: Collection[str], *, of_the_study: bool = True
) -> dict[str, tuple[Named, ...]]:
    """By arrival that contradicts itself, or what else its Institution sent of the study: each patient, its own first.

    The caller says who may see them, and whether those `of_the_study`, which may have gone to others.
    """
    if not arrival_ids:
        return {}
    named: dict[str, dict[object, Named]] = defaultdict(dict)
    _add(named, session.execute(_of_its_own(arrival_ids)))
    agree = [arrival_id for arrival_id in arrival_ids if not _is_contrary(named[arrival_id])]
    if agree and of_the_study:
        _add(named, session.execute(_of_the_study(agree)))
    return {arrival_id: tuple(several.values()) for arrival_id, several in named.items() if _is_contrary(several)}


def patients_of(session: Session, viewer: Viewer, arrival: Arrival) -> tuple[Named, ...]:
    """The same of one, looked for only where that has kept it from going on, or may do so."""
    if arrival.held_reason not in HELD_FOR:
        return ()
    is_own = arrival.institution_id == viewer.institution_id
    return different_patients(session, [arrival.id], of_the_study=is_own).get(arrival.id, ())


def _of_its_own(arrival_ids: Collection[str]) -> Select[tuple[str, dict[str, Any] | None, int]]:
    return (
        select(ArrivalInstance.arrival_id, Instance.patient, func.count())
        .join(Instance, Instance.id == ArrivalInstance.instance_id)
        .where(ArrivalInstance.arrival_id.in_(arrival_ids), Instance.purged_at.is_(None))
        .group_by(ArrivalInstance.arrival_id, Instance.patient)
        .order_by(func.min(ArrivalInstance.position))
    )


def _of_the_study(arrival_ids: Collection[str]) -> Select[tuple[str, dict[str, Any] | None, int]]:
    """As the images of its other arrivals say, but for those that were refused."""
    this = aliased(Arrival)
    return (
        select(this.id, Instance.patient, func.count())
        .join(Arrival, Arrival.study_id == this.study_id)
        .join(ArrivalInstance, ArrivalInstance.arrival_id == Arrival.id)
        .join(Instance, Instance.id == ArrivalInstance.instance_id)
        .where(
            this.id.in_(arrival_ids),
            Arrival.id != this.id,
            Arrival.state != State.REFUSED,
            Instance.purged_at.is_(None),
        )
        .group_by(this.id, Instance.patient)
        .order_by(func.min(Instance.id))
    )


def _add(named: Mapping[str, dict[object, Named]], rows: Iterable[Any]) -> None:
    for arrival_id, stored, count in rows:
        if stored:
            _count(named[arrival_id], facts_from_json(stored), count)


def _is_contrary(named: Mapping[object, Named]) -> bool:
    return len(named) > 1 and disagreement(one.patient for one in named.values()) is not None


def _count(named: dict[object, Named], patient: PatientFacts, count: int) -> None:
    key = patient.same_person_fields(), nhs_numbers(patient)
    before = named.get(key, Named(patient, 0))
    named[key] = replace(before, count=before.count + count)
