"""No page reads a large table from end to end: its statements are explained in a database that is full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text

from bench.filling import fill
from bench.pages import PEOPLE, pages, portal, sign_in
from models.db import Database
from models.held_already import delivered_studies
from models.queries.finding import find_patient

FULL = 20_000
# What grows with every transaction.
LARGE = (
    "transaction", "study", "instance", "arrival", "arrival_instance", "association", "parcel", "delivery", "ledger",
    "transition", "audit", "outbox", "notice", "image_request", "requested_study",
)  # fmt: skip
WHOLE = re.compile(rf'Seq Scan on "?({"|".join(LARGE)})"?( |$)')


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


def test_every_page_finds_its_rows_by_an_index(database: Database) -> None:
    app, password = portal(database)
    with database.begin() as session:
        fill(session, 0, FULL - 1)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
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
    """The part of the plan that reads a large table as a whole; empty when there is none."""
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
        return "; ".join(line.strip() for line in plan if WHOLE.search(line))


def test_a_patient_is_found_by_an_index(database: Database) -> None:
    portal(database)
    with database.begin() as session:
        fill(session, 0, FULL - 1)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    with database.begin() as session, heard(database) as said:
        assert find_patient(session, "9990001008")
        delivered_studies(session, "ZX1", "9990001008")
    assert len(said) >= 2
    assert not [plan for one in said if (plan := _whole(database, *one))]


def test_reading_a_whole_table_is_noticed(database: Database) -> None:
    assert _whole(database, "SELECT * FROM transaction", ())
    assert not _whole(database, "SELECT * FROM institution", ())
