"""Where an arrival may go: by the rules its transaction began with, or as a person chose; two patients go nowhere."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import manifests
from models.directory import routing_directory
from models.domain.held_words import IF_IN_CONFLICT
from models.domain.lifecycles import DELIVERY
from models.domain.routing import HeldReason, Routed, Unrouted
from models.named_route import named_route
from models.tables import Arrival, Delivery, Parcel, TransferStudy, Worklist
from models.two_patients import identity_conflict
from models.tying import contradicts

KNOWN = "known"


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
