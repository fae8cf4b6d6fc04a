"""Rows of one study on its way from ZX1 to ZX2: an arrival, its parcel and its delivery."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import product

from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    KeyObjectSelectionDocumentStorage,
)
from sqlalchemy.orm import Session

from models.dicom import facts_to_json
from models.domain.contracts import CommandKind
from models.domain.identity import PatientFacts
from models.domain.urgency import Urgency
from models.outbox import post
from models.tables import (
    Arrival,
    ArrivalInstance,
    Association,
    Delivery,
    Instance,
    Parcel,
    Study,
    Transaction,
    new_id,
    now,
)
from tests.database import Registry
from tests.workflows.fakes import World

MODALITIES: dict[str, str] = {
    BasicTextSRStorage: "SR",
    EncapsulatedPDFStorage: "DOC",
    KeyObjectSelectionDocumentStorage: "KO",
}
LONG_AGO = timedelta(minutes=10)
ALPHA = PatientFacts(PatientID="L1", PatientName="Testcase^Alpha", PatientBirthDate="19500101")
BETA = PatientFacts(PatientID="L2", PatientName="Testcase^Beta", PatientBirthDate="19610203")


def arrived(
    session: Session,
    registry: Registry,
    world: World,
    *,
    state: str = "receiving",
    called: str = "IEP_ZX2",
    sender: str = "STORESCU",
    patients: tuple[PatientFacts, ...] = (ALPHA,),
    urgency: Urgency = Urgency.ROUTINE,
    classes: tuple[str, ...] = (CTImageStorage,),
) -> Arrival:
    """An arrival with an object of each of `classes` for each of `patients`, announced long ago."""
    at = now() - LONG_AGO
    transaction = Transaction(
        reference=new_id()[:10], kind="push", institution_id="ZX1", urgency=urgency.value,
        lifecycle="arrival", state=state, state_since=at, opened_at=at,
    )  # fmt: skip
    study = Study(
        institution_id="ZX1",
        StudyInstanceUID=_uid(),
        StudyDate=f"{at:%Y%m%d}",
        ModalitiesInStudy=[MODALITIES.get(uid, "CT") for uid in classes],
        patient=facts_to_json(patients[0]),
        first_received_at=at,
    )
    link = Association(
        id=new_id(), institution_id="ZX1", node_id=registry.nodes[sender], edge="e", calling_ae_title=sender,
        called_ae_title=called, address="127.0.0.1", standing="known", opened_at=at, ended_at=at,
    )  # fmt: skip
    session.add_all([transaction, study, link])
    session.flush()
    arrival = Arrival(
        id=world.arrival_id, transaction_id=transaction.id, institution_id="ZX1", study_id=study.id,
        node_id=registry.nodes[sender], calling_ae_title=sender, called_ae_title=called, standing="known",
        state=state, generation=1, announced_generation=1, announced_at=at, count=len(patients),
        opened_at=at, last_received_at=at,
    )  # fmt: skip
    session.add(arrival)
    session.flush()
    for position, (patient, sop_class) in enumerate(product(patients, classes), 1):
        image = Instance(
            institution_id="ZX1", study_id=study.id, SOPInstanceUID=_uid(), SOPClassUID=sop_class,
            SeriesInstanceUID="2.25.1", TransferSyntaxUID="1.2.840.10008.1.2.1",
            patient=facts_to_json(patient), sha256="0" * 64, size=1, store="folder", key="k", received_at=at,
        )  # fmt: skip
        session.add(image)
        session.flush()
        session.add(
            ArrivalInstance(arrival_id=arrival.id, instance_id=image.id, association_id=link.id, position=position)
        )
    session.flush()
    return arrival


def delivering(
    session: Session, registry: Registry, world: World, *, state: str = "waiting", urgency: Urgency = Urgency.ROUTINE
) -> Delivery:
    """The delivery to ZX2 of an arrival that was routed long ago."""
    arrival = arrived(session, registry, world, state="routed", urgency=urgency)
    at = now() - LONG_AGO
    parcel = Parcel(
        institution_id="ZX1", transaction_id=arrival.transaction_id, arrival_id=arrival.id, sealed_at=at
    )  # fmt: skip
    session.add(parcel)
    session.flush()
    delivery = Delivery(
        id=world.delivery_id, institution_id="ZX2", transaction_id=arrival.transaction_id, parcel_id=parcel.id,
        worklist_id=registry.worklists["ZX2"], node_id=registry.nodes["ZX2_PACS"], state=state, created_at=at,
    )  # fmt: skip
    session.add(delivery)
    session.flush()
    return delivery


def command(session: Session, kind: CommandKind, subject_id: str, actor: str = "ann", **content: str) -> str:
    """A saved command, as a page saves it; its id."""
    command_id = new_id()
    post(
        session, command_id, institution_id="ZX2", kind=kind, subject_id=subject_id, actor=actor, content=content
    )  # fmt: skip
    return command_id


def _uid() -> str:
    return f"2.25.{uuid.uuid4().int}"
