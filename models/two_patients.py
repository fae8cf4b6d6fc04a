"""Whether the images of an arrival can be about one person: where they cannot, nobody may send the study on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.completeness import of_its_images
from models.dicom import facts_from_json
from models.domain.identity import disagreement
from models.domain.lifecycles.arrival import State
from models.domain.routing import HeldReason, Unrouted
from models.other_sources import OF_ANOTHER_PERSON, came_of_another_person
from models.tables import Arrival, ArrivalInstance, Instance, Node

HELD_FOR = (HeldReason.IDENTITY_CONFLICT, HeldReason.CHANGED_AE_TITLE)
"""Of what has an unregistered sender nobody has looked yet whose images they are."""


def identity_conflict(session: Session, arrival: Arrival) -> Unrouted | None:
    """Why the images cannot be about one person; None when they can."""
    node = session.get(Node, arrival.node_id) if arrival.node_id else None
    may_be_nhs = bool(node and node.patient_id_may_be_nhs)
    own = [facts_from_json(one) for one in session.scalars(of_its_images(arrival, Instance.patient).distinct()) if one]
    conflict = disagreement(own, patient_id_may_be_nhs=may_be_nhs)
    if conflict is not None:
        return Unrouted(HeldReason.IDENTITY_CONFLICT, conflict)
    others = map(facts_from_json, _other_patients(session, arrival))
    if disagreement((*own, *others), patient_id_may_be_nhs=may_be_nhs) is not None:
        return Unrouted(
            HeldReason.IDENTITY_CONFLICT, "Other images of this study came with another patient's identity."
        )
    if came_of_another_person(session, arrival.study, own, patient_id_may_be_nhs=may_be_nhs):
        return Unrouted(HeldReason.IDENTITY_CONFLICT, OF_ANOTHER_PERSON)
    return None


def conflicts(session: Session, held: Iterable[Arrival]) -> dict[str, str]:
    """By arrival: why nobody may assign it. Looked at anew: what contradicted it may have been refused since."""
    found = {one.id: identity_conflict(session, one) for one in held if one.held_reason in HELD_FOR}
    return {arrival_id: conflict.detail for arrival_id, conflict in found.items() if conflict is not None}


def _other_patients(session: Session, arrival: Arrival) -> Iterator[dict[str, Any]]:
    """As what else has come of the same study says; what was refused may have been the mistake that this corrects."""
    yield from session.scalars(
        select(Instance.patient)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .join(Arrival, Arrival.id == ArrivalInstance.arrival_id)
        .where(
            Instance.study_id == arrival.study_id,
            Instance.purged_at.is_(None),
            Arrival.id != arrival.id,
            Arrival.state != State.REFUSED,
        )
        .distinct()
    )
    purged = select(Instance.id).where(Instance.study_id == arrival.study_id, Instance.purged_at.is_not(None))
    if session.scalars(purged.limit(1)).first() is not None and arrival.study.patient:
        # Purging leaves the identity of the study alone.
        yield arrival.study.patient
