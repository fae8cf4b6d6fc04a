"""What a person or a hospital does to the running exchange: decide, and join with a PACS of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from demo.patients import ADA, Patient
from demo.studies import Study, make_study
from models import outbox
from models.directory import write_directory_file
from models.domain.contracts import CommandKind
from models.registry import add_institution, add_node, add_worklist, agree
from models.tables import Account, OutboxCommand, Worklist, new_id
from tests.end_to_end.exchange import Exchange
from tests.eventually import eventually

ACTOR = "test"
SMALL = 64
"""Rows and columns: small enough that a test sends many."""


def study(folder: Path, seed: str, n: int, patient: Patient = ADA) -> Study:
    """A made-up CT of ZX1 in `folder`."""
    return make_study(folder, seed=seed, patient=patient, institution_id="ZX1", n=n, rows=SMALL, columns=SMALL)


def decide(exchange: Exchange, kind: CommandKind, subject: Any, institution_id: str, **content: str) -> str:
    """What an officer of `institution_id` asks on a page: saved, carried by the relay; the engine's refusal if any."""
    command_id = new_id()
    with exchange.database.begin() as session:
        officer = session.scalars(select(Account.id).where(Account.username == f"officer.{institution_id.lower()}"))
        outbox.post(
            session,
            command_id,
            institution_id=institution_id,
            kind=kind,
            subject_id=subject.id,
            actor=officer.first() or ACTOR,
            content=content,
        )

    def carried() -> OutboxCommand | None:
        with exchange.database.begin() as session:
            command = session.get_one(OutboxCommand, command_id)
            return command if command.delivered_at else None

    command = eventually(carried)
    assert command
    return command.refusal


def join(exchange: Exchange, code: str, pacs_port: int, *, auto_release: bool = True) -> None:
    """Register an Institution with a PACS at `pacs_port`, to which ZX1 may send; the edges know it on return."""
    with exchange.database.begin() as session:
        add_institution(session, ods_code=code, name=f"Example {code}", email=f"imaging@{code.lower()}.example")
        node = add_node(
            session,
            ACTOR,
            institution_id=code,
            name=f"{code}_PACS",
            ae_title=f"{code}_PACS",
            host="127.0.0.1",
            port=pacs_port,
            dimse_timeout=10.0,
        )
        add_worklist(session, node, ACTOR, name="incoming", auto_release=auto_release)
        agree(session, [("ZX1", code)], "test", ACTOR)
    write_directory_file(exchange.database, exchange.settings.directory_file)


def add_sender(exchange: Exchange, institution_id: str, ae_title: str, *addresses: str, quiet: float) -> None:
    """Register a Node that only sends."""
    with exchange.database.begin() as session:
        add_node(
            session,
            ACTOR,
            institution_id=institution_id,
            name=ae_title,
            ae_title=ae_title,
            source_addresses=list(addresses),
            quiet_seconds=quiet,
        )
    write_directory_file(exchange.database, exchange.settings.directory_file)


def worklist_of(exchange: Exchange, institution_id: str) -> str:
    with exchange.database.begin() as session:
        return session.scalars(select(Worklist.id).where(Worklist.institution_id == institution_id)).one()
