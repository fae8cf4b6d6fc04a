"""Who is who: imports, Nodes, worklists, agreements, accounts, and the edges' directory file."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from models.accounts import add_account, close_account, set_password
from models.db import Database
from models.directory import routing_directory, write_directory_file
from models.domain.errors import Permanent
from models.domain.permissions import Role
from models.passwords import is_right
from models.registry import (
    add_node,
    add_worklist,
    agree,
    change_node,
    end_agreement,
    import_institutions,
    named_node,
)
from models.tables import Account, Agreement, AuditEntry, Institution, Node, WebSession, now
from tests.database import Registry

WHO = "test"


def acts(database: Database) -> list[str]:
    with database.begin() as session:
        return list(session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))


def imported(database: Database, path: Path, text: str) -> Institution:
    path.write_text(text)
    with database.begin() as session:
        import_institutions(session, path, WHO)
    with database.begin() as session:
        return session.get_one(Institution, "ZX1")


def test_a_file_changes_only_what_it_has_columns_for(database: Database, registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "trusts.csv"
    told = imported(
        database,
        file,
        "ods_code,name,status,successor,phone,email,time_zone\n"
        "ZX1,Northern,closed,ZX2,01632 960000,a@zx1.example,Europe/Jersey\n",
    )
    assert told.closed
    again = imported(database, file, "ods_code,name\nzx1,Northern Example\n")
    assert again.name == "Northern Example"
    assert again.closed
    assert (again.successor, again.phone, again.email) == ("ZX2", "01632 960000", "a@zx1.example")
    assert again.time_zone == "Europe/Jersey"


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../../etc/passwd", "GMT+1 hour"])
def test_a_time_zone_must_exist(database: Database, registry: Registry, tmp_path: Path, zone: str) -> None:
    with pytest.raises(Permanent, match=r"Line 2 .* is no time zone"):
        imported(database, tmp_path / "trusts.csv", f"ods_code,name,time_zone\nZX1,Northern,{zone}\n")


def test_agreements_begin_end_and_begin_anew(database: Database, registry: Registry) -> None:
    pair = ("ZX1", "ZX2")

    def holds() -> bool:
        with database.begin() as session:
            return pair in routing_directory(session).agreements

    assert holds()
    with database.begin() as session:
        end_agreement(session, *pair, WHO)
    assert not holds()
    with pytest.raises(Permanent, match="No agreement lets ZX1"), database.begin() as session:
        end_agreement(session, *pair, WHO)
    with database.begin() as session:
        agree(session, [pair], "DSA 7", WHO)
    assert holds()
    with database.begin() as session:
        agree(session, [pair], "DSA 8", WHO)
        assert session.get_one(Agreement, pair).basis == "DSA 7", "one that holds is left alone"
    assert acts(database) == ["agreement.ended", "agreement.added"]
    with pytest.raises(Permanent, match="NOBODY is no Institution"), database.begin() as session:
        agree(session, [("ZX1", "NOBODY")], "x", WHO)


def test_nodes_are_named_without_doubt(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        add_node(session, WHO, institution_id="ZX2", name="STORESCU", ae_title="ANOTHER")
        assert named_node(session, "ZX2/STORESCU").ae_title == "ANOTHER"
        assert named_node(session, "ZX2_PACS").institution_id == "ZX2"
        with pytest.raises(Permanent, match="say ZX1/STORESCU or ZX2/STORESCU"):
            named_node(session, "STORESCU")
        with pytest.raises(Permanent, match="no Node ZX3/STORESCU"):
            named_node(session, "ZX3/STORESCU")
        change_node(session, named_node(session, "ZX2/STORESCU"), WHO, quiet_seconds=5.0)
    assert acts(database) == ["node.added", "node.changed"]


def test_studies_arrive_at_the_first_worklist(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        node = session.get_one(Node, registry.nodes["ZX1_PACS"])
        with pytest.raises(Permanent, match="ZX1 has a worklist Imaging already"):
            add_worklist(session, node, WHO, name="Imaging", auto_release=False)
        assert not add_worklist(session, node, WHO, name="Neuroradiology", auto_release=False).is_default
        session.add(Institution(ods_code="ZX4", name="Southern Example"))
        session.flush()
        pacs = add_node(session, WHO, institution_id="ZX4", name="ZX4_PACS", ae_title="ZX4_PACS")
        assert add_worklist(session, pacs, WHO, name="Imaging", auto_release=False).is_default


def test_an_agreement_says_whether_what_came_may_be_forwarded(database: Database, registry: Registry) -> None:
    def onward() -> bool:
        with database.begin() as session:
            return session.get_one(Agreement, ("ZX1", "ZX2")).onward

    for said in (False, True, True, False):
        with database.begin() as session:
            agree(session, [("ZX1", "ZX2")], "by letter", WHO, onward=said)
        assert onward() is said
    assert acts(database) == ["agreement.added", "agreement.added"], "saying the same again changes nothing"


def test_a_new_password_ends_what_the_old_one_opened(database: Database, registry: Registry) -> None:
    account_id = registry.accounts["officer.zx1"]
    with database.begin() as session:
        session.add(
            WebSession(
                token_sha256="x", account_id=account_id, institution_id="ZX1", created_at=now(), last_seen_at=now()
            )
        )
        session.execute(update(Account).values(failed_sign_ins=3, locked_until=now() + timedelta(hours=1)))
    with database.begin() as session:
        set_password(session, "officer.zx1", "plinth osprey marmalade quay", WHO)
    with database.begin() as session:
        account = session.get_one(Account, account_id)
        assert is_right(account.password_hash, "plinth osprey marmalade quay")
        assert (account.failed_sign_ins, account.locked_until) == (0, None)
        assert session.scalars(select(WebSession)).all() == []
        close_account(session, "officer.zx1", WHO)
        assert not account.active
        with pytest.raises(Permanent, match="no account nobody"):
            close_account(session, "nobody", WHO)
        with pytest.raises(Permanent, match="ZX9 is no Institution"):
            add_account(
                session, username="new", display_name="N", institution_id="ZX9", role=Role.SUPPORT, password="x",
                actor=WHO,
            )  # fmt: skip
    assert acts(database) == ["account.password-set", "account.closed"]


def test_of_two_who_add_at_once_the_edges_learn_both(database: Database, registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "directory.json"
    both_committed = threading.Barrier(4)

    def add(number: int) -> None:
        with database.begin() as session:
            add_node(session, WHO, institution_id="ZX1", name=f"CT{number}", ae_title=f"CT{number}")
        write_directory_file(database, path)
        both_committed.wait(20)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {node["ae_title"] for node in json.loads(path.read_text())["nodes"]}
    assert {f"CT{number}" for number in range(4)} <= told
