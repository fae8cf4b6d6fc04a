"""The database: engine, sessions, and bringing the tables up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from models.connection import connect
from models.domain.errors import Permanent

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_OF_MIGRATIONS = 0x1E9


PATIENCE = 30.0
GRACE = 2.0
"""Seconds that a server which gives up a statement itself may take to say so."""
STANDS_STILL = 20.0
"""Seconds until a process that was frozen amid a transaction loses its locks: less than others wait for them."""


class Database:
    """Short transactions on one PostgreSQL. A dead connection is noticed before it is used.

    A statement may take `patience` seconds; a server that stands still costs little more, too.
    """

    def __init__(self, url: str, *, pool_size: int = 5, patience: float = PATIENCE) -> None:
        self.engine: Engine = create_engine(
            url,
            # What people typed, and what headers say, must not reach a log inside an exception.
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                "options": f"-c statement_timeout={int(1000 * patience)} "
                f"-c idle_in_transaction_session_timeout={int(1000 * STANDS_STILL)} -c timezone=UTC",
            },
        )
        event.listen(
            self.engine,
            "do_connect",
            lambda dialect, record, address, options: connect(patience + GRACE, *address, **options),
        )
        self._session = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back on any error."""
        with self._session.begin() as session:
            yield session

    def upgrade(self) -> None:
        """Bring the tables to this version; two processes at once do it one after the other."""
        # Only here: it takes longer to import than all else that a process needs of the database.
        from alembic import command
        from alembic.config import Config

        with self.engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_OF_MIGRATIONS})
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def is_ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self.engine.connect() as connection:
                return connection.execute(text("SELECT 1")).scalar() == 1
        except SQLAlchemyError:
            return False

    def must_be_durable(self) -> None:
        """Permanent when the server is set to acknowledge what it could lose."""
        with self.engine.connect() as connection:
            for setting in ("fsync", "synchronous_commit"):
                if connection.execute(text(f"SHOW {setting}")).scalar() == "off":
                    raise Permanent(f"PostgreSQL runs with {setting}=off; switch it on before using it here.")

    def close(self) -> None:
        self.engine.dispose()
