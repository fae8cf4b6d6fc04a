"""Institutions, their Nodes and Worklists, and who may send to whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.tables.base import Base, new_id


class Institution(Base):
    """An organisation by its ODS code (formerly NACS): never deleted, only closed."""

    __tablename__ = "institution"
    ods_code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    closed: Mapped[bool] = mapped_column(default=False)
    successor: Mapped[str | None]
    parent: Mapped[str | None]
    time_zone: Mapped[str] = mapped_column(default="Europe/London")
    phone: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    # A second person for a support act: "before" it is done, or "afterwards".
    second_person: Mapped[str] = mapped_column(default="afterwards", server_default="afterwards")


class Agreement(Base):
    """`source_id` may send to `destination_id`; a standing one needs no person's approval.

    With `onward` the destination may forward what it got to a third Institution without asking the source again.
    """

    __tablename__ = "agreement"
    source_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"), primary_key=True)
    destination_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"), primary_key=True)
    basis: Mapped[str] = mapped_column(default="")
    standing: Mapped[bool] = mapped_column(default=True)
    onward: Mapped[bool] = mapped_column(default=False, server_default="false")
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class Node(Base):
    """A DICOM application entity of an Institution. `host` empty: it only sends to us.

    How it is sent to is read at each attempt: of its `slots`, `urgent_slots` are for urgent deliveries alone; `rate` is
    in images a second (0: no limit); routine goes within `bulk_window` only, like "19:00-07:00" in the Institution's
    time (empty: always); after a passing fault it is tried again after `back_off` seconds at most (0: as the exchange
    does); `dscp_urgent` and `dscp_bulk` mark the packets of each lane (RFC 2474; 0: none).

    `tls` is how connections that we open to it are secured: empty (not at all), "name" (its certificate comes from our
    authorities and names `host`) or "certificate" (it comes from them and is the one of `certificate_sha256`, by which
    the edge knows the Node as a sender, too). `preferred_syntaxes` are the transfer syntaxes (PS3.5 Section 10) in
    which images had best leave for it, the best first: one whose pixels are not compressed with loss is converted to
    the first that it takes, if that is uncompressed; everything else goes as it was received. C-GET offers them first.

    `confirm_by` is how it says that it has what it accepted: "query" (C-FIND), "commitment" or "both".

    `last_fault_step` is the step of reaching it that failed last (a Step).

    `planned_from` and `planned_until` are its planned downtime, `planned_work` a key of WORK; `paced_until` is when its
    rate allows the next image.
    """

    __tablename__ = "node"
    __table_args__ = (
        UniqueConstraint("institution_id", "name"),
        UniqueConstraint("ae_title", "host", "port"),
    )
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    name: Mapped[str]
    ae_title: Mapped[str]
    host: Mapped[str] = mapped_column(default="")
    port: Mapped[int] = mapped_column(default=0)
    source_addresses: Mapped[list[Any]] = mapped_column(default=list)
    certificate_sha256: Mapped[str | None]
    tls: Mapped[str] = mapped_column(default="", server_default="")
    preferred_syntaxes: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    slots: Mapped[int] = mapped_column(default=4)
    urgent_slots: Mapped[int] = mapped_column(default=1, server_default="1")
    rate: Mapped[float] = mapped_column(default=0.0, server_default="0")
    bulk_window: Mapped[str] = mapped_column(default="", server_default="")
    back_off: Mapped[float] = mapped_column(default=0.0, server_default="0")
    dscp_urgent: Mapped[int] = mapped_column(default=0, server_default="0")
    dscp_bulk: Mapped[int] = mapped_column(default=0, server_default="0")
    dimse_timeout: Mapped[float] = mapped_column(default=30.0)
    quiet_seconds: Mapped[float] = mapped_column(default=30.0)
    query_back: Mapped[bool] = mapped_column(default=True)
    confirm_by: Mapped[str] = mapped_column(default="query", server_default="query")
    retrieve_by: Mapped[str] = mapped_column(default="move", server_default="move")
    issuer_form: Mapped[str] = mapped_column(default="element")
    nhs_first: Mapped[bool] = mapped_column(default=True)
    patient_id_may_be_nhs: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="up")
    state_since: Mapped[datetime | None]
    state_detail: Mapped[str] = mapped_column(default="")
    planned_from: Mapped[datetime | None]
    planned_until: Mapped[datetime | None]
    planned_work: Mapped[str] = mapped_column(default="", server_default="")
    paced_until: Mapped[datetime | None]
    last_answer_at: Mapped[datetime | None]
    last_echo_at: Mapped[datetime | None]
    last_store_at: Mapped[datetime | None]
    last_fault_at: Mapped[datetime | None]
    last_fault: Mapped[str] = mapped_column(default="")
    last_fault_step: Mapped[str] = mapped_column(default="", server_default="")
    institution: Mapped[Institution] = relationship()

    @property
    def receives(self) -> bool:
        return bool(self.host and self.port)


class Worklist(Base):
    """An Institution's incoming queue, its "virtual node"."""

    __tablename__ = "worklist"
    __table_args__ = (UniqueConstraint("institution_id", "name"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.ods_code"))
    name: Mapped[str]
    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"))
    auto_release: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=True)
    node: Mapped[Node] = relationship()


Index("ix_worklist_default", Worklist.institution_id, unique=True, postgresql_where=Worklist.is_default.is_(True))


class RoutingRules(Base):
    """A version of the chain of one Institution (or, with `institution_id` None, of everybody)."""

    __tablename__ = "routing_rules"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    institution_id: Mapped[str | None] = mapped_column(ForeignKey("institution.ods_code"))
    rules: Mapped[list[Any]]
    follow_successor: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime]
