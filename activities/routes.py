"""Where an arrival may go: by the rules its transaction began with, or as a person chose; two patients go nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import manifests
from models.completeness import of_its_images
from models.dicom import facts_from_json
from models.directory import routing_directory
from models.domain.identity import disagreement
from models.domain.lifecycles import DELIVERY
from models.domain.lifecycles.arrival import State
from models.domain.routing import HeldReason, Routed, Unrouted
from models.named_route import named_route
from models.other_sources import OF_ANOTHER_PERSON, came_of_another_person
from models.tables import Arrival, ArrivalInstance, Delivery, Instance, Node, Parcel, TransferStudy, Worklist
from models.tying import contradicts

KNOWN = "known"
IF_IN_CONFLICT = "Refuse it, and ask the sender to correct it; if it is right as it is, ring support."


def by_rules(session: Session, arrival: Arrival) -> Routed | Unrouted:
    """Where the headers of its images and the called AE title say."""
    if arrival.standing != KNOWN:
        return Unrouted(
            HeldReason.CHANGED_AE_TITLE,
            f"It came from a registered address under the unregistered AE title {arrival.calling_ae_title}.",
        )
    conflict = identity_conflict(session, arrival)
    if conflict is not None:
        return conflict
    return named_route(session, arrival)


def by_transfer(session: Session, arrival: Arrival, study: TransferStudy) -> Routed | Unrouted:
    """Where the transfer that has fetched it says; what contradicts that is held like any other study.

    So is what a PACS sent beyond the series that were picked: a delivery takes all of its arrival, and what the sender
    left out on purpose goes nowhere unless a person says so.
    """
    if arrival.standing != KNOWN:
        return by_rules(session, arrival)
    conflict = identity_conflict(session, arrival)
    if conflict is not None:
        return conflict
    worklist, reference = study.transfer.worklist, study.transfer.transaction.reference
    if contradicts(session, arrival, study.transfer):
        # It came at the last moment: tied it stays, but a code that somebody wrote is not passed over.
        named = f"Its images name another destination, and transfer {reference} says {worklist.institution_id}."
        return Unrouted(HeldReason.CONFLICT, named)
    if study.series and (more := manifests.beyond(session, study)):
        images = "1 image" if more == 1 else f"{more} images"
        said = f"{images} came that transfer {reference} did not pick; whoever assigns it lets these go, too."
        return Unrouted(HeldReason.NOT_PICKED, said)
    return _permitted(session, arrival, worklist) or Routed(
        worklist.institution_id, "transfer", f"{worklist.institution_id}, as transfer {reference} says."
    )


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


def by_a_person(session: Session, arrival: Arrival, worklist: Worklist) -> Routed | Unrouted:
    """A person may say where it goes, never that two patients are one."""
    conflict = identity_conflict(session, arrival)
    if conflict is not None:
        return Unrouted(conflict.reason, f"{conflict.detail} {IF_IN_CONFLICT}")
    ended = ended_before(session, arrival, worklist)
    if ended:
        return Unrouted(HeldReason.NO_WORKLIST, f"It was {ended} there before; ask the sender to push it again.")
    destination = worklist.institution_id
    return _permitted(session, arrival, worklist) or Routed(
        destination, "person", f"{destination}, chosen by a person."
    )


def _permitted(session: Session, arrival: Arrival, worklist: Worklist) -> Unrouted | None:
    """Why it cannot go there; None when it can."""
    directory = routing_directory(session)
    destination = worklist.institution_id
    if directory.organisations[destination].closed:
        return Unrouted(HeldReason.CLOSED, f"{destination} is closed; choose another.")
    if (arrival.institution_id, destination) not in directory.agreements:
        return Unrouted(HeldReason.NO_AGREEMENT, f"No agreement lets {arrival.institution_id} send to {destination}.")
    return None


def ended_before(session: Session, arrival: Arrival, worklist: Worklist) -> str:
    """How an earlier delivery of this arrival to that worklist ended; empty when there is none that has."""
    state = session.scalars(
        select(Delivery.state)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .where(Parcel.arrival_id == arrival.id, Delivery.worklist_id == worklist.id)
    ).first()
    return state if state is not None and state in DELIVERY.terminal else ""
