"""Transactions in every state, as ingest and the journal would have left them: for tests and for looking at pages."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from sqlalchemy.orm import Session

from models.dicom import facts_to_json
from models.domain import identity
from models.domain.identity import PatientFacts
from models.domain.lifecycles import LIFECYCLES
from models.references import new_reference
from models.tables import (
    Arrival,
    ArrivalInstance,
    Association,
    Delivery,
    HeldObject,
    Instance,
    LedgerEntry,
    Parcel,
    Study,
    Transaction,
    TransitionRow,
    new_id,
    now,
)
from tests.database import Registry

AGNES = PatientFacts("ZX1-0042", "", "EXAMPLE^Agnes^^Mrs", "19510203", "F", (("9990000018", "NHS"),))
COUNT = 6

# The way to each state, as the events that lead there.
ARRIVAL_WAYS = {
    "receiving": (),
    "forwarding": ("forwarded",),
    "settled": ("settled",),
    "held": ("settled", "held"),
    "routed": ("settled", "routed"),
    "refused": ("settled", "held", "refused"),
}
DELIVERY_WAYS = {
    "waiting": (),
    "on-worklist": ("listed",),
    "sending": ("listed", "released"),
    "sent": ("listed", "released", "sent"),
    "needs-attention": ("listed", "released", "parked"),
    "differs-at-destination": ("listed", "released", "sent", "found-different"),
    "confirmed": ("listed", "released", "sent", "confirmed"),
    "confirmed-in-part": ("listed", "released", "parked", "left-out", "sent", "confirmed-in-part"),
    "unverifiable": ("listed", "released", "sent", "found-unverifiable"),
    "abandoned": ("listed", "released", "parked", "abandoned"),
    "refused": ("listed", "refused"),
}
DETAILS = {
    "held": "No image names a destination.",
    "needs-attention": "ZX2_PACS did not take 2: class or transfer syntax not supported (0122).",
    "differs-at-destination": "the Patient ID there is another one.",
    "refused": "We do not expect this study.",
    "abandoned": "Sent on a disc instead.",
}


class Seed:
    """Puts transactions from `source` to `destination` into the database."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self.session = session
        self.registry = registry
        self.minutes = 0

    def arrival(
        self,
        state: str,
        source: str = "ZX1",
        *,
        patient: PatientFacts = AGNES,
        description: str = "CT head without contrast",
        urgency: str = "routine",
        follows: Transaction | None = None,
    ) -> Transaction:
        self.minutes += 7
        at = now() - timedelta(minutes=self.minutes)
        one = Transaction(
            id=new_id(),
            reference=new_reference(),
            kind="push",
            institution_id=source,
            urgency=urgency,
            follows_id=follows.id if follows else None,
            lifecycle="arrival",
            state=state,
            state_since=at + timedelta(minutes=2),
            opened_at=at,
        )
        before = self.session.query(Arrival).filter_by(transaction_id=follows.id).one() if follows else None
        study = (
            before.study
            if before
            else Study(
                id=new_id(),
                institution_id=source,
                StudyInstanceUID=f"2.25.{int(new_id(), 16)}",
                AccessionNumber="A1000042",
                StudyDate="20260503",
                StudyDescription=description,
                ModalitiesInStudy=["CT"],
                patient=facts_to_json(patient),
                first_received_at=at,
            )
        )
        self.session.add_all([one, study])
        self.session.flush()
        arrival = Arrival(
            id=new_id(),
            transaction_id=one.id,
            institution_id=source,
            study_id=study.id,
            node_id=self.registry.nodes["STORESCU"] if source == "ZX1" else None,
            calling_ae_title="STORESCU",
            called_ae_title="IEP",
            standing="known",
            state=state,
            state_detail=DETAILS.get(state, ""),
            held_reason="no-route" if state in ("held", "refused") else "",
            basis=f"{COUNT} received, then 30 s of silence; not confirmed by the sender."
            if state != "receiving"
            else "",
            count=COUNT,
            opened_at=at,
            last_received_at=at + timedelta(seconds=40),
            sealed_at=at + timedelta(seconds=70) if state not in ("receiving", "forwarding") else None,
        )
        association = Association(
            id=new_id(),
            institution_id=source,
            edge=new_id(),
            calling_ae_title="STORESCU",
            called_ae_title="IEP",
            address="127.0.0.1",
            standing="known",
            opened_at=at,
            ended_at=at + timedelta(minutes=1),
        )
        self.session.add_all([arrival, association])
        self.session.flush()
        for position in range(1, COUNT + 1):
            instance = Instance(
                id=new_id(),
                institution_id=source,
                study_id=study.id,
                SOPInstanceUID=f"2.25.{int(new_id(), 16)}",
                SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
                SeriesInstanceUID="2.25.1",
                TransferSyntaxUID="1.2.840.10008.1.2.1",
                AccessionNumber="A1000042",
                patient=facts_to_json(patient),
                sha256="0" * 64,
                size=1,
                received_at=at,
            )
            self.session.add(instance)
            self.session.flush()
            self.session.add(
                ArrivalInstance(
                    arrival_id=arrival.id,
                    instance_id=instance.id,
                    association_id=association.id,
                    position=position,
                )
            )
        self._walk("arrival", arrival, ARRIVAL_WAYS[state], "officer.zx1")
        self.session.flush()
        return one

    def delivery(self, state: str, source: str = "ZX1", destination: str = "ZX2", **kwargs: object) -> Transaction:
        one = self.arrival("routed", source, **kwargs)  # type: ignore[arg-type]
        one.destination_id, one.lifecycle, one.state = destination, "delivery", state
        arrival = self.session.query(Arrival).filter_by(transaction_id=one.id).one()
        parcel = Parcel(
            id=new_id(),
            institution_id=source,
            transaction_id=one.id,
            arrival_id=arrival.id,
            sealed_at=one.opened_at,
        )
        self.session.add(parcel)
        self.session.flush()
        delivery = Delivery(
            id=new_id(),
            institution_id=destination,
            transaction_id=one.id,
            parcel_id=parcel.id,
            worklist_id=self.registry.worklists[destination],
            node_id=self.registry.nodes[f"{destination}_PACS"],
            state=state,
            state_detail=DETAILS.get(state, ""),
            identity=asdict(identity.SentIdentity("9990000018", "NHS", "A1000042", source, "the NHS number")),
            created_at=one.opened_at,
        )
        self.session.add(delivery)
        self.session.flush()
        if "released" in DELIVERY_WAYS[state]:
            accepted = COUNT if state in ("sent", "confirmed", "unverifiable", "differs-at-destination") else COUNT - 2
            self._accept(delivery, arrival, accepted)
            delivery.present = {"confirmed": COUNT, "confirmed-in-part": COUNT - 2}.get(state)
            if state in ("needs-attention", "confirmed-in-part"):
                self._set_aside(delivery, arrival, left_out=state == "confirmed-in-part")
        self._walk("delivery", delivery, DELIVERY_WAYS[state], f"officer.{destination.lower()}")
        self.session.flush()
        return one

    def held_object(self, source: str = "ZX1", **more: object) -> HeldObject:
        row = HeldObject(
            institution_id=source,
            origin=new_id(),
            reason="contradiction",
            sentence="An image with the same SOPInstanceUID and other content is here already.",
            calling_ae_title="STORESCU",
            key="somewhere",
            held_at=now() - timedelta(minutes=12),
        )
        for name, value in more.items():
            setattr(row, name, value)
        self.session.add(row)
        self.session.flush()
        return row

    def _accept(self, delivery: Delivery, arrival: Arrival, count: int) -> None:
        rows = (
            self.session.query(ArrivalInstance)
            .filter_by(arrival_id=arrival.id)
            .order_by(ArrivalInstance.position)
            .limit(count)
        )
        for row in rows:
            self.session.add(
                LedgerEntry(
                    delivery_id=delivery.id,
                    node_id=delivery.node_id,
                    instance_id=row.instance_id,
                    status=0,
                    accepted=True,
                    answered_at=now(),
                )
            )

    def _set_aside(self, delivery: Delivery, arrival: Arrival, *, left_out: bool) -> None:
        """The last two: compressed, and refused with 0122."""
        rows = self.session.query(ArrivalInstance).filter_by(arrival_id=arrival.id)
        for row in rows.filter(ArrivalInstance.position > COUNT - 2):
            self.session.get_one(Instance, row.instance_id).TransferSyntaxUID = "1.2.840.10008.1.2.4.70"
            entry = LedgerEntry(
                delivery_id=delivery.id, node_id=delivery.node_id, instance_id=row.instance_id, status=0x0122,
                accepted=False, left_out=left_out, answered_at=now(),
            )  # fmt: skip
            self.session.add(entry)
        if left_out:
            delivery.left_out_at, delivery.left_out_because = now(), "They are on film."
            delivery.left_out_by = self.registry.accounts["officer.zx2"]

    def _walk(self, name: str, subject: Arrival | Delivery, way: tuple[str, ...], officer: str) -> None:
        lifecycle = LIFECYCLES[name]
        state, run_id = lifecycle.initial, new_id()
        opened = subject.opened_at if isinstance(subject, Arrival) else subject.created_at
        people = ("released", "refused", "abandoned", "left-out")
        for sequence, word in enumerate(way, 1):
            event = next(event for at, event in lifecycle.table if event.value == word)
            after = lifecycle.after(state, event)
            self.session.add(
                TransitionRow(
                    transaction_id=subject.transaction_id,
                    institution_id=subject.institution_id,
                    lifecycle=name,
                    subject_id=subject.id,
                    run_id=run_id,
                    sequence=sequence,
                    event=word,
                    before=state.value,
                    after=after.value,
                    actor=self.registry.accounts[officer] if word in people else "exchange",
                    detail=DETAILS.get(after.value, ""),
                    at=opened + timedelta(seconds=(80 if name == "delivery" else 60) + 5 * sequence),
                )
            )
            state = after
