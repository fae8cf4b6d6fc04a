"""What StudyArrival asks of the database: how long to wait, whether the study is complete, and where it goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from activities.border import acts
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
from models.domain.lifecycles.arrival import ARRIVAL, State
from models.domain.routing import CALLED_AE_TITLE, Evidence, HeldReason, Routed, RuleSet, Unrouted, route
from models.domain.urgency import Urgency
from models.tables import Arrival, ArrivalInstance, Association, Instance, Node, Worklist, now

KNOWN = "known"
DEFAULT_QUIET = 30.0
LONGEST_SILENCE = ARRIVAL.patience[State.RECEIVING]


class ArrivalActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def outlook(self, arrival_id: str) -> ArrivalOutlook:
        """How to wait for the rest. Where the route is certain already, the delivery is opened at once.

        Idempotent by arrival: a second call finds the same delivery.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, arrival_id)
            node = session.get(Node, arrival.node_id) if arrival.node_id else None
            if node is None or arrival.standing != KNOWN:
                return ArrivalOutlook(
                    DEFAULT_QUIET,
                    warning=f"The AE title {arrival.calling_ae_title} is not registered, its address is.",
                )
            rules = rules_of(session, arrival.institution_id)
            arrival.transaction.rules_version = rules.version
            return ArrivalOutlook(
                node.quiet_seconds,
                source_can_be_asked=node.query_back and node.receives,
                delivery_id=_early_delivery(session, arrival, rules),
                urgency=Urgency(arrival.transaction.urgency),
            )

    @acts
    def seal(self, request: SealRequest) -> Sealed:
        """Close the arrival when the silence has lasted and nobody who sent is still connected.

        Idempotent: a sealed arrival stays sealed; what comes later belongs to a new one that follows it.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, request.arrival_id, with_for_update=True)
            if arrival.sealed_at is None:
                wait = _still_to_wait(session, arrival, request.asked)
                if wait > 0:
                    return Sealed(False, wait_seconds=wait)
                arrival.sealed_at, arrival.basis = now(), _basis(arrival, request.asked)
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


def _still_to_wait(session: Session, arrival: Arrival, asked: int) -> float:
    node = session.get(Node, arrival.node_id) if arrival.node_id else None
    silent = (now() - arrival.last_received_at).total_seconds()
    if asked and arrival.count >= asked:
        return 0.0
    if silent >= LONGEST_SILENCE.total_seconds():
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
    quiet = node.quiet_seconds if node else DEFAULT_QUIET
    if connected:
        # The end of an association is announced; until then only the longest silence counts.
        return LONGEST_SILENCE.total_seconds() - silent
    return max(10.0, quiet) if asked else max(0.0, quiet - silent)


def _basis(arrival: Arrival, asked: int) -> str:
    if asked:
        return f"{arrival.count} of {asked}, by the source's own count."
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
    said = session.scalars(_of_its_images(arrival, Instance.routing).distinct())
    evidence: list[Evidence] = [{**header, CALLED_AE_TITLE: arrival.called_ae_title} for header in said]
    rules = rules_of(session, arrival.institution_id, arrival.transaction.rules_version)
    return route(rules, evidence, routing_directory(session), arrival.institution_id)


def _identity_conflict(session: Session, arrival: Arrival) -> Unrouted | None:
    node = session.get(Node, arrival.node_id) if arrival.node_id else None
    patients = session.scalars(_of_its_images(arrival, Instance.patient).distinct())
    conflict = disagreement(
        map(facts_from_json, patients), patient_id_may_be_nhs=bool(node and node.patient_id_may_be_nhs)
    )
    return None if conflict is None else Unrouted(HeldReason.IDENTITY_CONFLICT, conflict)


def _of_its_images(arrival: Arrival, column: InstrumentedAttribute[Any]) -> Select[tuple[Any]]:
    return (
        select(column)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .where(ArrivalInstance.arrival_id == arrival.id)
    )


def _chosen(session: Session, arrival: Arrival, worklist: Worklist) -> Routed | Unrouted:
    """A person may say where it goes, never that two patients are one."""
    conflict = _identity_conflict(session, arrival)
    if conflict is not None:
        return Unrouted(conflict.reason, f"{conflict.detail} Refuse it, and ask the sender to correct it.")
    directory = routing_directory(session)
    destination = worklist.institution_id
    if directory.organisations[destination].closed:
        return Unrouted(HeldReason.CLOSED, f"{destination} is closed; choose another.")
    if (arrival.institution_id, destination) not in directory.agreements:
        return Unrouted(HeldReason.NO_AGREEMENT, f"No agreement lets {arrival.institution_id} send to {destination}.")
    return Routed(destination, "person", f"{destination}, chosen by a person.")


def _default_worklist(session: Session, institution_id: str) -> Worklist:
    return session.scalars(select(Worklist).where(Worklist.institution_id == institution_id, Worklist.is_default)).one()
