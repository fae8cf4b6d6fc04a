"""A database with rows of the version before comes up to this one with all of them."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import select

from models.db import MIGRATIONS, Database
from models.tables import LocalPatient, Node, now
from tests.database import register


def test_rows_of_the_version_before_are_kept_and_say_what_was_so(fresh_database: Database) -> None:
    with fresh_database.begin() as session:
        register(session)
        session.add_all(
            LocalPatient(institution_id="ZX2", patient_id=patient_id, learned_at=now(), reserved_by=command_id)
            for patient_id, command_id in (("H1", None), ("H2", "a command"))
        )
    with fresh_database.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "-1")
    fresh_database.upgrade()
    with fresh_database.begin() as session:
        node = session.scalars(select(Node).where(Node.name == "ZX2_PACS")).one()
        assert session.scalars(select(LocalPatient.patient_id)).all() == ["H1"], "what is only reserved is not known"
        assert (node.ae_title, node.tls, node.confirm_by, node.preferred_syntaxes) == ("ZX2_PACS", "", "query", [])
