"""Who may open what: every route, for every role and every other Institution."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from models.db import Database
from models.domain.contracts import CommandKind
from models.domain.decisions import RULES
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.request import State as RequestState
from models.domain.permissions import Function, Role, may
from models.drafts import keep
from models.tables import Account, Delivery, OutboxCommand, new_id
from tests.database import Registry
from tests.web.portal import field_of, make, sign_in
from tests.web.seeded import ARRIVAL_WAYS, DELIVERY_WAYS, Seed
from tests.web.seeded_requests import add_request
from tests.web.seeded_search import add_search, add_series
from web.permission import Open, declared, public, undeclared

WORDS = {Role.PACS_OFFICER: "officer", Role.CLINICIAN: "clinician", Role.SUPPORT: "support"}


@pytest.fixture
def app(database: Database, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return make(database, mailbox_folder=tmp_path_factory.mktemp("mail"))


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Every (endpoint, method, path), with what stands in braces still to be filled in."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            yield rule.endpoint, method, rule.rule.replace("<", "{").replace(">", "}").replace("path:", "")


def fill(path: str, **known: str) -> str:
    """`path` with what is known in place of its braces, and else an id of nothing."""
    return re.sub(r"\{(\w+)\}", lambda word: known.get(word[1], new_id()), path)


class Caller:
    """Somebody signed in, who can call any route with a form that is in order but for what it decides."""

    def __init__(self, app: Flask, username: str) -> None:
        self.client = sign_in(app, username)
        self.token = field_of(self.client.get("/held").text, "csrf_token")

    def call(self, method: str, path: str) -> int:
        form = {"csrf_token": self.token, "command": new_id(), "reason": "No more.", "outcome": "kept-apart"}
        return (self.client.post(path, data=form) if method == "POST" else self.client.get(path)).status_code


def test_every_view_declares_who_it_is_for(app: Flask) -> None:
    assert undeclared(app) == []
    assert {endpoint for endpoint, _, _ in routes(app) if declared(app, endpoint) is Open.PUBLIC} == {
        "static",
        "health.healthz",
        "account.sign_in",
        "account.try_to_sign_in",
    }


def test_a_view_that_declares_nothing_is_closed(app: Flask) -> None:
    app.add_url_rule("/forgotten", view_func=lambda: "open to all")
    assert undeclared(app) == ["<lambda>"]
    assert sign_in(app, "officer.zx1").get("/forgotten").status_code == 403
    assert app.test_client().get("/forgotten").status_code == 303


def test_a_public_view_says_so(app: Flask) -> None:
    app.add_url_rule("/open", "open", public(lambda: "open to all"))
    assert app.test_client().get("/open").text == "open to all"


def test_nobody_gets_in_without_signing_in(app: Flask) -> None:
    client = app.test_client()
    token = field_of(client.get("/sign-in").text, "csrf_token")
    for endpoint, method, path in routes(app):
        if declared(app, endpoint) is Open.PUBLIC:
            continue
        filled = fill(path, reference="T-2222-222")
        answer = client.get(filled) if method == "GET" else client.post(filled, data={"csrf_token": token})
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith("/sign-in"), path
        part = client.get(filled, headers={"HX-Request": "true"}) if method == "GET" else None
        assert part is None or part.status_code == 401


@pytest.mark.parametrize("role", list(Role))
def test_every_route_for_every_role(app: Flask, database: Database, registry: Registry, role: Role) -> None:
    """A role without the Function reads "forbidden", and causes nothing."""
    with database.begin() as session:
        seed = Seed(session, registry)
        reference = seed.delivery("on-worklist").reference
    caller = Caller(app, f"{WORDS[role]}.zx2")
    for endpoint, method, path in routes(app):
        needed = declared(app, endpoint)
        if not isinstance(needed, Function):
            continue
        filled = fill(path, reference=reference, node_id=registry.nodes["ZX2_PACS"])
        code = caller.call(method, filled)
        if not may(role, needed):
            assert code == 403, f"{role} {method} {path}"
        elif method == "GET":
            assert code in (200, 303, 404), f"{role} {path}: {code}"
    with database.begin() as session:
        asked = set(session.scalars(select(OutboxCommand.kind)))
    assert not asked or role is not Role.CLINICIAN


@pytest.mark.parametrize("role", [Role.PACS_OFFICER, Role.CLINICIAN])
def test_nothing_of_other_institutions(app: Flask, database: Database, registry: Registry, role: Role) -> None:
    """ZX3 has no part in what ZX1 sends to ZX2: no route tells it more than an unknown reference does."""
    with database.begin() as session:
        seed = Seed(session, registry)
        theirs = [seed.arrival(state).reference for state in ARRIVAL_WAYS]
        theirs += [seed.delivery(state).reference for state in DELIVERY_WAYS]
        theirs += [add_request(session, registry, state).transaction.reference for state in RequestState]
        held_id = seed.held_object("ZX1").id
        delivery_id = session.scalars(select(Delivery.id).where(Delivery.state == "on-worklist")).one()
        draft = new_id()
        search = add_search(session, registry)
        series = add_series(session, search).id
        keep(session, draft, institution_id="ZX1", account_id=registry.accounts["clinician.zx1"], content={"rows": "1"})
    caller = Caller(app, f"{WORDS[role]}.zx3")
    for _, method, path in routes(app):
        if "{" not in path or "{filename}" in path:
            continue
        unknown = caller.call(method, fill(path, reference="T-2222-222"))
        assert unknown in (403, 404), f"{method} {path}"
        for reference in theirs if "{reference}" in path else theirs[:1]:
            filled = fill(
                path, reference=reference, node_id=registry.nodes["ZX1_PACS"], held_id=held_id, draft_id=draft,
                delivery_id=delivery_id, search_id=search.id, series_id=series, position="1",
            )  # fmt: skip
            assert caller.call(method, filled) == unknown, f"{method} {path} tells that {reference} exists"
    for page in (
        "/",
        "/live",
        "/transactions",
        "/requests",
        "/worklist",
        "/held",
        "/nodes",
    ):
        text = caller.client.get(page).text
        for secret in (*theirs, "EXAMPLE, Agnes", "ZX1-0042", "CT head", "STORESCU", "SOPInstanceUID"):
            assert secret not in text, f"{page} shows {secret}"
    with database.begin() as session:
        assert session.scalar(select(func.count()).select_from(OutboxCommand)) == 0


def test_held_studies_are_the_source_s_alone(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        reference = seed.arrival("held").reference
    assert reference in sign_in(app, "officer.zx1").get("/held").text
    assert reference not in sign_in(app, "officer.zx2").get("/held").text


def test_support_sees_no_patient(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        references = [seed.arrival("held").reference, *(seed.delivery(state).reference for state in DELIVERY_WAYS)]
        references += [add_request(session, registry, state).transaction.reference for state in RequestState]
    client = sign_in(app, "support.zx3")
    pages = ["/", "/live", "/transactions", "/held", "/nodes"]
    for reference in references:
        pages += [f"/transactions/{reference}", f"/transactions/{reference}/live"]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code in (200, 286)
        for detail in (
            "Agnes",
            "EXAMPLE,",
            "February 1951",
            "ZX1-0042",
            "9990000018",
            "999 000 0018",
            "A1000042",
            "CT head",
            "Fell on the stairs",
        ):
            assert detail not in answer.text, f"{page} shows {detail}"
    assert all(reference in client.get("/transactions").text for reference in references)


# Who may take each decision on what ZX1 sends to ZX2: officer of the source, officer of the destination, support (which
# acts at its desk, with a reason and a second person).
DECISIONS = {
    ("release", "on-worklist"): (False, True, False),
    ("refuse", "on-worklist"): (False, True, False),
    ("retry", "needs-attention"): (True, True, False),
    ("redirect", "needs-attention"): (False, True, False),
    ("abandon", "needs-attention"): (True, True, False),
    ("assign", "held"): (True, False, False),
    ("refuse-held", "held"): (True, False, False),
}
# The same on what ZX2 asks of ZX1.
OF_REQUESTS = {
    ("accept", RequestState.AWAITING_SOURCE): (True, False, False),
    ("accept", RequestState.AWAITING_REQUESTER): (True, False, False),
    ("ask-back", RequestState.AWAITING_SOURCE): (True, False, False),
    ("decline", RequestState.AWAITING_SOURCE): (True, False, False),
    ("decline-study", RequestState.AWAITING_SOURCE): (True, False, False),
    ("reply", RequestState.AWAITING_REQUESTER): (False, True, False),
    ("withdraw", RequestState.AWAITING_SOURCE): (False, True, False),
}


@pytest.mark.parametrize(("decision", "state"), list(DECISIONS))
def test_each_decision_is_for_its_side(
    app: Flask, database: Database, registry: Registry, decision: str, state: str
) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        one = seed.arrival("held") if state == "held" else seed.delivery(state)
        # As after a study that was sent early and then held: the destination sees it.
        one.destination_id = "ZX2"
        reference = one.reference
    people = ("officer.zx1", "officer.zx2", "support.zx3")
    for person, allowed in zip(people, DECISIONS[decision, state], strict=True):
        caller = Caller(app, person)
        page = caller.client.get(f"/transactions/{reference}").text
        offered = f'action="/transactions/{reference}/{decision}"' in page
        # There is no other Node to choose.
        assert offered == (allowed and decision != "redirect"), f"{person} is offered {decision}"
        code = caller.call("POST", f"/transactions/{reference}/{decision}")
        assert (code == 403) == (not allowed), f"{person} {decision}: {code}"


@pytest.mark.parametrize(("decision", "state"), list(OF_REQUESTS))
def test_each_decision_on_a_request_is_for_its_side(
    app: Flask, database: Database, registry: Registry, decision: str, state: RequestState
) -> None:
    with database.begin() as session:
        reference = add_request(session, registry, state).transaction.reference
    people = ("officer.zx1", "officer.zx2", "support.zx3")
    for person, allowed in zip(people, OF_REQUESTS[decision, state], strict=True):
        caller = Caller(app, person)
        page = caller.client.get(f"/transactions/{reference}").text
        assert (f'action="/transactions/{reference}/{decision}"' in page) == allowed, f"{person} is offered {decision}"
        code = caller.call("POST", f"/transactions/{reference}/{decision}")
        assert (code == 403) == (not allowed), f"{person} {decision}: {code}"


def test_every_command_of_a_person_has_its_rule() -> None:
    machines = {
        *(CommandKind.REPORT_NODE_FAULT, CommandKind.ANSWER_COMMITMENT, CommandKind.REPORT_COMMITMENT),
        *(CommandKind.LOOK_AT_REQUEST, CommandKind.LOOK_AT_TRANSFER, CommandKind.RAISE_URGENCY),
    }
    # These move no lifecycle by themselves: they make, or mend, what has one.
    makers = {
        *(CommandKind.PLACE_REQUEST, CommandKind.FORWARD_DELIVERY, CommandKind.RUN_AGAIN, CommandKind.HAND_OVER),
        *(CommandKind.SEARCH_PACS, CommandKind.PLACE_TRANSFER, CommandKind.SEND_SHEET, CommandKind.SEND_SHEET_AGAIN),
    }
    assert set(RULES) == set(CommandKind) - machines - makers
    for rule in RULES.values():
        assert any(event == rule.event for _, event in LIFECYCLES[rule.lifecycle].table)


def test_a_role_taken_away_is_gone_at_once(app: Flask, database: Database) -> None:
    client = sign_in(app, "officer.zx1")
    assert client.get("/nodes").status_code == 200
    with database.begin() as session:
        session.execute(update(Account).values(role=Role.CLINICIAN.value))
    assert client.get("/nodes").status_code == 403
    assert 'href="/nodes"' not in client.get("/").text
