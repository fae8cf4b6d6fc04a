"""A PostgreSQL that stands still amid a statement costs a bounded time, and is used again once it answers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models.db import PATIENCE, STANDS_STILL, Database


@pytest.fixture
def impatient(database: Database) -> Iterator[Database]:
    own = Database(database.engine.url.render_as_string(hide_password=False), patience=0.5)
    yield own
    own.close()


def backend(database: Database) -> int:
    with database.begin() as session:
        return int(session.scalar(text("SELECT pg_backend_pid()")) or 0)


def test_a_server_that_stands_still_is_waited_for_no_longer(impatient: Database) -> None:
    frozen = backend(impatient)
    os.kill(frozen, signal.SIGSTOP)
    try:
        # The pool asks it for a sign of life, gives it up, and opens another connection.
        assert backend(impatient) != frozen
    finally:
        os.kill(frozen, signal.SIGCONT)


def test_amid_a_transaction_it_is_an_error(impatient: Database) -> None:
    with impatient.engine.connect() as connection:
        frozen = int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)
        os.kill(frozen, signal.SIGSTOP)
        try:
            with pytest.raises(OperationalError):
                connection.execute(text("SELECT 1"))
        finally:
            os.kill(frozen, signal.SIGCONT)
    assert backend(impatient) != frozen


def test_a_statement_that_takes_long_is_ended_by_the_server(impatient: Database) -> None:
    with impatient.engine.connect() as connection, pytest.raises(OperationalError, match="statement timeout"):
        connection.execute(text("SELECT pg_sleep(20)"))


def test_who_stands_still_amid_a_transaction_loses_its_locks_before_others_stop_waiting(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == f"{STANDS_STILL:g}s"
    assert STANDS_STILL < PATIENCE
