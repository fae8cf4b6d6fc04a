"""Finding by anything reads no large table from its beginning to its end."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from models.db import Database
from models.queries.finding import find, find_patient
from tests.database import register
from tests.web.seeded import Seed

# What may be said, and the indexes that answer it.
SAID = {
    "T-7F3K-2Q9": ("uq_transaction_reference",),
    "2.25.4711": (
        "ix_study_StudyInstanceUID",
        "ix_instance_SeriesInstanceUID",
        "uq_instance_institution_id_SOPInstanceUID",
        "ix_requested_study_StudyInstanceUID",
    ),
    "a" * 32: ("pk_arrival", "pk_delivery", "pk_image_request", "pk_transaction"),
    "+44 1632 960020": ("ix_image_request_call_back", "ix_transaction_source", "ix_transaction_destination"),
    "STORESCU": ("ix_arrival_calling_ae_title",),
    "": ("ix_study_patient", "ix_image_request_nhs_number"),
}


@pytest.mark.parametrize("said", SAID)
def test_each_question_is_answered_from_its_index(fresh_database: Database, said: str) -> None:
    with fresh_database.begin() as session:
        Seed(session, register(session)).delivery("confirmed")
        session.flush()
        asked = _asked(session, said)
        # Of so few rows the planner would read all, or an index from end to end: each must be able to pick its rows.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        session.execute(text("SET LOCAL enable_indexscan = off"))
        plans = "\n".join(line for statement, given in asked for line in _plan(session, statement, given))
    for index in SAID[said]:
        assert index in plans, plans


def _asked(session: Session, said: str) -> list[tuple[str, Any]]:
    """Every statement of one search; an NHS number's when nothing is said."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        asked.append((statement, given))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    try:
        if said:
            find(session, said)
        else:
            find_patient(session, "9990000018")
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return asked


def _plan(session: Session, statement: str, given: Any) -> list[str]:
    rows = session.connection().exec_driver_sql(f"EXPLAIN {statement}", given)
    return [str(row[0]) for row in rows]
