"""A consignment: what one delivery still has to send to its Node, and the ledger of what was answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from activities.peer import PeerAddress
from activities.readiness import mark_of, must_be_usable, must_not_be_kept_back
from models.db import Database
from models.deliveries import accepted_of, set_aside, total_of
from models.dicom import facts_from_json
from models.directory import routing_directory, rules_of
from models.domain.errors import Permanent
from models.domain.harmonisation import Plan, plan
from models.domain.identity import (
    BY_A_PERSON,
    IssuerForm,
    PatientFacts,
    SentIdentity,
    automatic_accession,
    disagreement,
)
from models.domain.routing import CALLED_AE_TITLE, Unrouted, route
from models.domain.statuses import Outcome, meaning
from models.domain.urgency import Urgency
from models.other_sources import OF_ANOTHER_PERSON, came_of_another_person
from models.slot_queue import kept_for_urgent
from models.tables import ArrivalInstance, Delivery, Instance, LedgerEntry, Node, Study, Transaction, now

SAID = ("status", "accepted", "round", "tries", "attempt", "reason", "syntax", "answered_at")
"""What the last answer to an image replaces in the ledger."""
AT_ONCE = 200
"""Images read from the database in one look."""


@dataclass(frozen=True)
class Image:
    """One image to be sent; `uncompressed`, as somebody decided, though the Node takes what was received.

    `tries` are those of this round that were answered, and may be answered otherwise another time; `resent` of them
    have not been written.
    """

    instance_id: str
    SOPInstanceUID: str
    SOPClassUID: str
    TransferSyntaxUID: str
    key: str
    sha256: str
    plan: Plan
    uncompressed: bool = False
    tries: int = 0
    resent: int = 0

    @property
    def pair(self) -> tuple[str, str]:
        return self.SOPClassUID, self.TransferSyntaxUID


@dataclass(frozen=True)
class Answer:
    """What the Node said to one image; or, with `on_wire` 0, why it was not sent at all.

    `on_wire` is how often it was sent, `syntax` in which transfer syntax where that was not the received one. One that
    does not settle it is only counted.
    """

    image: Image
    status: int
    at: datetime
    reason: str = ""
    syntax: str = ""
    on_wire: int = 1
    settles: bool = True

    @property
    def accepted(self) -> bool:
        return meaning(self.status).outcome in (Outcome.ACCEPTED, Outcome.WARNED)


class Consignment:
    """Read once at the start of an attempt; afterwards `due()` follows the parcel while it grows.

    Each takes the next `attempt` of the delivery. One that a later has followed is late: its process stood still.
    """

    def __init__(self, database: Database, delivery_id: str, urgency: Urgency) -> None:
        self.database = database
        self.delivery_id = delivery_id
        self.urgency = urgency
        self.watermark = 0
        with database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
            delivery.attempt += 1
            node, arrival = delivery.node, delivery.parcel.arrival
            if delivery.released_at is None:
                raise Permanent("This parcel was not released; release it from the worklist.")
            if delivery.identity is None:
                raise Permanent(f"{node.name} cannot file it under the identifiers given; choose another Node.")
            must_be_usable(node, urgency, now())
            sender = session.get(Node, arrival.node_id) if arrival.node_id else None
            self.arrival_id = arrival.id
            self.source = arrival.institution_id
            self.called = arrival.called_ae_title
            self.rules_version = arrival.transaction.rules_version
            self.identity = SentIdentity(**delivery.identity)
            self.released_at = delivery.released_at
            self.round, self.attempt = delivery.round, delivery.attempt
            self.node_id = node.id
            self.slots = node.slots - (0 if urgency.is_urgent else kept_for_urgent(node.slots, node.urgent_slots))
            self.form = IssuerForm(node.issuer_form)
            self.peer = replace(PeerAddress.of(node), dscp=mark_of(node, urgency))
            self.is_paced = node.rate > 0
            self.due_at = session.get_one(Transaction, delivery.transaction_id).due_at
            self.may_be_nhs = bool(sender and sender.patient_id_may_be_nhs)
            answered = LedgerEntry.accepted | LedgerEntry.left_out | (LedgerEntry.round == self.round)
            self.settled = self._marked(session, answered)
            self.uncompressed = self._marked(session, LedgerEntry.uncompressed.is_(True))
            self.tries = self._tries(session)
            self._was_faulty = bool(delivery.fault)
        self._patients: list[PatientFacts] = []
        self._checked: set[str] = set()

    def must_go_on(self, *, has_begun: bool) -> None:
        """Raises NodeHeld or OutsideWindow once a person wants nothing more sent there.

        Unless it `has_begun`, also NodeDown: nobody waits for a slot of what does not answer.
        """
        check = must_not_be_kept_back if has_begun else must_be_usable
        with self.database.begin() as session:
            check(session.get_one(Node, self.node_id), self.urgency, now())

    def due(self) -> tuple[list[Image], bool, str]:
        """Images not yet looked at; whether that is all there will be; why sending must stop, if it must."""
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, self.delivery_id)
            complete = delivery.parcel.sealed_at is not None
            rows = session.execute(
                select(Instance, ArrivalInstance.position)
                .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
                .where(ArrivalInstance.arrival_id == self.arrival_id, ArrivalInstance.position > self.watermark)
                .order_by(ArrivalInstance.position)
                .limit(AT_ONCE)
            ).all()
            stopped = delivery.stopped
            if not complete and not stopped:
                study = delivery.parcel.arrival.study
                stopped = self._contradiction(session, study, [instance for instance, _ in rows])
        if rows:
            self.watermark = rows[-1][1]
        images = [self._image(instance) for instance, _ in rows if instance.id not in self.settled]
        return images, complete and len(rows) < AT_ONCE, stopped

    def write(self, answers: Sequence[Answer]) -> None:
        """Put answers into the ledger. What a newer attempt wrote stays, as does what was accepted.

        Of an answer that comes too late for that only the sends are counted.
        """
        if not answers:
            return
        rows = [
            {
                "delivery_id": self.delivery_id,
                "node_id": self.node_id,
                "instance_id": answer.image.instance_id,
                "status": answer.status,
                "accepted": answer.accepted,
                "round": self.round if answer.settles else 0,
                "tries": 0 if answer.settles else answer.image.tries + 1,
                "wire_count": answer.on_wire,
                "attempt": self.attempt,
                "reason": answer.reason,
                "syntax": answer.syntax,
                "answered_at": answer.at,
            }
            for answer in answers
        ]
        fresh = insert(LedgerEntry)
        stays = (LedgerEntry.attempt > fresh.excluded.attempt) | (LedgerEntry.accepted & ~fresh.excluded.accepted)
        said = {name: case((stays, getattr(LedgerEntry, name)), else_=fresh.excluded[name]) for name in SAID}
        put = fresh.on_conflict_do_update(
            index_elements=["delivery_id", "node_id", "instance_id"],
            set_={"wire_count": LedgerEntry.wire_count + fresh.excluded.wire_count, **said},
        )
        with self.database.begin() as session:
            for row in rows:
                # Not all as one pipeline: PostgreSQL ends no transaction of a client that stands still amid one.
                session.execute(put, row)
            if self._was_faulty and any(answer.accepted for answer in answers):
                delivery = session.get_one(Delivery, self.delivery_id)
                if not self.is_late(delivery):
                    delivery.fault, delivery.fault_at = "", None
                self._was_faulty = False

    def is_late(self, delivery: Delivery) -> bool:
        """Whether another attempt has begun since: what this one meets does not tell how the delivery stands."""
        return delivery.attempt != self.attempt

    def note_store(self, at: datetime) -> None:
        """When the Node took an image last. By itself: rows of the ledger hold a share of the Node's."""
        with self.database.begin() as session:
            session.execute(update(Node).where(Node.id == self.node_id).values(last_store_at=at))

    def summary(self) -> tuple[int, int, list[tuple[int, str, int]]]:
        """Accepted, total, and what was set aside in this round: status, reason, and how many images."""
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, self.delivery_id)
            aside = session.execute(
                select(LedgerEntry.status, LedgerEntry.reason, func.count())
                .where(*set_aside(delivery))
                .group_by(LedgerEntry.status, LedgerEntry.reason)
                .order_by(LedgerEntry.status, LedgerEntry.reason)
            )
            counted = [(status, reason, count) for status, reason, count in aside]
            return accepted_of(session, delivery), total_of(session, delivery.parcel), counted

    def _marked(self, session: Session, mark: ColumnElement[bool]) -> set[str]:
        """Ids of the images that the ledger has with that mark."""
        return set(
            session.scalars(
                select(LedgerEntry.instance_id).where(
                    LedgerEntry.delivery_id == self.delivery_id, LedgerEntry.node_id == self.node_id, mark
                )
            )
        )

    def _tries(self, session: Session) -> dict[str, int]:
        counted = select(LedgerEntry.instance_id, LedgerEntry.tries).where(
            LedgerEntry.delivery_id == self.delivery_id, LedgerEntry.node_id == self.node_id, LedgerEntry.tries > 0
        )
        return {row.instance_id: row.tries for row in session.execute(counted)}

    def _image(self, instance: Instance) -> Image:
        if instance.key is None:
            raise Permanent("Images of this study were purged; ask the source to send it again.")
        planned = plan(
            facts_from_json(instance.patient),
            self._identity_of(instance),
            self.source,
            self.released_at,
            patient_id_may_be_nhs=self.may_be_nhs,
        )
        return Image(
            instance.id,
            instance.SOPInstanceUID,
            instance.SOPClassUID,
            instance.TransferSyntaxUID,
            instance.key,
            instance.sha256,
            planned,
            instance.id in self.uncompressed,
            self.tries.get(instance.id, 0),
        )

    def _identity_of(self, instance: Instance) -> SentIdentity:
        """What a person entered is for all images; else each keeps its own accession number."""
        if self.identity.basis == BY_A_PERSON:
            return self.identity
        accession = automatic_accession(instance.AccessionNumber, self.source, self.form)
        if accession is None:
            raise Permanent(
                "An accession number is too long to be prefixed for this Node, or holds what nobody can read; "
                "refuse it, and ask the source to correct it."
            )
        issuer = self.source if accession else ""
        return replace(self.identity, AccessionNumber=accession, accession_issuer=issuer)

    def _contradiction(self, session: Session, study: Study, fresh: list[Instance]) -> str:
        """Before the parcel is complete each header is checked before its own send; other sources at every look."""
        for instance in self._unseen(fresh):
            self._patients.append(facts_from_json(instance.patient))
            conflict = disagreement(self._patients, patient_id_may_be_nhs=self.may_be_nhs)
            if conflict is not None:
                return conflict
            rules = rules_of(session, self.source, self.rules_version)
            said = [{CALLED_AE_TITLE: self.called, **instance.routing}]
            verdict = route(rules, said, routing_directory(session), self.source)
            if isinstance(verdict, Unrouted):
                return verdict.detail
        if came_of_another_person(session, study, self._patients, patient_id_may_be_nhs=self.may_be_nhs):
            return OF_ANOTHER_PERSON
        return ""

    def _unseen(self, fresh: list[Instance]) -> Iterator[Instance]:
        for instance in fresh:
            header = json.dumps([instance.routing, instance.patient], sort_keys=True)
            if header not in self._checked:
                self._checked.add(header)
                yield instance
