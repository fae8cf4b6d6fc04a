"""The outbox: what was committed is a command, whatever happens to the process that committed it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from models.domain.contracts import CommandKind
from models.failpoint import VARIABLE
from models.outbox import UNDER_WAY, alarm_not_secured, has_earlier, next_due, post, report_node_fault
from models.tables import AuditEntry, Node, OutboxCommand
from tests.activities.parcels import Parcels

MOMENT = timedelta(milliseconds=1)
ROOT = Path(__file__).parents[2]
POST = """
import sys
from models.db import Database
from models.domain.contracts import CommandKind
from models.outbox import post
with Database(sys.argv[1]).begin() as session:
    post(session, "c" * 32, institution_id="ZX2", kind=CommandKind.RETRY_DELIVERY, subject_id="d", actor="a")
print("the engine is told now")
"""


def commands(parcels: Parcels) -> list[OutboxCommand]:
    with parcels.database.begin() as session:
        return list(session.scalars(select(OutboxCommand)))


def ask(parcels: Parcels, command_id: str) -> bool:
    with parcels.database.begin() as session:
        kind = CommandKind.RETRY_DELIVERY
        return post(session, command_id, institution_id="ZX2", kind=kind, subject_id="d", actor="a", content={"x": 1})


def test_the_same_command_twice_is_one(parcels: Parcels) -> None:
    assert ask(parcels, "a" * 32)
    assert not ask(parcels, "a" * 32)
    assert ask(parcels, "b" * 32)
    assert [command.payload for command in commands(parcels)] == [{"x": 1}] * 2
    with parcels.database.begin() as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.act == "asked.retry-delivery")).all()) == 2


def test_a_kill_after_the_commit_leaves_a_command_that_is_due(parcels: Parcels) -> None:
    url = parcels.database.engine.url.render_as_string(hide_password=False)
    died = subprocess.run(
        [sys.executable, "-c", POST, url],
        cwd=ROOT,
        env=os.environ | {VARIABLE: "outbox-committed"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (died.returncode, died.stdout) == (137, b"")
    with parcels.database.begin() as session:
        due = next_due(session)
        assert due is not None
        assert due.id == "c" * 32


def test_a_command_that_was_rolled_back_is_none(parcels: Parcels) -> None:
    with parcels.database.begin() as session:
        post(session, "d" * 32, institution_id="ZX2", kind=CommandKind.RETRY_DELIVERY, subject_id="d", actor="a")
        session.rollback()
    assert commands(parcels) == []


def test_one_command_is_carried_by_one(parcels: Parcels) -> None:
    ask(parcels, "a" * 32)
    with parcels.database.begin() as first, parcels.database.begin() as second:
        assert next_due(first) is not None
        assert next_due(second) is None


@pytest.mark.parametrize(
    ("older_by", "delivered", "subject", "waits"),
    [
        (UNDER_WAY + MOMENT, False, "d", True),
        (UNDER_WAY - MOMENT, False, "d", False),
        (-UNDER_WAY - MOMENT, False, "d", False),
        (UNDER_WAY + MOMENT, True, "d", False),
        (UNDER_WAY + MOMENT, False, "another", False),
    ],
    ids=["waits since long", "saved just now", "is later", "is delivered", "is to something else"],
)
def test_a_page_waits_behind_an_older_command_but_not_behind_one_under_way(
    parcels: Parcels, older_by: timedelta, delivered: bool, subject: str, waits: bool
) -> None:
    for command_id in ("a" * 32, "b" * 32):
        assert ask(parcels, command_id)
    with parcels.database.begin() as session:
        other, mine = (session.get_one(OutboxCommand, command_id) for command_id in ("a" * 32, "b" * 32))
        other.created_at, other.subject_id = mine.created_at - older_by, subject
        other.delivered_at = mine.created_at if delivered else None
    with parcels.database.begin() as session:
        assert has_earlier(session, session.get_one(OutboxCommand, "b" * 32)) is waits


def test_faults_of_a_node_are_reported_now_and_then(parcels: Parcels) -> None:
    for _ in range(3):
        with parcels.database.begin() as session:
            report_node_fault(session, parcels.node_id, "It did not answer.")
    assert [command.kind for command in commands(parcels)] == ["report-node-fault"]
    with parcels.database.begin() as session:
        assert session.get_one(Node, parcels.node_id).last_fault == "It did not answer."


def test_an_alarm_about_a_node_keeps_no_row_waiting_that_refers_to_it(parcels: Parcels) -> None:
    """Each delivery refers to its Node: to write one, PostgreSQL locks the Node's key."""
    with parcels.database.begin() as alarm:
        alarm_not_secured(alarm, parcels.node_id, "Its certificate is another one.")
        with parcels.database.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '500ms'"))
            other.scalars(
                select(Node.id).where(Node.id == parcels.node_id).with_for_update(key_share=True, read=True)
            ).one()
