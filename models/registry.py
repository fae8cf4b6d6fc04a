"""Registering Institutions, Nodes, Worklists, agreements: what the command line and the demo share."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.audit import record_act
from models.domain.errors import Permanent
from models.domain.routing import ODS_CODE
from models.tables import Agreement, Institution, Node, Worklist, now

COLUMNS = ("ods_code", "name", "status", "successor", "parent", "phone", "email", "time_zone")
AE_TITLE_FORM = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")


def import_institutions(session: Session, path: Path, actor: str) -> int:
    """Add or update Institutions from a CSV with the COLUMNS (ods_code and name are needed); none is ever deleted.

    What a file has no column for stays as it is.

    Raises Permanent naming the line that cannot be read; nothing of the file is kept then.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for line, row in enumerate(rows, start=2):
        code = (row.get("ods_code") or "").strip().upper()
        if not ODS_CODE.fullmatch(code) or not (row.get("name") or "").strip():
            raise Permanent(f"Line {line} of {path.name} has no valid ods_code and name; correct it and import again.")
        try:
            facts = _facts({column: text.strip() for column, text in row.items() if column and text is not None})
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise Permanent(f"Line {line} of {path.name}: {row['time_zone']} is no time zone.") from error
        add_institution(session, ods_code=code, **facts)
    record_act(
        session, institution_id=None, actor=actor, act="institutions.imported", subject="", facts={"rows": len(rows)}
    )
    return len(rows)


def _facts(row: dict[str, str]) -> dict[str, Any]:
    """What one line says, by our own column; ValueError or ZoneInfoNotFoundError for an unknown time zone."""
    facts: dict[str, Any] = {key: row[key] for key in ("name", "phone", "email") if key in row}
    facts |= {key: row[key].upper() or None for key in ("successor", "parent") if key in row}
    if "status" in row:
        facts["closed"] = row["status"].lower() == "closed"
    if row.get("time_zone"):
        facts["time_zone"] = ZoneInfo(row["time_zone"]).key
    return facts


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
    institution = must_be_known(session, facts["institution_id"])
    taken = select(Node).where(Node.institution_id == institution.ods_code, Node.name == facts["name"])
    if session.scalars(taken).first() is not None:
        raise Permanent(f"{institution.ods_code} has a Node {facts['name']} already; choose another name.")
    node = Node(**facts)
    _must_be_checkable(node)
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


def change_node(session: Session, node: Node, actor: str, **facts: Any) -> None:
    """Give a Node other facts; what is not among them stays. Raises Permanent for TLS that cannot be checked."""
    for name, value in facts.items():
        setattr(node, name, value)
    _must_be_checkable(node)
    record_act(
        session,
        institution_id=node.institution_id,
        actor=actor,
        act="node.changed",
        subject=node.id,
        facts={"changed": sorted(facts)},
    )


def _must_be_checkable(node: Node) -> None:
    if node.tls == "certificate" and not node.certificate_sha256:
        raise Permanent(f"No certificate is registered for {node.name}; give it with --certificate, or say --tls name.")


def named_node(session: Session, name: str) -> Node:
    """The Node that INSTITUTION/NAME names, or NAME where only one has it. Raises Permanent."""
    institution_id, _, own = name.rpartition("/")
    query = select(Node).where(Node.name == own).order_by(Node.institution_id)
    found = session.scalars(query.where(Node.institution_id == institution_id) if institution_id else query).all()
    if not found:
        raise Permanent(f"There is no Node {name}; `iep nodes list` shows them.")
    if len(found) > 1:
        several = " or ".join(f"{node.institution_id}/{node.name}" for node in found)
        raise Permanent(f"Several Institutions have a Node {name}; say {several}.")
    return found[0]


def add_worklist(session: Session, node: Node, actor: str, *, name: str, auto_release: bool) -> Worklist:
    """Give the Node's Institution a worklist; its first is where studies arrive. Raises Permanent for a taken name."""
    names = set(session.scalars(select(Worklist.name).where(Worklist.institution_id == node.institution_id)))
    if name in names:
        raise Permanent(f"{node.institution_id} has a worklist {name} already; choose another name.")
    worklist = Worklist(
        institution_id=node.institution_id,
        name=name,
        node_id=node.id,
        auto_release=auto_release,
        is_default=not names,
    )
    session.add(worklist)
    session.flush()
    record_act(
        session,
        institution_id=node.institution_id,
        actor=actor,
        act="worklist.added",
        subject=worklist.id,
        facts={"node": node.id, "auto_release": auto_release},
    )
    return worklist


def agree(session: Session, pairs: Iterable[tuple[str, str]], basis: str, actor: str, *, onward: bool = False) -> None:
    """Let the first of each pair send to the second, and with `onward` the second forward what it got, from now on.

    An agreement that has ended, or said otherwise about forwarding, begins anew. Raises Permanent for an unknown
    Institution.
    """
    for source_id, destination_id in pairs:
        must_be_known(session, source_id)
        must_be_known(session, destination_id)
        began = {"basis": basis, "onward": onward, "valid_from": now(), "valid_to": None}
        made = session.execute(
            insert(Agreement)
            .values(source_id=source_id, destination_id=destination_id, **began)
            .on_conflict_do_update(
                index_elements=["source_id", "destination_id"],
                set_=began,
                where=Agreement.valid_to.is_not(None) | (Agreement.onward != onward),
            )
            .returning(Agreement.source_id)
        ).first()
        if made is not None:
            _record_agreement(session, source_id, destination_id, actor, "agreement.added", {"onward": onward})


def end_agreement(session: Session, source_id: str, destination_id: str, actor: str) -> None:
    """The first may not send to the second any more. Raises Permanent when it might not before."""
    agreement = session.get(Agreement, (source_id, destination_id), with_for_update=True)
    if agreement is None or (agreement.valid_to is not None and agreement.valid_to <= now()):
        raise Permanent(f"No agreement lets {source_id} send to {destination_id}.")
    agreement.valid_to = now()
    _record_agreement(session, source_id, destination_id, actor, "agreement.ended")


def _record_agreement(
    session: Session, source_id: str, destination_id: str, actor: str, act: str, facts: dict[str, Any] | None = None
) -> None:
    subject = f"{source_id} to {destination_id}"
    record_act(session, institution_id=source_id, actor=actor, act=act, subject=subject, facts=facts)


def must_be_known(session: Session, institution_id: str) -> Institution:
    """The Institution of that ODS code. Raises Permanent when there is none."""
    institution = session.get(Institution, institution_id)
    if institution is None:
        raise Permanent(f"{institution_id} is no Institution here; import it first.")
    return institution
