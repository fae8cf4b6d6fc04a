"""No page reads a large table from end to end: its statements are explained in a database that is full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, event, select, text

from bench.filling import fill
from bench.pages import PEOPLE, pages, portal, sign_in
from models.db import Database
from models.domain.matching import Arrived
from models.held_already import delivered_studies
from models.local_accessions import Entered, went_with_others
from models.purge import due_for_removal
from models.queries.finding import find_patient
from models.requests import RequestEntry, StudyEntry, place, same_study_requested
from models.senders_ids import SentId, filed_for
from models.tables import Account, Candidate, Delivery, ImageRequest, new_id
from models.wanted import wanted_like
from temporal.unfinished import unfinished
from tests.database import Postgres, copied

FULL = 20_000
# What grows with every transaction.
LARGE = (
    "transaction", "study", "instance", "arrival", "arrival_instance", "association", "parcel", "delivery", "ledger",
    "transition", "audit", "outbox", "notice", "image_request", "requested_study",
    "bulk_row", "local_patient", "senders_id",
)  # fmt: skip
WHOLE = re.compile(rf'Seq Scan on "?({"|".join(LARGE)})"?( |$)')
PASSED_OVER = re.compile(r"Rows Removed by (?:Index Recheck|Filter): ([0-9]+)")
FEW = 500
"""Rows that a statement may read in vain."""


@contextmanager
def heard(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Every SELECT that is sent during the block, with its parameters."""
    said: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "(SELECT")):
            said.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[Database]:
    """One full database for the whole file: filling it takes longer than all else here."""
    with copied(postgres) as made:
        yield made


@pytest.fixture(scope="module")
def full(database: Database) -> tuple[Flask, str]:
    app, password = portal(database)
    with database.begin() as session:
        fill(session, 0, FULL - 1)
    _vacuum(database)
    return app, password


def _vacuum(database: Database) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def test_every_page_finds_its_rows_by_an_index(database: Database, full: tuple[Flask, str]) -> None:
    app, password = full
    slow: list[str] = []
    looked = 0
    for who in PEOPLE:
        client = sign_in(app, who, password)
        for page in pages(app):
            with heard(database) as said:
                status = client.get(page).status_code
            assert status < 500, f"{page} answers {who} with {status}"
            looked += status == 200
            slow += [f"{page} for {who}: {plan}" for plan in (_whole(database, *one) for one in said) if plan]
    assert looked > len(PEOPLE) * 5
    assert not slow, "\n".join(sorted(set(slow)))


def _whole(database: Database, statement: str, parameters: Any) -> str:
    """The part of the plan that reads a large table as a whole, or most of it in vain; empty when there is none."""
    with database.engine.connect() as connection:
        return _whole_in(connection, statement, parameters)


def _whole_in(connection: Connection, statement: str, parameters: Any) -> str:
    plan = connection.exec_driver_sql(f"EXPLAIN ANALYZE {statement}", parameters).scalars()
    return "; ".join(line.strip() for line in plan if WHOLE.search(line) or _is_in_vain(line))


def _is_in_vain(line: str) -> bool:
    passed_over = PASSED_OVER.search(line)
    return passed_over is not None and int(passed_over[1]) > FEW


@pytest.mark.usefixtures("full")
def test_a_patient_is_found_by_an_index(database: Database) -> None:
    with database.begin() as session, heard(database) as said:
        assert find_patient(session, "9990001008")
        delivered_studies(session, "ZX1", "9990001008")
    assert len(said) >= 2
    assert not [plan for one in said if (plan := _whole(database, *one))]


ASKED = RequestEntry(
    source_id="ZX2",
    nhs_number="9990001008",
    family_name="Testpatient",
    given_name="Number 1000",
    birth_date="19700304",  # not everybody's, as in a full database, but a real day
    source_patient_id="H1000",
    studies=(StudyEntry(AccessionNumber="A1000", Modality="CT"), StudyEntry(StudyInstanceUID="2.25.1000")),
    recipient="Dr Example",
)


@pytest.mark.usefixtures("full")
def test_a_request_finds_what_came_before_it_by_an_index(database: Database) -> None:
    with database.begin() as session:
        account = session.scalars(select(Account.id)).first() or ""
        with heard(database) as said:
            same_study_requested(session, "ZX1", ASKED)
            place(session, institution_id="ZX1", account_id=account, entry=ASKED, command_id=new_id())
        assert session.scalars(select(Candidate.arrival_id)).all()
        session.rollback()
    assert len(said) >= 5
    assert not [plan for one in said if (plan := _whole(database, *one))]


@pytest.mark.usefixtures("full")
def test_an_accession_number_alone_is_found_by_an_index(database: Database) -> None:
    entry = RequestEntry("ZX2", (StudyEntry(AccessionNumber="A1000", Modality="CT"),), "Dr Example")
    with database.begin() as session:
        account = session.scalars(select(Account.id)).first() or ""
        with heard(database) as said:
            place(session, institution_id="ZX1", account_id=account, entry=entry, command_id=new_id())
        assert session.scalars(select(Candidate.agrees)).all() == [["accession number", "modality"]]
        session.rollback()
    assert not [plan for one in said if (plan := _whole(database, *one))]


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    "said",
    [
        Arrived("2.25.1", nhs_numbers=frozenset({"9990000047"})),
        Arrived("2.25.1", PatientBirthDate="19700304"),
        Arrived("2.25.1", PatientID="H47"),
        Arrived("2.25.1", accessions=frozenset({"A47"})),
    ],
    ids=["NHS number", "birth date", "ID at the source", "accession number"],
)
def test_what_an_arrival_may_answer_is_found_by_an_index(database: Database, said: Arrived) -> None:
    """Also where thousands of requests are open; one alone is of the patient."""
    with database.begin() as session:
        session.execute(text("UPDATE image_request SET source_id = 'ZX1', state = 'awaiting-source'"))
        session.execute(text("UPDATE requested_study SET state = 'wanted'"))
        request = session.scalars(select(ImageRequest).where(ImageRequest.nhs_number == "9990000047")).one()
        request.birth_date, request.source_patient_id = "19700304", "H47"
        request.studies[0].AccessionNumber = "A47"
        session.flush()
        session.execute(text("ANALYZE image_request, requested_study"))
        with heard(database) as sent:
            found = wanted_like(session, "ZX1", said)
        assert [one.nhs_number for one in found] == ["9990000047"]
        plans = [plan for one in sent if (plan := _whole_in(session.connection(), *one))]
        session.rollback()
    assert sent
    assert not plans


@pytest.mark.usefixtures("full")
def test_whom_a_sender_s_ids_are_filed_for_is_found_by_an_index(database: Database) -> None:
    """As many as a page has; the transactions that deliver are these, from ZX1 to ZX2 or ZX3."""
    sent = [SentId("ZX1", "ZX1", f"H{number}") for number in range(300, 1000, 30)]
    with database.begin() as session, heard(database) as said:
        found = {**filed_for(session, "ZX2", sent), **filed_for(session, "ZX3", sent)}
    assert {one.sent_id: patient.patient_id for one, patient in found.items()}["H300"] == "L300"
    assert len(said) == 2
    assert not [plan for one in said if (plan := _whole(database, *one))]


@pytest.mark.usefixtures("full")
def test_what_a_local_accession_number_went_with_is_found_by_an_index(database: Database) -> None:
    local = """UPDATE delivery SET released_at = created_at, identity = jsonb_build_object(
        'PatientID', 'L' || id, 'IssuerOfPatientID', institution_id,
        'AccessionNumber', 'B' || id, 'accession_issuer', institution_id)"""
    with database.begin() as session:
        session.execute(text(local))
        session.execute(text("ANALYZE delivery"))
        one = session.scalars(select(Delivery).where(Delivery.institution_id == "ZX2").limit(1)).one()
        entered = {str(number): Entered("L1", f"b{number}") for number in range(24)}
        entered["that one"] = Entered("L1", f"b{one.id}".upper())
        with heard(database) as said:
            assert set(went_with_others(session, "ZX2", entered)) == {"that one"}
        plans = [plan for one in said if (plan := _whole_in(session.connection(), *one))]
        session.rollback()
    assert said
    assert not plans


@pytest.mark.usefixtures("full")
def test_the_purge_looks_at_what_is_kept_alone(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE instance SET key = NULL WHERE id NOT IN (SELECT id FROM instance LIMIT 50)"))
        session.execute(text("ANALYZE instance"))
        with heard(database) as said:
            due_for_removal(session, 30, "")
        plans = [plan for one in said if (plan := _whole_in(session.connection(), *one))]
        session.rollback()
    assert said
    assert not plans


@pytest.mark.usefixtures("full")
def test_the_sweep_finds_what_is_unfinished_by_an_index(database: Database) -> None:
    with heard(database) as said:
        some = list(unfinished(database, fresh=timedelta()))[:32]
        assert set(unfinished(database, some, timedelta())) == set(some)
    assert len(said) >= 10
    assert not [plan for one in said if (plan := _whole(database, *one))]


def test_what_is_decided_is_found_from_the_little_that_waits(database: Database, full: tuple[Flask, str]) -> None:
    app, password = full
    with database.begin() as session:
        session.execute(text("UPDATE outbox SET delivered_at = NULL WHERE id IN (SELECT id FROM outbox LIMIT 20)"))
    _vacuum(database)
    client = sign_in(app, "officer", password)
    try:
        for page in ("/", "/transactions?mine=1", "/worklist"):
            with heard(database) as said:
                assert client.get(page).status_code == 200
            assert not [plan for one in said if (plan := _whole(database, *one))], page
    finally:
        with database.begin() as session:
            session.execute(text("UPDATE outbox SET delivered_at = created_at WHERE delivered_at IS NULL"))


def test_reading_a_whole_table_is_noticed(database: Database) -> None:
    assert _whole(database, "SELECT * FROM transaction", ())
    assert not _whole(database, "SELECT * FROM institution", ())


def test_a_list_with_little_in_it_is_found_as_soon(database: Database, full: tuple[Flask, str]) -> None:
    """Where an Institution has few requests, reading all of everybody's by time would look cheaper, and is not."""
    app, password = full
    with database.begin() as session:
        session.execute(text("UPDATE transaction SET destination_id = 'ZX2' WHERE destination_id = 'ZX1'"))
    _vacuum(database)
    client = sign_in(app, "clinician", password)
    with heard(database) as said:
        assert client.get("/requests").status_code == 200
    assert not [plan for one in said if (plan := _whole(database, *one))]
