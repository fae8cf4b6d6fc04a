"""Parcels, deliveries, the ledger of what each Node accepted, and the slots of a Node."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, literal_column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id
from models.tables.institution import Node, Worklist
from models.tables.transaction import Arrival


class Parcel(Base):
    """What goes together: the images of one arrival. Final when `sealed_at` is set."""

    __tablename__ = "parcel"
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    transaction_id: Mapped[str] = mapped_column(ForeignKey("transaction.id"), index=True)
    arrival_id: Mapped[str] = mapped_column(ForeignKey("arrival.id"), index=True)
    follows_id: Mapped[str | None] = mapped_column(ForeignKey("parcel.id"))
    sealed_at: Mapped[datetime | None]
    arrival: Mapped[Arrival] = relationship()


class Delivery(Base):
    """One parcel to one worklist of `institution_id`, the destination.

    `waiting_since` is set while nothing is tried because its Node is away (models/waiting.py), `waiting_until` as well
    when it is known from when on it may go. `left_out_...`: who has decided last that images which the Node does not
    take are left out; the ledger says which. `attempt` counts the attempts at sending it: only the last may speak.
    """

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("parcel_id", "worklist_id"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    transaction_id: Mapped[str] = mapped_column(ForeignKey("transaction.id"), index=True)
    parcel_id: Mapped[str] = mapped_column(ForeignKey("parcel.id"))
    worklist_id: Mapped[str] = mapped_column(ForeignKey("worklist.id"))
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"), index=True)
    state: Mapped[str] = mapped_column(default="waiting")
    state_detail: Mapped[str] = mapped_column(default="")
    identity: Mapped[dict[str, Any] | None]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str] = mapped_column(default="")
    stopped: Mapped[str] = mapped_column(default="")
    fault: Mapped[str] = mapped_column(default="")
    fault_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime | None]
    waiting_until: Mapped[datetime | None]
    present: Mapped[int | None]
    missing: Mapped[list[Any] | None]
    round: Mapped[int] = mapped_column(default=1)
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    left_out_at: Mapped[datetime | None]
    left_out_by: Mapped[str] = mapped_column(default="", server_default="")
    left_out_because: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime]
    parcel: Mapped[Parcel] = relationship()
    worklist: Mapped[Worklist] = relationship()
    node: Mapped[Node] = relationship()


# Spelt out, since an index is only used for the very expression that it was made for.
ACCESSION_IN_ANY_CASE = func.lower(Delivery.identity.op("->>")(literal_column("'AccessionNumber'")))

BARE_PATIENT_ID = func.translate(
    func.lower(Delivery.identity.op("->>")(literal_column("'PatientID'"))), literal_column("' -'"), literal_column("''")
)
"""In one case, and without what parts the digits of an NHS number."""

Index("ix_delivery_accession", Delivery.institution_id, ACCESSION_IN_ANY_CASE)
Index("ix_delivery_patient_id", Delivery.institution_id, BARE_PATIENT_ID)
Index("ix_delivery_state", Delivery.state, Delivery.institution_id)
Index("ix_delivery_waiting", Delivery.waiting_since, postgresql_where=Delivery.waiting_since.is_not(None))


class LedgerEntry(Base):
    """The last answer of one Node to one image of one delivery: it decides what is still to be sent.

    A refused image is not sent again within its `round`. `wire_count` is how often the image was put on the wire there,
    `reason` why it was not taken where the status does not say it, `syntax` the transfer syntax that it was converted
    to. `tries` counts answers after which it is sent again by itself; until then its `round` is 0. `attempt` is
    the one that wrote it. A person has decided that it goes `uncompressed`, or that it is `left_out`.
    """

    __tablename__ = "ledger"
    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"), primary_key=True)
    instance_id: Mapped[str] = mapped_column(ForeignKey("instance.id"), primary_key=True)
    status: Mapped[int]
    accepted: Mapped[bool]
    round: Mapped[int] = mapped_column(default=1)
    wire_count: Mapped[int] = mapped_column(default=1)
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    syntax: Mapped[str] = mapped_column(default="", server_default="")
    uncompressed: Mapped[bool] = mapped_column(default=False, server_default="false")
    left_out: Mapped[bool] = mapped_column(default=False, server_default="false")
    answered_at: Mapped[datetime]


class Slot(Base):
    """A lease on one association to a Node. Renewed while in use; after `until` it is free again.

    `asked_at` is since when its delivery is to be sent: an attempt that begins anew keeps its place among the waiting.
    `due_at` is by when it is to be there.
    """

    __tablename__ = "slot"
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"), primary_key=True)
    holder: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"))
    priority: Mapped[int]
    granted: Mapped[bool]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    until: Mapped[datetime]
