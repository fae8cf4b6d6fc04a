"""Registering Institutions, Nodes, Worklists, agreements and accounts: what the command line and the demo share."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.audit import record_act
from models.domain.errors import Permanent
from models.domain.permissions import Role
from models.domain.routing import ODS_CODE
from models.passwords import hash_password
from models.tables import Account, Agreement, Institution, Node, Worklist, now

COLUMNS = ("ods_code", "name", "status", "successor", "parent", "phone", "email", "time_zone")
AE_TITLE_FORM = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")


def import_institutions(session: Session, path: Path, actor: str) -> int:
    """Add or update Institutions from a CSV with the COLUMNS (ods_code and name are needed); none is ever deleted.

    Raises Permanent naming the line that cannot be read; nothing of the file is kept then.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for line, row in enumerate(rows, start=2):
        code = (row.get("ods_code") or "").strip().upper()
        if not ODS_CODE.fullmatch(code) or not (row.get("name") or "").strip():
            raise Permanent(f"Line {line} of {path.name} has no valid ods_code and name; correct it and import again.")
        add_institution(
            session,
            ods_code=code,
            name=str(row["name"]).strip(),
            closed=(row.get("status") or "").strip().lower() == "closed",
            successor=(row.get("successor") or "").strip().upper() or None,
            parent=(row.get("parent") or "").strip().upper() or None,
            phone=(row.get("phone") or "").strip(),
            email=(row.get("email") or "").strip(),
            time_zone=(row.get("time_zone") or "").strip() or "Europe/London",
        )
    record_act(
        session, institution_id=None, actor=actor, act="institutions.imported", subject="", facts={"rows": len(rows)}
    )
    return len(rows)


def add_institution(session: Session, **facts: Any) -> None:
    """Add one, or bring it up to date."""
    changed = {key: value for key, value in facts.items() if key != "ods_code"}
    session.execute(
        insert(Institution).values(**facts).on_conflict_do_update(index_elements=["ods_code"], set_=changed)
    )


def add_node(session: Session, actor: str, **facts: Any) -> Node:
    """Add a Node. Raises Permanent when its AE title is none (PS3.5 Section 6.2) or its name is taken."""
    if not AE_TITLE_FORM.fullmatch(facts["ae_title"]):
        raise Permanent("An AE title has 1 to 16 characters, no backslash, no space at its ends.")
    institution = session.get(Institution, facts["institution_id"])
    if institution is None:
        raise Permanent(f"{facts['institution_id']} is no Institution here; import it first.")
    taken = select(Node).where(Node.institution_id == institution.ods_code, Node.name == facts["name"])
    if session.scalars(taken).first() is not None:
        raise Permanent(f"{institution.ods_code} has a Node {facts['name']} already; choose another name.")
    node = Node(**facts)
    session.add(node)
    session.flush()
    record_act(
        session,
        institution_id=node.institution_id,
        actor=actor,
        act="node.added",
        subject=node.id,
        facts={"ae_title": node.ae_title},
    )
    return node


def add_worklist(session: Session, node: Node, *, name: str, auto_release: bool) -> Worklist:
    worklist = Worklist(
        institution_id=node.institution_id, name=name, node_id=node.id, auto_release=auto_release, is_default=True
    )
    session.add(worklist)
    return worklist


def agree(session: Session, pairs: Iterable[tuple[str, str]], basis: str) -> None:
    """Let the first of each pair send to the second, from now on."""
    for source_id, destination_id in pairs:
        session.execute(
            insert(Agreement)
            .values(source_id=source_id, destination_id=destination_id, basis=basis, valid_from=now())
            .on_conflict_do_nothing()
        )


def add_account(
    session: Session,
    *,
    username: str,
    display_name: str,
    institution_id: str,
    role: Role,
    password: str,
    actor: str,
    email: str = "",
) -> Account:
    """Add a person. Raises Permanent when the name is taken."""
    if session.scalars(select(Account).where(Account.username == username)).first() is not None:
        raise Permanent(f"There is an account {username} already; choose another name.")
    account = Account(
        institution_id=institution_id,
        username=username,
        display_name=display_name,
        email=email,
        role=role.value,
        password_hash=hash_password(password),
    )
    session.add(account)
    session.flush()
    record_act(
        session,
        institution_id=institution_id,
        actor=actor,
        act="account.added",
        subject=account.id,
        facts={"role": role.value},
    )
    return account
