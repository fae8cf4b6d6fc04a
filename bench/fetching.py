"""Studies that lie in the PACS of ZX1, and their transfers to ZX2, placed as its officer does."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from bench.exchange import DESTINATION, Exchange, of
from bench.programs import until
from bench.pushing import push, small_study
from demo.studies import Study
from models.domain.urgency import Urgency
from models.tables import Account, Arrival, Delivery, LedgerEntry, Node, Parcel, Transaction, Transfer, Worklist, new_id
from models.transfers import PickedStudy, TransferEntry, place

SOURCE = "ZX1"
FIRST_WITHIN = 900.0


def kept_at_source(ours: Exchange, folder: Path, n: int) -> Study:
    """A fresh study of `n` small images in the PACS of ZX1."""
    with TemporaryDirectory(dir=folder) as place_:
        study = small_study(Path(place_), n)
        push(Path(place_), ours.pacs_port(SOURCE), f"{SOURCE}_PACS")
    return study


def send(ours: Exchange, study: Study, urgency: Urgency) -> str:
    """The reference of its transfer to the other hospital's worklist, which releases by itself."""
    with ours.database.begin() as session:
        who = session.scalars(select(func.min(Account.id)).where(Account.institution_id == SOURCE)).one()
        node = session.scalars(select(Node.id).where(Node.name == f"{SOURCE}_PACS")).one()
        worklist = session.scalars(
            select(Worklist.id).where(Worklist.institution_id == DESTINATION, Worklist.is_default)
        ).one()
        entry = TransferEntry(
            node_id=node,
            worklist_id=worklist,
            recipient="Dr Example Reader",
            call_back="01632 960010",
            reason="Second opinion",
            urgency=urgency,
            studies=(PickedStudy(study.study_instance_uid, description=study.description),),
        )
        return place(session, institution_id=SOURCE, account_id=str(who), command_id=new_id(), entry=entry)


def first_image(ours: Exchange, study: Study, reference: str) -> float:
    """Seconds between the placing of the transfer and the first image that the destination has accepted of it."""
    placed = select(Transaction.id).where(Transaction.reference == reference).scalar_subquery()
    found = (
        select(func.min(LedgerEntry.answered_at) - func.min(Transfer.placed_at))
        .select_from(LedgerEntry)
        .join(Delivery, Delivery.id == LedgerEntry.delivery_id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .join(Transfer, Transfer.transaction_id == placed)
        .where(of(study), LedgerEntry.accepted)
    )
    until(lambda: ours.one(found) is not None, FIRST_WITHIN, "The delivery of the urgent study", every=0.1)
    return float(ours.one(found).total_seconds())


def accepted(ours: Exchange) -> int:
    """How many images the destinations have accepted in all."""
    return int(ours.one(select(func.count()).select_from(LedgerEntry).where(LedgerEntry.accepted)))


def queued(ours: Exchange) -> int:
    """How many deliveries are on their way, or wait for their turn."""
    return int(ours.one(select(func.count()).select_from(Delivery).where(Delivery.state == "sending")))
