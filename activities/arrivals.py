"""What StudyArrival asks of the database: how long to wait, whether the study is complete, and where it goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from activities.border import acts
from activities.effects import chosen_worklist
from activities.routes import KNOWN, by_a_person, by_rules, by_transfer
from models import manifests, tying
from models.answers import follow_late, open_answers, start_of
from models.candidates import certain, note_for_arrival
from models.completeness import Listed, listed, still_connected
from models.db import Database
from models.deliveries import open_delivery, stop_deliveries, worklist_at
from models.directory import routing_directory, rules_of
from models.domain.arrival_contracts import WhereItGoes
from models.domain.contracts import (
    EXCHANGE,
    ArrivalOutlook,
    CommandKind,
    RouteRequest,
    RouteVerdict,
    Sealed,
    SealRequest,
)
from models.domain.lifecycles import DELIVERY
from models.domain.lifecycles import transfer as transfers
from models.domain.lifecycles.arrival import ARRIVAL, State
from models.domain.routing import CALLED_AE_TITLE, HeldReason, Routed, RuleSet, Unrouted, route
from models.domain.urgency import Urgency
from models.outbox import post
from models.tables import (
    Arrival,
    Delivery,
    Instance,
    Node,
    Parcel,
    TransferStudy,
    Worklist,
    now,
)

DEFAULT_QUIET = 30.0
CALM = 2.0
"""Seconds without an image before the sender's list counts: some ask for commitment to each image as they send it."""
ASK_AGAIN = 10.0
"""Seconds at least between two looks for images that are known to be missing."""
LONGEST_SILENCE = ARRIVAL.patience[State.RECEIVING]
FOR_A_TRANSFER = timedelta(hours=1)
"""What a transfer fetches is complete when it has all come; each change of that is announced."""


class ArrivalActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def outlook(self, arrival_id: str) -> ArrivalOutlook:
        """Whether the source can be asked. Where the route is certain already, the delivery is opened at once.

        Idempotent by arrival: a second call finds the same delivery.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, arrival_id, with_for_update=True)
            fetched = tying.brought_for(session, arrival)
            node = session.get(Node, arrival.node_id) if arrival.node_id else None
            if node is None or arrival.standing != KNOWN:
                return ArrivalOutlook(
                    warning=f"The AE title {arrival.calling_ae_title} is not registered, its address is.",
                )
            rules = rules_of(session, arrival.institution_id)
            if arrival.transaction.rules_version is None:
                arrival.transaction.rules_version = rules.version
            return ArrivalOutlook(
                source_can_be_asked=node.query_back and node.receives and fetched is None,
                delivery_id=_early_delivery(session, arrival, rules),
                urgency=Urgency(arrival.transaction.urgency),
                wait_seconds=_until_the_first_look(session, arrival, fetched),
            )

    @acts
    def seal(self, request: SealRequest) -> Sealed:
        """Close the arrival on the strongest evidence that all has come, or say how long to wait for it.

        What a transfer fetches is complete when all that its manifest names is here. Of what was pushed the sender's
        own list comes first (storage commitment, then key object selection), then the number that the
        source says it has, then silence while nobody who sent is still connected. Idempotent: a sealed arrival
        stays sealed; what comes later belongs to a new one that follows it.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, request.arrival_id, with_for_update=True)
            fetched = tying.brought_for(session, arrival) if arrival.sealed_at is None else None
            if fetched is not None:
                return _sealed_for(session, arrival, fetched)
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

        Opens the delivery (idempotent by arrival and Institution, or the worklist that a person chose); a verdict with
        a reason opens nothing, and stops a delivery that began early. By the rules it also keeps which requests the
        arrival may answer.
        """
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, request.arrival_id, with_for_update=True)
            chosen = chosen_worklist(session, request.content_id)
            if chosen is not None:
                return _opened(session, arrival, by_a_person(session, arrival, chosen), chosen=chosen)
            fetched = tying.brought_for(session, arrival)
            verdict = by_transfer(session, arrival, fetched) if fetched else by_rules(session, arrival)
            if isinstance(verdict, Unrouted):
                arrival.held_reason = verdict.reason.value
                stop_deliveries(session, arrival.id, verdict.detail)
            found = note_for_arrival(session, arrival)
            opened = _opened(session, arrival, verdict, usual=fetched.transfer.worklist if fetched else None)
            # A destination that is named and cannot be used, or two patients, contradict any request.
            if isinstance(verdict, Unrouted) and verdict.reason is not HeldReason.NO_ROUTE:
                return opened
            addressed = "" if isinstance(verdict, Unrouted) else verdict.destination
            matches = certain(session, arrival, found, addressed)
            follow_late(session, arrival, matches)
            late = tuple(start_of(session, delivery) for delivery in open_answers(session, arrival))
            return replace(opened, matches=matches, late=late)

    @acts
    def left_over(self, goes: WhereItGoes) -> list[str]:
        """Ids of the arrival's open deliveries to places where it does not go after all."""
        with self.database.begin() as session:
            others = (
                select(Delivery.id)
                .join(Parcel, Parcel.id == Delivery.parcel_id)
                .where(
                    Parcel.arrival_id == goes.arrival_id,
                    Delivery.id.not_in(goes.delivery_ids),
                    Delivery.state.not_in(DELIVERY.terminal),
                )
            )
            return list(session.scalars(others))


def _sealed_for(session: Session, arrival: Arrival, study: TransferStudy) -> Sealed:
    """Closed once every image of the manifest is here and the source was asked for it a second time."""
    count = manifests.count(session, study)
    transfer = study.transfer
    if count.complete and transfer.state == transfers.State.NEEDS_ATTENTION:
        # What was missing has come by itself.
        post(
            session,
            f"{arrival.id}-{arrival.generation}",
            institution_id=arrival.institution_id,
            kind=CommandKind.LOOK_AT_TRANSFER,
            subject_id=transfer.id,
            actor=EXCHANGE,
        )
    if not (count.complete and study.compared_at):
        return Sealed(False, wait_seconds=FOR_A_TRANSFER.total_seconds())
    more = arrival.count - count.here
    also = f" {more} came that were not asked for." if more > 0 else ""
    said = f" {study.reason}." if study.reason else ""
    arrival.basis = f"{count.here} of {count.total}, by {transfer.node.name}'s own list.{said}{also}"
    arrival.sealed_at = now()
    return Sealed(True, arrival.basis)


def _until_the_first_look(session: Session, arrival: Arrival, fetched: TransferStudy | None) -> float:
    if fetched is None:
        return max(0.0, _still_to_wait(session, arrival, listed(session, arrival), None))
    return 0.0 if manifests.count(session, fetched).complete else FOR_A_TRANSFER.total_seconds()


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
    if still_connected(session, arrival):
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


def _opened(
    session: Session,
    arrival: Arrival,
    verdict: Routed | Unrouted,
    *,
    chosen: Worklist | None = None,
    usual: Worklist | None = None,
) -> RouteVerdict:
    if isinstance(verdict, Unrouted):
        return RouteVerdict(reason=verdict.reason, detail=verdict.detail)
    worklist = chosen or worklist_at(session, arrival.id, verdict.destination, usual)
    delivery = open_delivery(session, arrival, worklist, sealed=True)
    return RouteVerdict(delivery.id, Urgency(arrival.transaction.urgency), detail=verdict.basis)


def _early_delivery(session: Session, arrival: Arrival, rules: RuleSet) -> str:
    """The delivery of a study whose called AE title says where it goes and whose worklist releases by itself."""
    called = [{CALLED_AE_TITLE: arrival.called_ae_title}]
    verdict = route(rules, called, routing_directory(session), arrival.institution_id)
    if isinstance(verdict, Unrouted) or isinstance(by_rules(session, arrival), Unrouted):
        return ""
    worklist = worklist_at(session, arrival.id, verdict.destination)
    if not worklist.auto_release:
        return ""
    return open_delivery(session, arrival, worklist, sealed=False).id
