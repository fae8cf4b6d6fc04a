"""What lists and pages say of transfers: how many images are here of how many, and how each study stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.domain.identity import PatientFacts, another_person, may_be_twins
from models.domain.lifecycles import arrival
from models.domain.lifecycles.delivery import State
from models.queries.header import FirstHeader, first_headers
from models.queries.under_way import STOPPED, UnderWay
from models.queries.viewer import Viewer, visible
from models.tables import (
    Arrival,
    ArrivalInstance,
    Delivery,
    ImageRequest,
    Instance,
    ManifestImage,
    Parcel,
    Transaction,
    Transfer,
    TransferStudy,
    Worklist,
)


@dataclass(frozen=True)
class SentStudy:
    """`here` of the `total` images that the source lists; `reference` is the Transaction that brings it on.

    `patient` is whom its images name, None before the first has come, once that is no longer kept, and for whoever may
    not see it: the destination does once the study `is_there`, on a worklist of its own.
    """

    position: int
    description: str
    Modality: str
    study_date: str
    series: int
    is_listed: bool
    here: int
    total: int
    state: str
    reason: str
    reference: str
    patient: PatientFacts | None
    is_there: bool


@dataclass(frozen=True)
class Sent:
    """A transfer, its studies in their order, and what of them waits at the destination."""

    transfer: Transfer
    studies: tuple[SentStudy, ...]
    under_way: UnderWay

    @property
    def here(self) -> int:
        return sum(study.here for study in self.studies)

    @property
    def total(self) -> int:
        return sum(study.total for study in self.studies)


@dataclass(frozen=True)
class TransferFacts:
    """`answers` is the reference of the request that it is sent for, if the viewer sees that."""

    id: str
    institution_id: str
    node: str
    worklist: str
    recipient: str
    call_back: str
    reason: str
    answers: str
    studies: tuple[SentStudy, ...]


@dataclass(frozen=True)
class SentFor:
    """Whom a study on a worklist was sent for, and with which transfer."""

    reference: str
    recipient: str
    call_back: str
    reason: str


def transfers_of(session: Session, transaction_ids: Collection[str]) -> Mapping[str, Sent]:
    """By Transaction; a few selects however many they are."""
    if not transaction_ids:
        return {}
    transfers = session.scalars(
        select(Transfer)
        .where(Transfer.transaction_id.in_(transaction_ids))
        .options(selectinload(Transfer.studies), joinedload(Transfer.node), joinedload(Transfer.worklist))
    ).all()
    ids = [study.id for transfer in transfers for study in transfer.studies]
    counts, ends = _counts(session, ids), _ends(session, ids)
    brought = {study.arrival_id for transfer in transfers for study in transfer.studies if study.arrival_id}
    headers = first_headers(session, brought)
    return {transfer.transaction_id: _sent(transfer, counts, ends, headers) for transfer in transfers}


def studies_for(viewer: Viewer, sent: Sent) -> tuple[SentStudy, ...]:
    """As the viewer may see them."""
    is_source = viewer.institution_id == sent.transfer.institution_id
    return tuple(
        study if viewer.sees_patients and (is_source or study.is_there) else replace(study, patient=None)
        for study in sent.studies
    )


def patients_for(viewer: Viewer, sent: Sent) -> tuple[PatientFacts, ...]:
    """Each whom the studies name, once, as far as the viewer may see them."""
    found: list[PatientFacts] = []
    for patient in (study.patient for study in studies_for(viewer, sent) if study.patient):
        if all(another_person(patient, other) or may_be_twins(patient, other) for other in found):
            found.append(patient)
    return tuple(found)


def transfer_facts(session: Session, viewer: Viewer, sent: Sent) -> TransferFacts:
    transfer = sent.transfer
    asked = select(Transaction.reference).join(ImageRequest).where(ImageRequest.id == transfer.request_id)
    return TransferFacts(
        id=transfer.id,
        institution_id=transfer.institution_id,
        node=transfer.node.name,
        worklist=transfer.worklist.name,
        recipient=transfer.recipient,
        call_back=transfer.call_back,
        reason=transfer.reason,
        answers=session.scalars(asked.where(visible(viewer))).first() or "",
        studies=studies_for(viewer, sent),
    )


def sent_for(session: Session, arrival_ids: Collection[str], institution_id: str) -> dict[str, SentFor]:
    """By arrival that a transfer to this Institution has fetched."""
    rows = session.execute(
        select(TransferStudy.arrival_id, Transfer, Transaction.reference)
        .join(Transfer, Transfer.id == TransferStudy.transfer_id)
        .join(Transaction, Transaction.id == Transfer.transaction_id)
        .join(Worklist, Worklist.id == Transfer.worklist_id)
        .where(TransferStudy.arrival_id.in_(arrival_ids), Worklist.institution_id == institution_id)
    )
    return {
        arrival_id: SentFor(reference, transfer.recipient, transfer.call_back, transfer.reason)
        for arrival_id, transfer, reference in rows
        if arrival_id
    }


Counts = Mapping[str, tuple[int, int]]
Ends = Mapping[str, tuple[str, str, bool]]


def _counts(session: Session, study_ids: Collection[str]) -> Counts:
    here = exists().where(
        ArrivalInstance.arrival_id == TransferStudy.arrival_id,
        ArrivalInstance.instance_id == Instance.id,
        Instance.SOPInstanceUID == ManifestImage.SOPInstanceUID,
        Instance.institution_id == TransferStudy.institution_id,
    )
    rows = session.execute(
        select(TransferStudy.id, func.count().filter(here), func.count())
        .join(ManifestImage, ManifestImage.transfer_study_id == TransferStudy.id)
        .where(TransferStudy.id.in_(study_ids), ManifestImage.vanished_at.is_(None))
        .group_by(TransferStudy.id)
    )
    return {study_id: (came, total) for study_id, came, total in rows}


def _ends(session: Session, study_ids: Collection[str]) -> Ends:
    """By study that an arrival brings: how its delivery, or else its arrival, stands, under which reference, and
    whether there is a delivery of it."""
    rows = session.execute(
        select(TransferStudy.id, Arrival.state, Delivery.state, Transaction.reference)
        .join(Transfer, Transfer.id == TransferStudy.transfer_id)
        .join(Worklist, Worklist.id == Transfer.worklist_id)
        .join(Arrival, Arrival.id == TransferStudy.arrival_id)
        .join(Transaction, Transaction.id == Arrival.transaction_id)
        .outerjoin(Parcel, Parcel.arrival_id == Arrival.id)
        .outerjoin(Delivery, and_(Delivery.parcel_id == Parcel.id, Delivery.institution_id == Worklist.institution_id))
        .where(TransferStudy.id.in_(study_ids))
        # The newest stands: an earlier one may have been withdrawn for it.
        .order_by(Delivery.created_at)
    )
    return {study_id: (delivered or came, reference, bool(delivered)) for study_id, came, delivered, reference in rows}


def _sent(transfer: Transfer, counts: Counts, ends: Ends, headers: Mapping[str, FirstHeader]) -> Sent:
    studies: list[SentStudy] = []
    states: dict[str, int] = defaultdict(int)
    for study in transfer.studies:
        state, reference, is_there = ends.get(study.id, (study.state, "", False))
        states[state] += 1
        here, total = counts.get(study.id, (0, 0))
        studies.append(
            SentStudy(
                study.position,
                study.description,
                study.Modality,
                study.study_date,
                len(study.series),
                study.listed_at is not None,
                here,
                total,
                state,
                study.reason,
                reference,
                headers.get(study.arrival_id or "", FirstHeader()).patient,
                is_there,
            )
        )
    coming = UnderWay(
        on_worklist=states[State.ON_WORKLIST],
        stopped=sum(states[state] for state in STOPPED),
        in_part=states[State.CONFIRMED_IN_PART],
        held=states[arrival.State.HELD],
    )
    return Sent(transfer, tuple(studies), coming)
