"""A real PostgreSQL for tests: the fixture `database` is migrated and empty for each test, `registry` fills it."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from demo.postgres import socket_folder
from models.db import Database
from models.domain.permissions import Role
from models.tables import Account, Agreement, Institution, Node, Worklist, now
from tests.eventually import eventually

PASSWORD = "correct horse battery staple"
TEMPLATE = "migrated"
SUPERUSER = "postgres"
EMPTY = """
DO $$
DECLARE named text; holds boolean;
BEGIN
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR named IN SELECT format('%I', tablename) FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || named || ')' INTO holds;
        IF holds THEN EXECUTE 'DELETE FROM ' || named; END IF;
    END LOOP;
    FOR named IN SELECT format('%I', sequencename) FROM pg_sequences WHERE last_value IS NOT NULL
    LOOP EXECUTE 'ALTER SEQUENCE ' || named || ' RESTART'; END LOOP;
END $$
"""
"""Cuts off whoever is still connected, takes every row out, whatever refers to it, and lets sequences begin again."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Postgres:
    """A running server, which listens in a folder."""

    sockets: Path

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{SUPERUSER}@/{name}?host={self.sockets}"

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str, database: str = SUPERUSER) -> None:
        with self.connected(database) as connection:
            connection.execute(statement.encode())

    def connected(self, database: str) -> psycopg.Connection:
        return psycopg.connect(host=str(self.sockets), user=SUPERUSER, dbname=database, autocommit=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole run, with a migrated database to copy."""
    # Not in pytest's own folder: another run of pytest closes that to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="iep-pg-"))
    log = folder / "log"
    sockets = socket_folder(folder)
    program = "import sys, pathlib, demo.postgres as it; it.run_postgres(pathlib.Path(sys.argv[1]))"
    with log.open("wb") as file:
        server = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=file, stderr=file)
    running = Postgres(sockets)
    try:
        eventually(lambda: running.answers() or server.poll() is not None, timeout=60)
        assert server.poll() is None, log.read_text()
        running.execute(f"CREATE DATABASE {TEMPLATE}")
        template = Database(running.url(TEMPLATE))
        template.upgrade()
        template.close()
        yield running
    finally:
        # PostgreSQL's fast shutdown; SIGTERM would wait for every client.
        server.send_signal(signal.SIGINT)
        server.wait(30)
        for left_over in (folder, sockets):
            shutil.rmtree(left_over, ignore_errors=True)


@pytest.fixture(scope="session")
def reused(postgres: Postgres) -> Iterator[Database]:
    """Emptied and not made anew between tests: that takes a tenth of the time, and statements stay compiled."""
    with copied(postgres) as made:
        yield made


@pytest.fixture(scope="session")
def emptying(reused: Database, postgres: Postgres) -> Iterator[Callable[[], None]]:
    """By one connection for all of it, so that the server plans its statements once; a new one where a test cut it."""
    name = str(reused.engine.url.database)
    connection = postgres.connected(name)

    def empty() -> None:
        nonlocal connection
        try:
            connection.execute(EMPTY)
        except psycopg.OperationalError:
            connection.close()
            connection = postgres.connected(name)
            connection.execute(EMPTY)

    yield empty
    connection.close()


@pytest.fixture
def database(reused: Database, emptying: Callable[[], None]) -> Iterator[Database]:
    """An empty database of the present version, for one test."""
    yield reused
    reused.close()
    emptying()


@pytest.fixture
def fresh_database(postgres: Postgres) -> Iterator[Database]:
    """One of its own, for a test that leaves more behind than rows: statistics of the planner, say."""
    with copied(postgres) as made:
        yield made


@contextmanager
def copied(postgres: Postgres) -> Iterator[Database]:
    """An empty database of the present version, gone after the block."""
    name = f"test_{next(_numbers)}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    made = Database(postgres.url(name))
    yield made
    made.close()
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Registry:
    """The ids of what `register` made: Nodes by name, worklists by ODS code, accounts by username."""

    nodes: dict[str, str]
    worklists: dict[str, str]
    accounts: dict[str, str]


def add_neuro(session: Session, ods_code: str) -> Worklist:
    """A second worklist, "Neuro", with a Node of its own."""
    name = f"{ods_code}_NEURO"
    node = Node(institution_id=ods_code, name=name, ae_title=name, host="127.0.0.1", port=11150)
    session.add(node)
    session.flush()
    neuro = Worklist(institution_id=ods_code, name="Neuro", node_id=node.id, is_default=False)
    session.add(neuro)
    session.flush()
    return neuro


NAMES = {"ZX1": "Northern Example", "ZX2": "Royal Example", "ZX3": "Eastern Independent Imaging"}
PACS_PORTS = {"ZX1": 11121, "ZX2": 11122, "ZX3": 11123}


def register(session: Session) -> Registry:
    """The three demo Institutions, their Nodes, worklists, agreements and people (username `officer.zx1` and so on)."""
    for code, name in NAMES.items():
        session.add(
            Institution(
                ods_code=code, name=name, phone=f"01632 9600{code[-1]}0", email=f"imaging@{code.lower()}.example"
            )
        )
    session.flush()
    nodes, worklists = {}, {}
    for code, port in PACS_PORTS.items():
        pacs = Node(
            institution_id=code,
            name=f"{code}_PACS",
            ae_title=f"{code}_PACS",
            host="127.0.0.1",
            port=port,
            source_addresses=["127.0.0.1"],
        )
        session.add(pacs)
        session.flush()
        nodes[pacs.name] = pacs.id
        worklist = Worklist(institution_id=code, name="Imaging", node_id=pacs.id, auto_release=code == "ZX2")
        session.add(worklist)
        session.flush()
        worklists[code] = worklist.id
    for title in ("STORESCU", "DCMSEND", "ECHOSCU"):
        sender = Node(institution_id="ZX1", name=title, ae_title=title, source_addresses=["127.0.0.1"])
        session.add(sender)
        session.flush()
        nodes[title] = sender.id
    began = now() - timedelta(days=1)
    for source, destination in itertools.permutations(NAMES, 2):
        session.add(Agreement(source_id=source, destination_id=destination, basis="test", valid_from=began))
    return Registry(nodes, worklists, _people(session))


def _people(session: Session) -> dict[str, str]:
    roles = {"officer": Role.PACS_OFFICER, "clinician": Role.CLINICIAN, "support": Role.SUPPORT}
    found = {}
    for code, (word, role) in itertools.product(NAMES, roles.items()):
        account = Account(
            institution_id=code,
            username=f"{word}.{code.lower()}",
            display_name=f"{word.title()} {code[-1]} Example",
            email=f"{word}@{code.lower()}.example",
            role=role.value,
            password_hash=_cheap_hash(),
        )
        session.add(account)
        session.flush()
        found[account.username] = account.id
    return found


@cache
def _cheap_hash() -> str:
    # Verifying takes its parameters from the hash: tests sign in without waiting for a hash made to be slow.
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture
def registry(database: Database) -> Registry:
    with database.begin() as session:
        return register(session)
