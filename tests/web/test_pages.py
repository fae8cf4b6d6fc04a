"""Every page, for every role, in every state: one heading, labels, nothing inline, and a sentence to open with."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from flask import Flask

from models.db import Database
from models.domain.lifecycles import ARRIVAL, DELIVERY, NODE, REQUEST, TRANSFER
from models.domain.lifecycles.request import State as RequestState
from models.domain.permissions import Role
from models.tables import Node
from tests.database import Registry
from tests.web.portal import make, sign_in
from tests.web.seeded import ARRIVAL_WAYS, DELIVERY_WAYS, Seed
from tests.web.seeded_requests import add_request
from web.transactions.next_step import NEXT

VOID = {"input", "meta", "link", "br", "hr", "img", "rect", "path"}


class Inspection(HTMLParser):
    """What is wrong with a page's markup, as far as a parser can tell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.h1 = 0
        self.titles = 0
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.inputs: list[str] = []
        self.wrong: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.wrong += [f"unlabelled {name}" for name in self.inputs if name not in self.labelled]
        self.wrong += [f"id twice: {one}" for one in set(self.ids) if self.ids.count(one) > 1]
        self.wrong += [f"never closed: {self.open}"] if self.open else []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.h1 += tag == "h1"
        self.titles += tag == "title" and "svg" not in self.open
        self.ids += [str(given["id"])] if "id" in given else []
        if tag == "label" and given.get("for"):
            self.labelled.add(str(given["for"]))
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            self.inputs.append(str(given.get("id")))
        self.wrong += [f"inline {name}" for name in given if name == "style" or name.startswith("on")]
        self.wrong += ["inline style"] if tag == "style" else []
        self.wrong += ["inline script"] if tag == "script" and "src" not in given and "nonce" not in given else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"closes what is not open: {tag}")


def inspect(text: str) -> None:
    page = Inspection(text)
    assert page.wrong == []
    assert (page.h1, page.titles) == (1, 1)


@pytest.fixture
def app(database: Database) -> Flask:
    return make(database)


@pytest.mark.parametrize("role", list(Role))
def test_every_page_in_every_state(app: Flask, database: Database, registry: Registry, role: Role) -> None:
    word = {Role.PACS_OFFICER: "officer", Role.CLINICIAN: "clinician", Role.SUPPORT: "support"}[role]
    with database.begin() as session:
        seed = Seed(session, registry)
        references = [seed.arrival(state, "ZX2", urgency="urgent").reference for state in ARRIVAL_WAYS]
        references += [seed.delivery(state).reference for state in DELIVERY_WAYS]
        for asked in RequestState:
            references.append(
                add_request(session, registry, asked, source="ZX2", requester="ZX3").transaction.reference
            )
            references.append(add_request(session, registry, asked, urgency="urgent").transaction.reference)
        seed.held_object("ZX2")
        for node, state in zip(session.query(Node).filter_by(host="127.0.0.1"), NODE.states, strict=False):
            node.state = state.value
    client = sign_in(app, f"{word}.zx2")
    pages = ["/", "/live", "/transactions", "/held", *(f"/transactions/{one}" for one in references)]
    if role is not Role.SUPPORT:
        pages += ["/requests", "/requests?state=declined", "/requests/new?source=zx1"]
    if role is not Role.CLINICIAN:
        pages += ["/nodes", *(f"/nodes/{registry.nodes['ZX2_PACS']}{rest}" for rest in ("", "/live"))]
    for path in pages:
        answer = client.get(path)
        assert answer.status_code == 200, path
        if not path.endswith("/live"):
            inspect(answer.text)
        assert re.search(r'class="iep-lead">|<table', answer.text), f"{path} opens without a sentence"


def test_signed_out_pages(app: Flask) -> None:
    client = app.test_client()
    inspect(client.get("/sign-in").text)
    inspect(client.get("/sign-in/nowhere").text)


def test_a_new_exchange_reassures(app: Flask, registry: Registry) -> None:
    client = sign_in(app, "officer.zx2")
    assert "nothing has arrived yet" in client.get("/").text
    assert "every one had a certain route" in client.get("/held").text
    assert "No transactions yet" in client.get("/transactions").text


def test_every_state_says_what_happens_next() -> None:
    states = {(table.name, state.value) for table in (REQUEST, TRANSFER, ARRIVAL, DELIVERY) for state in table.states}
    assert set(NEXT) == states
