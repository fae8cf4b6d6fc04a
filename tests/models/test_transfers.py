"""Placing a transfer: written once with its command, refused with a sentence where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.db import Database
from models.domain.errors import NotAllowed
from models.domain.urgency import Urgency
from models.tables import (
    Agreement,
    AuditEntry,
    Institution,
    Node,
    OutboxCommand,
    Transfer,
    TransferStudy,
    new_id,
    now,
)
from models.transfers import PickedStudy, TransferEntry, place
from tests.database import Registry

CT, MR = PickedStudy("2.25.7", description="CT head", Modality="CT"), PickedStudy("2.25.8", series=("2.25.81",))


def entry(registry: Registry) -> TransferEntry:
    return TransferEntry(
        node_id=registry.nodes["ZX1_PACS"],
        worklist_id=registry.worklists["ZX2"],
        recipient="Dr Example Reader",
        call_back="01632 960010",
        reason="Second opinion",
        urgency=Urgency.URGENT,
        studies=(CT, MR),
    )


def placed(session: Session, registry: Registry, given: TransferEntry, command: str = "", who: str = "officer") -> str:
    account = registry.accounts[f"{who}.zx1"]
    return place(session, institution_id="ZX1", account_id=account, command_id=command or new_id(), entry=given)


def test_all_is_written_with_its_command_and_audit_entry(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = placed(session, registry, entry(registry))
    with database.begin() as session:
        transfer = session.scalars(select(Transfer)).one()
        transaction = transfer.transaction
        assert (transaction.reference, transaction.kind, transaction.lifecycle) == (reference, "transfer", "transfer")
        assert (transaction.institution_id, transaction.destination_id) == ("ZX1", "ZX2")
        assert (transaction.state, transfer.state, transaction.urgency) == ("placed", "placed", "urgent")
        first, second = transfer.studies
        assert (first.position, first.StudyInstanceUID, first.series, first.Modality) == (1, "2.25.7", [], "CT")
        assert (second.position, second.StudyInstanceUID, second.series) == (2, "2.25.8", ["2.25.81"])
        command = session.scalars(select(OutboxCommand)).one()
        assert (command.kind, command.subject_id) == ("place-transfer", transfer.id)
        assert command.payload == {"urgency": "urgent"}
        assert session.scalars(select(AuditEntry.act).where(AuditEntry.subject == transfer.id)).all() == [
            "asked.place-transfer"
        ]


def test_a_double_click_is_one_transfer(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        first = placed(session, registry, entry(registry), "token")
    with database.begin() as session:
        assert placed(session, registry, entry(registry), "token") == first
        assert len(session.scalars(select(TransferStudy)).all()) == 2


def test_a_token_of_somebody_else_opens_nothing(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        placed(session, registry, entry(registry), "token")
    with database.begin() as session, pytest.raises(NotAllowed, match="used before"):
        placed(session, registry, entry(registry), "token", who="clinician")


def _close(session: Session, registry: Registry) -> None:
    session.get_one(Institution, "ZX2").closed = True


def _disagree(session: Session, registry: Registry) -> None:
    session.get_one(Agreement, ("ZX1", "ZX2")).valid_to = now()


def _only_sends(session: Session, registry: Registry) -> None:
    session.get_one(Node, registry.nodes["ZX1_PACS"]).host = ""


def _is_not_asked(session: Session, registry: Registry) -> None:
    session.get_one(Node, registry.nodes["ZX1_PACS"]).query_back = False


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (_close, "ZX2 is closed"),
        (_disagree, "No agreement lets ZX1 send to ZX2"),
        (_only_sends, "ZX1_PACS cannot be asked"),
        (_is_not_asked, "ZX1_PACS cannot be asked"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    database: Database, registry: Registry, before: Callable[[Session, Registry], None], words: str
) -> None:
    with database.begin() as session:
        before(session, registry)
    with database.begin() as session, pytest.raises(NotAllowed, match=words) as said:
        placed(session, registry, entry(registry))
    assert str(said.value).endswith(".")


def test_what_was_picked_wrongly_is_refused_in_a_sentence(database: Database, registry: Registry) -> None:
    given = entry(registry)
    for wrong, words in (
        (replace(given, studies=()), "at least one"),
        (replace(given, studies=(CT, replace(CT, series=("2.25.71",)))), "picked twice"),
        (replace(given, worklist_id=registry.worklists["ZX1"]), "your own Institution"),
        (replace(given, worklist_id="gone"), "not there any more"),
        (replace(given, node_id=registry.nodes["ZX2_PACS"]), "no Node of your Institution"),
        (replace(given, node_id="gone"), "no Node of your Institution"),
        (replace(given, request_id="gone"), "no such request of ZX2"),
    ):
        with pytest.raises(NotAllowed, match=words), database.begin() as session:
            placed(session, registry, wrong)
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand)).all() == []
