"""What StudyArrival asks of the database: how long to wait, whether the study is complete, and where it goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from activities.border import acts
from activities.completeness import Listed, listed, of_its_images
from activities.effects import chosen_worklist
from models.db import Database
from models.deliveries import open_delivery, stop_deliveries
from models.dicom import facts_from_json
from models.directory import routing_directory, rules_of
from models.domain.contracts import (
    ArrivalOutlook,
    RouteRequest,
    RouteVerdict,
    Sealed,
    SealRequest,
)
from models.domain.identity import disagreement
from models.domain.lifecycles import DELIVERY
from models.domain.lifecycles.arrival import ARRIVAL, State
from models.domain.routing import CALLED_AE_TITLE, Evidence, HeldReason, Routed, RuleSet, Unrouted, route
from models.domain.urgency import Urgency
from models.tables import Arrival, ArrivalInstance, Association, Delivery, Instance, Node, Parcel, Worklist, now

KNOWN = "known"
DEFAULT_QUIET = 30.0
CALM = 2.0
"""Seconds without an image before the sender's list counts: some ask for commitment to each image as they send it."""
ASK_AGAIN = 10.0
"""Seconds at least between two looks for images that are known to be missing."""
LONGEST_SILENCE = ARRIVAL.patience[State.RECEIVING]


class ArrivalActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def outlook(self, arrival_id: str) -> ArrivalOutlook:
        """Whether the source can be asked. Where the route is certain already, the delivery is opened at once.

        Idempotent by arrival: a second call finds the same delivery.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, arrival_id)
            node = session.get(Node, arrival.node_id) if arrival.node_id else None
            if node is None or arrival.standing != KNOWN:
                return ArrivalOutlook(
                    warning=f"The AE title {arrival.calling_ae_title} is not registered, its address is.",
                )
            rules = rules_of(session, arrival.institution_id)
            if arrival.transaction.rules_version is None:
                arrival.transaction.rules_version = rules.version
            return ArrivalOutlook(
                source_can_be_asked=node.query_back and node.receives,
                delivery_id=_early_delivery(session, arrival, rules),
                urgency=Urgency(arrival.transaction.urgency),
            )

    @acts
    def seal(self, request: SealRequest) -> Sealed:
        """Close the arrival on the strongest evidence that all has come, or say how long to wait for it.

        The sender's own list comes first (storage commitment, then key object selection), then the number that the
        source says it has, then silence while nobody who sent is still connected. Idempotent: a sealed arrival
        stays sealed; what comes later belongs to a new one that follows it.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, request.arrival_id, with_for_update=True)
            if arrival.sealed_at is None:
                said = listed(session, arrival)
                wait = _still_to_wait(session, arrival, said, request.asked)
                complete = said is not None and said.complete
                if wait > 0 or (request.asked is None and not complete):
                    return Sealed(False, wait_seconds=max(0.0, wait))
                arrival.sealed_at, arrival.basis = now(), _basis(session, arrival, said, request.asked)
            return Sealed(True, arrival.basis)

    @acts
    def route(self, request: RouteRequest) -> RouteVerdict:
        """Where the whole arrival goes, by a person's choice or by the rules its transaction began with.

        Opens the delivery (idempotent by arrival and worklist); a verdict with a reason opens nothing, and stops a
        delivery that began early.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, request.arrival_id, with_for_update=True)
            chosen = chosen_worklist(session, request.content_id)
            verdict = _chosen(session, arrival, chosen) if chosen is not None else _by_rules(session, arrival)
            if isinstance(verdict, Unrouted):
                if chosen is None:
                    arrival.held_reason = verdict.reason.value
                    stop_deliveries(session, arrival.id, verdict.detail)
                return RouteVerdict(reason=verdict.reason, detail=verdict.detail)
            worklist = chosen or _default_worklist(session, verdict.destination)
            delivery = open_delivery(session, arrival, worklist, sealed=True)
            return RouteVerdict(delivery.id, Urgency(arrival.transaction.urgency), detail=verdict.basis)

    @acts
    def left_over(self, arrival_id: str) -> list[str]:
        """Ids of the arrival's open deliveries to places where it does not go after all."""
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, arrival_id)
            others = (
                select(Delivery.id)
                .join(Parcel, Parcel.id == Delivery.parcel_id)
                .where(Parcel.arrival_id == arrival.id, Delivery.state.not_in(DELIVERY.terminal))
            )
            if arrival.state == State.ROUTED:
                others = others.where(Delivery.institution_id != arrival.transaction.destination_id)
            return list(session.scalars(others))


def _still_to_wait(session: Session, arrival: Arrival, said: Listed | None, asked: int | None) -> float:
    node = session.get(Node, arrival.node_id) if arrival.node_id else None
    silent = (now() - arrival.last_received_at).total_seconds()
    if said is not None and said.complete:
        return CALM - silent
    if said is None and asked and _kept_of(session, arrival) >= asked:
        return 0.0
    left = LONGEST_SILENCE.total_seconds() - silent
    if left <= 0:
        return 0.0
    connected = session.scalar(
        select(func.count())
        .select_from(Association)
        .where(
            Association.ended_at.is_(None),
            Association.id.in_(
                select(ArrivalInstance.association_id).where(ArrivalInstance.arrival_id == arrival.id).distinct()
            ),
        )
    )
    if connected:
        # The end of an association is announced; until then only the longest silence counts.
        return left
    quiet = node.quiet_seconds if node else DEFAULT_QUIET
    return min(left, max(ASK_AGAIN, quiet)) if said is not None or asked else quiet - silent


def _kept_of(session: Session, arrival: Arrival) -> int:
    """How many images of the study are kept by now: the source counts those of earlier arrivals too."""
    of_the_study = select(func.count()).select_from(Instance).where(Instance.study_id == arrival.study_id)
    return session.scalar(of_the_study) or 0


def _basis(session: Session, arrival: Arrival, said: Listed | None, asked: int | None) -> str:
    if said is not None:
        return f"{said.here} of {said.total}, {'listed ' if said.complete else ''}by the sender's {said.means}."
    if asked:
        return f"{_kept_of(session, arrival)} of {asked}, by the source's own count."
    silence = now() - arrival.last_received_at
    return f"{arrival.count} received, then {_seconds(silence)} of silence; not confirmed by the sender."


def _seconds(span: timedelta) -> str:
    return f"{max(1, round(span.total_seconds()))} s"


def _early_delivery(session: Session, arrival: Arrival, rules: RuleSet) -> str:
    """The delivery of a study whose called AE title says where it goes and whose worklist releases by itself."""
    called = [{CALLED_AE_TITLE: arrival.called_ae_title}]
    verdict = route(rules, called, routing_directory(session), arrival.institution_id)
    if isinstance(verdict, Unrouted) or isinstance(_by_rules(session, arrival), Unrouted):
        return ""
    worklist = _default_worklist(session, verdict.destination)
    if not worklist.auto_release:
        return ""
    return open_delivery(session, arrival, worklist, sealed=False).id


def _by_rules(session: Session, arrival: Arrival) -> Routed | Unrouted:
    if arrival.standing != KNOWN:
        return Unrouted(
            HeldReason.CHANGED_AE_TITLE,
            f"It came from a registered address under the unregistered AE title {arrival.calling_ae_title}.",
        )
    conflict = _identity_conflict(session, arrival)
    if conflict is not None:
        return conflict
    said = session.scalars(of_its_images(arrival, Instance.routing).distinct())
    evidence: list[Evidence] = [{**header, CALLED_AE_TITLE: arrival.called_ae_title} for header in said]
    rules = rules_of(session, arrival.institution_id, arrival.transaction.rules_version)
    return route(rules, evidence, routing_directory(session), arrival.institution_id)


def _identity_conflict(session: Session, arrival: Arrival) -> Unrouted | None:
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


def _chosen(session: Session, arrival: Arrival, worklist: Worklist) -> Routed | Unrouted:
    """A person may say where it goes, never that two patients are one."""
    conflict = _identity_conflict(session, arrival)
    if conflict is not None:
        return Unrouted(conflict.reason, f"{conflict.detail} Refuse it, and ask the sender to correct it.")
    ended = _ended_before(session, arrival, worklist)
    if ended:
        return Unrouted(HeldReason.NO_WORKLIST, f"It was {ended} there before; ask the sender to push it again.")
    directory = routing_directory(session)
    destination = worklist.institution_id
    if directory.organisations[destination].closed:
        return Unrouted(HeldReason.CLOSED, f"{destination} is closed; choose another.")
    if (arrival.institution_id, destination) not in directory.agreements:
        return Unrouted(HeldReason.NO_AGREEMENT, f"No agreement lets {arrival.institution_id} send to {destination}.")
    return Routed(destination, "person", f"{destination}, chosen by a person.")


def _ended_before(session: Session, arrival: Arrival, worklist: Worklist) -> str:
    """How an earlier delivery of this arrival to that worklist ended; empty when there is none that has."""
    state = session.scalars(
        select(Delivery.state)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .where(Parcel.arrival_id == arrival.id, Delivery.worklist_id == worklist.id)
    ).first()
    return state if state is not None and state in DELIVERY.terminal else ""


def _default_worklist(session: Session, institution_id: str) -> Worklist:
    return session.scalars(select(Worklist).where(Worklist.institution_id == institution_id, Worklist.is_default)).one()
