"""How far a transfer has got: what has come for it, and how the deliveries of its studies stand."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import manifests
from models.answers import ARRIVED, FAILED
from models.deliveries import delivery_to
from models.domain.lifecycles import ARRIVAL
from models.domain.transfer_contracts import TransferProgress
from models.tables import Arrival, Delivery, ManifestImage, Transfer, TransferStudy


def progress(session: Session, transfer: Transfer) -> TransferProgress:
    counts = {study.id: manifests.count(session, study) for study in transfer.studies}
    lost = failed(session, transfer)
    delivered = sum(_is_delivered(session, transfer, study) for study in transfer.studies)
    destination = transfer.worklist.institution_id
    return TransferProgress(
        here=sum(count.here for count in counts.values()),
        total=sum(count.total for count in counts.values()),
        complete=all(count.complete for count in counts.values()),
        studies=len(transfer.studies),
        delivered=delivered,
        failed=len(lost),
        sentence=f"{len(lost)} of {_studies(len(transfer.studies))} did not get to {destination}: refused, abandoned "
        "or sent elsewhere, as the page of each says."
        if lost
        else "",
    )


def failed(session: Session, transfer: Transfer) -> list[TransferStudy]:
    """The studies that have come and do not get to the destination any more."""
    return [study for study in transfer.studies if study.arrival_id and _is_lost(session, transfer, study)]


def fetch_again(session: Session, transfer: Transfer) -> None:
    """What was refused or abandoned comes anew, under a transaction of its own; what is missing is compared anew."""
    for study in failed(session, transfer):
        study.arrival_id = None
    for study in transfer.studies:
        if not manifests.count(session, study).complete:
            study.state, study.reason, study.compared_at = "listed" if study.listed_at else "placed", "", None
            # What has vanished may be back.
            for image in _vanished(session, study):
                image.vanished_at = None
    transfer.fault = ""


def _vanished(session: Session, study: TransferStudy) -> list[ManifestImage]:
    return list(
        session.scalars(
            select(ManifestImage).where(
                ManifestImage.transfer_study_id == study.id, ManifestImage.vanished_at.is_not(None)
            )
        )
    )


def _is_delivered(session: Session, transfer: Transfer, study: TransferStudy) -> bool:
    delivery = _delivery(session, transfer, study)
    return delivery is not None and delivery.state in ARRIVED


def _is_lost(session: Session, transfer: Transfer, study: TransferStudy) -> bool:
    delivery = _delivery(session, transfer, study)
    if delivery is not None:
        return delivery.state in FAILED
    # It was refused as a whole, or a person has sent it elsewhere.
    return session.get_one(Arrival, study.arrival_id).state in ARRIVAL.terminal


def _delivery(session: Session, transfer: Transfer, study: TransferStudy) -> Delivery | None:
    return delivery_to(session, study.arrival_id, transfer.worklist.institution_id) if study.arrival_id else None


def _studies(count: int) -> str:
    return "1 study" if count == 1 else f"{count} studies"
