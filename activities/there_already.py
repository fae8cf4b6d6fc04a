"""Images that an earlier delivery has brought to the same Node: asked for before they are sent a second time."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from activities.comparison import Manifest, listed_as_sent
from activities.peer import PeerAddress
from models.db import Database
from models.domain.errors import ExchangeError
from models.domain.identity import SentIdentity
from models.tables import ArrivalInstance, Delivery, Instance, LedgerEntry, Parcel, now

THERE = "there already, by its own answer"


def note_what_is_there(database: Database, delivery_id: str) -> set[str]:
    """Put into the ledger what the Node lists under the identity that would be sent; the ids of those images.

    Only of what this exchange itself has brought there, so that it is known to be the same image, and only before
    anything of this delivery is in the ledger. Nothing where the Node does not say: all is sent then.
    """
    with database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        series = _brought_before(session, delivery)
        if not series or delivery.identity is None:
            return set()
        manifest = Manifest(delivery.parcel.arrival.study.StudyInstanceUID, series, SentIdentity(**delivery.identity))
        peer, node_id, round_now = PeerAddress.of(delivery.node), delivery.node_id, delivery.round
    try:
        there = listed_as_sent(peer, manifest)
    except ExchangeError:
        # Whether it can be sent to is found out by sending.
        return set()
    noted = {"delivery_id": delivery_id, "node_id": node_id, "round": round_now, "answered_at": now()}
    answer = {"status": 0, "accepted": True, "wire_count": 0, "reason": THERE}
    if there:
        with database.begin() as session:
            rows = [{"instance_id": instance_id, **noted, **answer} for instance_id in sorted(there)]
            session.execute(insert(LedgerEntry).on_conflict_do_nothing(), rows)
    return there


def _brought_before(session: Session, delivery: Delivery) -> Mapping[str, Mapping[str, str]]:
    """By series what other deliveries brought to the Node; empty once this one has begun, or while its parcel grows."""
    begun = (LedgerEntry.delivery_id == delivery.id, LedgerEntry.node_id == delivery.node_id)
    if delivery.parcel.sealed_at is None or session.scalars(select(LedgerEntry.instance_id).where(*begun)).first():
        return {}
    ours, theirs = aliased(ArrivalInstance), aliased(ArrivalInstance)
    others = (
        select(Delivery.id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(theirs, theirs.arrival_id == Parcel.arrival_id)
        .join(ours, ours.instance_id == theirs.instance_id)
        .where(
            ours.arrival_id == delivery.parcel.arrival_id,
            Delivery.node_id == delivery.node_id,
            Delivery.id != delivery.id,
        )
        .distinct()
    )
    rows = session.execute(
        select(Instance.SeriesInstanceUID, Instance.SOPInstanceUID, Instance.id)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .join(LedgerEntry, LedgerEntry.instance_id == Instance.id)
        .where(
            ArrivalInstance.arrival_id == delivery.parcel.arrival_id,
            LedgerEntry.delivery_id.in_(others),
            LedgerEntry.node_id == delivery.node_id,
            LedgerEntry.accepted,
        )
    )
    series: dict[str, dict[str, str]] = {}
    for SeriesInstanceUID, SOPInstanceUID, instance_id in rows:
        series.setdefault(SeriesInstanceUID, {})[SOPInstanceUID] = instance_id
    return series
