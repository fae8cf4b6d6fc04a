"""Deadlines: both sides are told once when one has passed, nothing fails by it, and what answers inherits it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from models.db import Database
from models.domain.urgency import Urgency
from models.mail import OCCASIONS
from models.most_urgent import earliest
from models.requests import place
from models.tables import ImageRequest, Transaction, new_id, now
from temporal.due import tell_what_is_overdue
from tests.database import Registry
from tests.models.test_requests import ENTRY

AN_HOUR = timedelta(hours=1)


class Mails:
    """An engine that only counts how often it was asked to tell."""

    def __init__(self) -> None:
        self.told = 0

    def asked(self, ask: object) -> None:
        self.told += 1


@pytest.fixture
def request_id(database: Database, registry: Registry) -> str:
    """Of a request that was needed an hour ago."""
    entry = replace(ENTRY, urgency=Urgency.BY_DEADLINE, needed_by=(now() - AN_HOUR).isoformat())
    with database.begin() as session:
        account = registry.accounts["clinician.zx2"]
        place(session, institution_id="ZX2", account_id=account, entry=entry, command_id=new_id())
        return session.scalars(select(ImageRequest.id)).one()


def tell(database: Database, mails: Mails) -> int:
    return tell_what_is_overdue(database, mails)  # type: ignore[arg-type]


def test_both_sides_are_told_once(database: Database, request_id: str) -> None:
    mails = Mails()
    assert [tell(database, mails), tell(database, mails)] == [1, 0]
    assert mails.told == 1
    with database.begin() as session:
        assert session.get_one(ImageRequest, request_id).state == "placed", "nothing fails by it"
    assert {"source", "requester", "destination"} == set(OCCASIONS["request-overdue"].to)
    assert {"sender", "source", "destination"} == set(OCCASIONS["transfer-overdue"].to)


@pytest.mark.parametrize("change", ["later", "fulfilled", "unsaid"])
def test_nobody_is_told_without_need(database: Database, request_id: str, change: str) -> None:
    with database.begin() as session:
        request = session.get_one(ImageRequest, request_id)
        match change:
            case "later":
                request.transaction.due_at = now() + AN_HOUR
            case "fulfilled":
                request.state = "fulfilled"
            case _:
                request.transaction.due_at = None
    mails = Mails()
    assert tell(database, mails) == mails.told == 0
    with database.begin() as session:
        assert session.scalars(select(Transaction.due_told_at)).all() == [None]


def test_the_earliest_counts() -> None:
    early, late = now(), now() + AN_HOUR
    assert earliest(late, early) == earliest(early, None) == earliest(None, early) == early
    assert earliest(None, None) is None
