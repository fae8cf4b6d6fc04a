"""What senders say of their studies as a whole: commitment requests and key object selections become rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydicom import Dataset
from sqlalchemy import select, update

from dicom_edge.announce import Announcer
from models.db import Database
from models.domain.contracts import CommandKind, StudyGrew
from models.tables import Arrival, AuditEntry, CommitmentRequest, Instance, OutboxCommand, now
from tests.ingest.filling import CT, Filling, one, rows, seal, small_ct
from tests.ingest.key_objects import key_objects

FIRST, SECOND = "2.25.10001", "2.25.10002"


def announced(database: Database) -> None:
    """Every arrival was announced just now, and is old enough not to be due again for a while."""
    with database.begin() as session:
        session.execute(
            update(Arrival).values(
                announced_generation=Arrival.generation,
                announced_at=now(),
                opened_at=Arrival.opened_at - timedelta(minutes=5),
            )
        )


def due(filling: Filling) -> list[StudyGrew]:
    """What the announcer says now."""
    said: list[StudyGrew] = []
    Announcer(filling.database, lambda arrival_id, grew: said.append(grew)).round()
    return said


def test_a_request_becomes_a_row_with_a_command_to_answer_it(filling: Filling) -> None:
    association = filling.open()
    filling.ask(association, FIRST, SECOND)
    filling.ingest.round()
    request = one(filling, CommitmentRequest)
    assert (request.institution_id, request.node_id) == ("ZX1", filling.registry.nodes["STORESCU"])
    assert (request.association_id, request.called_ae_title, request.TransactionUID) == (
        association,
        "IEP_ZX2",
        "2.25.4711",
    )
    assert request.references == {FIRST: CT, SECOND: CT}
    assert (request.state, request.failed, request.answered_at) == ("asked", None, None)
    assert request.asked_at <= request.taken_at
    command = one(filling, OutboxCommand)
    assert (command.kind, command.subject_id) == (CommandKind.ANSWER_COMMITMENT, request.id)
    assert [entry.act for entry in rows(filling, AuditEntry)] == ["asked.answer-commitment"]
    assert filling.spool.events() == []


@pytest.mark.parametrize("node", ["STORESCU", "DCMSEND"])
def test_a_transaction_asked_twice_is_one_request_of_each_node(filling: Filling, node: str) -> None:
    association = filling.open()
    filling.ask(association, FIRST)
    filling.ask(association, FIRST, node=node)
    filling.ingest.round()
    count = 1 if node == "STORESCU" else 2
    assert len(rows(filling, CommitmentRequest)) == len(rows(filling, OutboxCommand)) == count


def test_a_fact_seen_twice_is_one_request(filling: Filling) -> None:
    filling.ask(filling.open(), FIRST)
    (event,) = filling.spool.events()
    content = event.path.read_text()
    filling.ingest.round()
    event.path.write_text(content)
    filling.ingest.round()
    assert len(rows(filling, CommitmentRequest)) == len(rows(filling, OutboxCommand)) == 1


def test_an_arrival_that_it_names_is_looked_at_at_once(filling: Filling) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ingest.round()
    announced(filling.database)
    assert due(filling) == []
    filling.ask(association, FIRST, SECOND)
    filling.ingest.round()
    assert due(filling) == [StudyGrew(2, 1)]


@pytest.mark.parametrize("why", ["another image", "sealed"])
def test_no_other_arrival_is_disturbed(filling: Filling, why: str) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ingest.round()
    if why == "sealed":
        seal(filling)
    filling.ask(association, SECOND if why == "another image" else FIRST)
    filling.ingest.round()
    assert one(filling, Arrival).generation == 1


def test_a_request_that_comes_with_the_images_finds_them_taken(filling: Filling) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ask(association, FIRST)
    filling.close(association)
    filling.ingest.round()
    assert one(filling, Arrival).generation == 3
    assert one(filling, CommitmentRequest).taken_at >= one(filling, Arrival).opened_at


@pytest.mark.parametrize("title", ["113032", "113033", "113034", "113035"])
def test_what_a_document_lists_as_complete_is_kept(filling: Filling, title: str) -> None:
    filling.bring(key_objects(FIRST, SECOND, FIRST, title=title))
    assert one(filling, Instance).complete_content == [FIRST, SECOND]


@pytest.mark.parametrize(
    "document",
    [
        key_objects(FIRST, title="113000"),
        key_objects(FIRST, of_study="2.25.7"),
        key_objects("no UID"),
        key_objects(),
        small_ct(1, CurrentRequestedProcedureEvidenceSequence=key_objects(FIRST).get(
            "CurrentRequestedProcedureEvidenceSequence"), ConceptNameCodeSequence=key_objects(FIRST).get(
            "ConceptNameCodeSequence")),
    ],
    ids=["of interest", "other study", "no UID", "empty", "no document"],
)  # fmt: skip
def test_what_says_nothing_of_the_whole_study_lists_nothing(filling: Filling, document: Dataset) -> None:
    filling.bring(document)
    assert one(filling, Instance).complete_content == []


def test_a_document_is_looked_at_at_once(filling: Filling) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ingest.round()
    announced(filling.database)
    filling.keep(association, key_objects(FIRST))
    filling.ingest.round()
    assert due(filling) == [StudyGrew(2, 2)]
    with filling.database.begin() as session:
        assert session.scalars(select(Arrival.announced_generation)).one() == 2
