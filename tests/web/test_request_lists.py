"""The lists of requests, and what of them needs whom."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from models.db import Database
from models.domain.lifecycles.request import State
from tests.database import Registry
from tests.web.portal import make, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_request
from tests.web.test_pages import inspect

REFERENCE = re.compile(r">(T-[A-Z0-9]{4}-[A-Z0-9]{3})</a>")


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def test_the_lists(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        mine = add_request(session, registry, State.AWAITING_REQUESTER).transaction.reference
        ended = add_request(session, registry, State.DECLINED, minutes=90).transaction.reference
        theirs = add_request(session, registry, source="ZX2", requester="ZX3", urgency="urgent").transaction.reference
        Seed(session, registry).delivery("on-worklist")
        add_request(session, registry, source="ZX1", requester="ZX3")
    text = sign_in(app, "officer.zx2").get("/requests").text
    inspect(text)
    assert "2 need you, 1 of them urgent." in text
    assert REFERENCE.findall(text) == [theirs, mine, ended]
    assert "EXAMPLE," in text
    assert "CT head and 1 more" in text
    clinician = sign_in(app, "clinician.zx2").get("/requests").text
    assert REFERENCE.findall(clinician) == [mine, ended], "a clinician answers nobody"
    client = sign_in(app, "officer.zx2")
    assert REFERENCE.findall(client.get("/requests?state=declined").text) == [ended]
    assert REFERENCE.findall(client.get("/requests?side=source").text) == [theirs]
    assert "None stands like that." in client.get("/requests?state=expired").text
    for strange in ("state=nonsense", "side=nonsense", "after=x~y"):
        assert client.get(f"/requests?{strange}").status_code == 404
    assert sign_in(app, "clinician.zx2").get("/requests?side=source").status_code == 404
    assert sign_in(app, "support.zx3").get("/requests").status_code == 403
    assert 'href="/requests"' not in sign_in(app, "support.zx3").get("/").text


def test_lists_follow_a_key(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        expected = [add_request(session, registry, minutes=n).transaction.reference for n in range(1, 20)]
    client = sign_in(app, "clinician.zx2")
    first = client.get("/requests").text
    older = re.search(r'<a href="([^"]+)" rel="next">', first)
    assert older
    second = client.get(older[1].replace("&amp;", "&")).text
    assert REFERENCE.findall(first) + REFERENCE.findall(second) == expected


def test_home_counts_requests(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        add_request(session, registry, urgency="life-critical")
        add_request(session, registry, State.AWAITING_REQUESTER)
        for state in set(State) - {State.AWAITING_SOURCE, State.AWAITING_REQUESTER}:
            add_request(session, registry, state)
    for who, words in (
        ("officer.zx1", "3 need you, 1 of them urgent."),
        ("clinician.zx1", "Nothing needs you"),
        ("clinician.zx2", "1 needs you."),
        ("officer.zx2", "1 needs you."),
        ("support.zx3", "What is parked or in trouble stands at"),
    ):
        assert words in sign_in(app, who).get("/").text, who
    client = sign_in(app, "officer.zx1")
    assert "2 studies" in client.get("/transactions?state=request.awaiting-source").text
    assert len(REFERENCE.findall(client.get("/transactions?mine=1").text)) == 3
