"""The people behind accounts' ids."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.contracts import EXCHANGE
from models.tables import Account

ACCOUNT_ID = re.compile(r"\b[0-9a-f]{32}\b")


def names(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """What to call each actor: "P Officer (ZX2)", or "the exchange" for what happened by itself."""
    found = session.execute(
        select(Account.id, Account.display_name, Account.institution_id).where(Account.id.in_(set(actors)))
    )
    known = {identifier: f"{name} ({institution_id})" for identifier, name, institution_id in found}
    return {actor: known.get(actor, actor) for actor in actors} | {EXCHANGE: "the exchange"}


def with_names(session: Session, sentence: str) -> str:
    """`sentence` with people in place of their accounts' ids."""
    called = names(session, ACCOUNT_ID.findall(sentence))
    return ACCOUNT_ID.sub(lambda match: called[match[0]], sentence)
