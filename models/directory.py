"""Who is who: the directory that routing reads, and the file by which the edges know their senders."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.db import Database
from models.domain.routing import AE_TITLE, STANDARD_RULES, Directory, Mode, Organisation, Rule, RuleSet
from models.tables import Agreement, Institution, Node, RoutingRules, Worklist, now

LOCK_OF_DIRECTORY = 0x1EB


def routing_directory(session: Session) -> Directory:
    """Organisations and agreements as they stand now."""
    receiving = set(session.scalars(select(Worklist.institution_id)))
    organisations = {
        row.ods_code: Organisation(row.ods_code, row.closed, row.successor, row.parent, row.ods_code in receiving)
        for row in session.scalars(select(Institution))
    }
    today = now()
    agreements = session.execute(
        select(Agreement.source_id, Agreement.destination_id).where(
            Agreement.valid_from <= today, or_(Agreement.valid_to.is_(None), Agreement.valid_to > today)
        )
    )
    return Directory(organisations, frozenset((source, destination) for source, destination in agreements))


def rules_of(session: Session, institution_id: str, version: int | None = None) -> RuleSet:
    """The chain that applies to an Institution's pushes: the version a transaction began with, else the newest."""
    newest = (
        select(RoutingRules)
        .where(or_(RoutingRules.institution_id == institution_id, RoutingRules.institution_id.is_(None)))
        .order_by(RoutingRules.institution_id.is_(None), RoutingRules.version.desc())
    )
    row = session.get(RoutingRules, version) if version is not None else session.scalars(newest).first()
    if row is None:
        return STANDARD_RULES
    rules = tuple(
        Rule(**{**rule, "mode": Mode(rule["mode"]), "table": tuple(map(tuple, rule["table"]))}) for rule in row.rules
    )
    return RuleSet(row.version, rules, row.follow_successor)


def write_directory_file(database: Database, path: Path) -> None:
    """Tell the edges who may send and which called AE titles exist, as committed. The file is replaced in one step.

    Call it after the commit of a change. Of two at once the later one reads what both have committed.
    """
    with database.begin() as session:
        session.execute(select(func.pg_advisory_xact_lock(LOCK_OF_DIRECTORY)))
        _replace(path, _content(session))


def _content(session: Session) -> dict[str, Any]:
    nodes = session.scalars(select(Node).order_by(Node.id)).all()
    codes = session.scalars(select(Worklist.institution_id).distinct().order_by(Worklist.institution_id))
    return {
        "version": int(now().timestamp() * 1000),
        "called_ae_titles": [AE_TITLE, *(f"{AE_TITLE}_{code}" for code in codes)],
        "nodes": [
            {
                "node_id": node.id,
                "institution_id": node.institution_id,
                "ae_title": node.ae_title,
                "addresses": node.source_addresses,
                "certificate_sha256": node.certificate_sha256,
                "retrieve_by": node.retrieve_by,
            }
            for node in nodes
        ],
    }


def _replace(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
