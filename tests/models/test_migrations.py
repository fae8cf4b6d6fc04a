"""A database with rows of the version before comes up to this one with all of them."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import select, update

from models.db import MIGRATIONS, Database
from models.tables import ArrivalInstance, Delivery, LocalPatient, Node, SendersId, now
from tests.database import register
from tests.web.seeded import Seed
from tests.workflows.fakes import World
from tests.workflows.rows import arrived


def as_of(database: Database, version: str) -> None:
    """Take the tables back to an earlier version."""
    with database.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, version)


def test_rows_of_a_version_before_are_kept_and_say_what_was_so(fresh_database: Database) -> None:
    with fresh_database.begin() as session:
        arrived(session, register(session), World("1"))
        session.execute(update(ArrivalInstance).values(fetched=True))
    as_of(fresh_database, "0005")
    fresh_database.upgrade()
    with fresh_database.begin() as session:
        node = session.scalars(select(Node).where(Node.name == "ZX2_PACS")).one()
        assert (node.ae_title, node.tls, node.confirm_by, node.preferred_syntaxes) == ("ZX2_PACS", "", "query", [])
        assert session.scalars(select(ArrivalInstance.fetched)).all() == [False], "nobody had kept who asked for it"


def test_deliveries_of_a_version_before_are_kept_and_no_sender_s_id_is_known(fresh_database: Database) -> None:
    with fresh_database.begin() as session:
        registry = register(session)
        Seed(session, registry).delivery("confirmed")
        session.add(
            SendersId(
                institution_id="ZX2", sender_id="ZX1", issuer="ZX1", sent_id="Q1", patient_id="L1", learned_at=now()
            )
        )
    as_of(fresh_database, "0006")
    fresh_database.upgrade()
    with fresh_database.begin() as session:
        assert [one.state for one in session.scalars(select(Delivery))] == ["confirmed"]
        assert session.scalars(select(SendersId)).all() == []


def test_local_ids_that_were_only_reserved_are_not_known_to_a_version_that_reserved_none(
    fresh_database: Database,
) -> None:
    with fresh_database.begin() as session:
        register(session)
        session.add_all(
            LocalPatient(institution_id="ZX2", patient_id=patient_id, learned_at=now(), reserved_by=command_id)
            for patient_id, command_id in (("H1", None), ("H2", "a command"))
        )
    as_of(fresh_database, "0004")
    fresh_database.upgrade()
    with fresh_database.begin() as session:
        assert session.scalars(select(LocalPatient.patient_id)).all() == ["H1"]
