"""The chores of `iep`: each answers with what it did, or with one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import chores
import people
from cli import main
from models.db import Database
from models.tables import Account, AuditEntry, Draft, Institution, Node, WebSession, now
from tests.database import Registry

PASSWORD = "plinth osprey marmalade quay"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Iep = Callable[..., Done]


@pytest.fixture
def iep(database: Database, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iep:
    """`iep` within this process: starting one takes far longer than what most verbs do."""
    monkeypatch.setenv("IEP_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("IEP_VAR", str(tmp_path))
    for verbs in (chores, people):
        monkeypatch.setattr(verbs, "database", lambda settings: database)

    def run(*words: str) -> Done:
        done = CliRunner().invoke(main, words)
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


def test_a_node_is_changed_and_the_edges_know(iep: Iep, database: Database, registry: Registry, tmp_path: Path) -> None:
    done = iep(
        "nodes",
        "set",
        "ZX2",
        "ZX2_PACS",
        "--port",
        "104",
        "--slots",
        "2",
        "--from",
        "192.0.2.7",
        "--retrieve-by",
        "get",
    )
    assert done.returncode == 0, done.stderr
    with database.begin() as session:
        node = session.get_one(Node, registry.nodes["ZX2_PACS"])
        assert (node.host, node.port, node.slots, node.source_addresses) == ("127.0.0.1", 104, 2, ["192.0.2.7"])
        assert node.retrieve_by == "get"
    told = json.loads((tmp_path / "directory.json").read_text())
    known = {one["ae_title"]: (one["addresses"], one["retrieve_by"]) for one in told["nodes"]}
    assert (known["ZX2_PACS"], known["ZX1_PACS"]) == ((["192.0.2.7"], "get"), (["127.0.0.1"], "move"))


def test_how_a_node_is_sent_to_is_set_and_counts_at_once(iep: Iep, database: Database, registry: Registry) -> None:
    words = "--rate 2.5 --bulk-window 19:00-07:00 --urgent-slots 2 --back-off 300 --dscp-urgent 46 --dscp-bulk 10"
    done = iep("nodes", "set", "ZX2", "ZX2_PACS", *words.split())
    assert done.returncode == 0, done.stderr
    with database.begin() as session:
        node = session.get_one(Node, registry.nodes["ZX2_PACS"])
        assert (node.rate, node.bulk_window, node.urgent_slots) == (2.5, "19:00-07:00", 2)
        assert (node.back_off, node.dscp_urgent, node.dscp_bulk) == (300.0, 46, 10)
    assert iep("nodes", "set", "ZX2", "ZX2_PACS", "--bulk-window", "always").returncode == 0
    with database.begin() as session:
        assert session.get_one(Node, registry.nodes["ZX2_PACS"]).bulk_window == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("nodes set ZX2 ZX2_PACS --rate fast", "Rate takes images a second, up to 10000; 0 for no limit."),
        ("nodes set ZX2 ZX2_PACS --bulk-window 19-7", "Hours for bulk takes hours like 19:00-07:00, or always."),
        ("nodes set ZX2 ZX2_PACS --dscp-bulk 64", "DSCP of the bulk lane takes a whole number from 0 to 63."),
        ("nodes set ZX2 ZX2_PACS --confirm-by hope", "How it confirms takes query, commitment or both."),
        ("users add new ZX9 support --name N --password", "ZX9 is no Institution here; import it first."),
        ("users password nobody --password", "There is no account nobody."),
        ("users close nobody", "There is no account nobody."),
        ("users role nobody support", "There is no account nobody."),
        (
            "worklists add ZX2 ZX2_PACS --name Imaging",
            "ZX2 has a worklist Imaging already; choose another name.",
        ),
        ("nodes set ZX2 NONE --port 104", "There is no Node ZX2/NONE; `iep nodes list` shows them."),
        ("nodes echo STORESCU", "STORESCU has no address: it only sends to the exchange."),
        ("agreements end ZX1 ZX9", "No agreement lets ZX1 send to ZX9."),
        ("agreements add ZX1 ZX9 --basis x", "ZX9 is no Institution here; import it first."),
    ],
)
def test_what_cannot_be_is_one_sentence(iep: Iep, words: str, sentence: str) -> None:
    given = words.split()
    done = iep(*given, PASSWORD) if given[-1] == "--password" else iep(*given)
    assert (done.returncode, done.stderr) == (1, f"Error: {sentence}\n")


def test_people_come_and_go(iep: Iep) -> None:
    words = ("users", "add", "new", "ZX1", "clinician", "--name", "New Person", "--password", PASSWORD)
    for verb in (words, ("users", "password", "new", "--password", PASSWORD + "s"), ("users", "close", "new")):
        done = iep(*verb)
        assert done.returncode == 0, done.stderr


def test_another_role_ends_where_one_is_signed_in(iep: Iep, database: Database, registry: Registry) -> None:
    account_id = registry.accounts["clinician.zx2"]
    with database.begin() as session:
        session.add(
            WebSession(
                token_sha256="0" * 64, account_id=account_id, institution_id="ZX2", created_at=now(), last_seen_at=now()
            )
        )
    done = iep("users", "role", "clinician.zx2", "pacs-officer")
    assert done.returncode == 0, done.stderr
    with database.begin() as session:
        assert session.get_one(Account, account_id).role == "pacs-officer"
        assert session.scalars(select(WebSession)).all() == []
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "account.role-changed")).one()
    assert (entry.institution_id, entry.subject) == ("ZX2", account_id)
    assert entry.facts == {"from": "clinician", "to": "pacs-officer"}


def test_numbers_and_the_second_person_of_an_institution(iep: Iep, database: Database) -> None:
    span = ("--from", "2026-01-01T00:00", "--to", "2999-01-01T00:00")
    added = iep("contacts", "add", "ZX2", "Ann Oncall", "01632 960099", *span)
    assert added.returncode == 0, added.stderr
    assert "ZX2, 01632 960099, Ann Oncall" in iep("contacts", "list").stdout
    assert iep("institutions", "second-person", "ZX2", "before").returncode == 0
    with database.begin() as session:
        assert session.get_one(Institution, "ZX2").second_person == "before"
    unknown = iep("contacts", "add", "ZX9", "Ann", "1")
    assert unknown.returncode == 1
    assert "There is no Institution ZX9; check its ODS code." in unknown.stderr


def test_purging_forgets_old_drafts(iep: Iep, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        for draft_id, days in (("old", 31), ("new", 29)):
            session.add(
                Draft(
                    id=draft_id,
                    institution_id="ZX2",
                    account_id=registry.accounts["clinician.zx2"],
                    content={},
                    saved_at=now() - timedelta(days=days),
                )
            )
    done = iep("purge")
    assert (done.returncode, done.stdout) == (0, "0 images removed.\n"), done.stderr
    with database.begin() as session:
        assert session.scalars(select(Draft.id)).all() == ["new"]
