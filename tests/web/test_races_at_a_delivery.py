"""Two officers at the page of one delivery: the later reads who was first, when, and where it is now."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from models.db import Database
from models.tables import Node, new_id
from tests.database import Registry
from tests.web.portal import field_of, make, sign_in
from tests.web.waiting import change, commands, decided, form, reassigned, waiting

BY_CLINICIAN = r"by Clinician 2 Example \(ZX2\) on [^.]*\."


@pytest.fixture
def client(database: Database, registry: Registry) -> FlaskClient:
    return sign_in(make(database), "officer.zx2")


def seen_in(client: FlaskClient, page: str, action: str) -> dict[str, Any]:
    """The hidden fields of the form of `page` whose action is `action`."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', client.get(page).text, re.DOTALL)
    assert found, f"no form for {action}"
    return {name: field_of(found[1], name) for name in ("csrf_token", "command", "seen")}


@pytest.mark.parametrize("act", ["release", "refuse", "reassign"])
def test_what_was_reassigned_is_not_decided_from_the_old_worklist(
    client: FlaskClient, database: Database, registry: Registry, act: str
) -> None:
    ((only, _),) = waiting(database, registry)
    old = {
        "seen": f"on-worklist:{registry.worklists['ZX2']}",
        "command": new_id(),
        "reason": "No more.",
        "worklist_id": "x",
    }
    sent = form(client) | old | {"delivery": only}
    assert sent[f"seen-{only}"] == sent["seen"]
    neuro = reassigned(database, registry, only, "clinician.zx2")
    path = "/worklist/release" if act == "release" else f"/worklist/{only}/{act}"
    answer = client.post(path, data=sent)
    text = answer.text if answer.status_code == 422 else client.get("/worklist").text
    assert re.search(f"Too late: it was reassigned {BY_CLINICIAN} It waits on Neuro now, for ZX2_NEURO.", text)
    assert commands(database) == []
    # The page that says so shows where it is; from there it is decided.
    fresh = seen_in(client, "/worklist", f"/worklist/{only}/refuse")
    assert fresh["seen"] == f"on-worklist:{neuro}"
    assert client.post(f"/worklist/{only}/refuse", data=fresh | {"reason": "No more."}).status_code == 303
    assert [one.payload for one in commands(database)] == [{"reason": "No more.", "seen": f"on-worklist:{neuro}"}]


def test_of_several_only_what_was_reassigned_is_not_released(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    (first, reference), (second, _) = waiting(database, registry, 2)
    sent = form(client) | {"delivery": [first, second]}
    reassigned(database, registry, first, "clinician.zx2")
    answer = client.post("/worklist/release", data=sent)
    assert re.search(f"{reference}: Too late: it was reassigned {BY_CLINICIAN}", answer.text)
    seen = f"on-worklist:{registry.worklists['ZX2']}"
    assert [(one.subject_id, one.payload["seen"]) for one in commands(database)] == [(second, seen)]


def test_a_form_that_names_no_worklist_releases_where_it_is(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    ((only, _),) = waiting(database, registry)
    sent = form(client) | {"delivery": only}
    del sent[f"seen-{only}"]
    reassigned(database, registry, only, "clinician.zx2")
    assert client.post("/worklist/release", data=sent).status_code == 303
    assert ["seen" in one.payload for one in commands(database)] == [False]


def test_a_double_click_on_reassign_answers_like_the_first(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    (first, _), (only, _) = waiting(database, registry, 2)
    neuro = reassigned(database, registry, first, "clinician.zx2")
    path = f"/worklist/{only}/reassign"
    sent = seen_in(client, "/worklist", path) | {"worklist_id": neuro}
    assert client.post(path, data=sent).status_code == 303
    decided(database, registry, only, "reassigned", "on-worklist", "officer.zx2")
    change(database, only, worklist_id=neuro)
    assert client.post(path, data=sent).status_code == 303
    assert len(commands(database)) == 1
    assert "Too late" not in client.get("/worklist").text


def test_the_page_of_a_transaction_says_where_it_waits_now(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    ((only, reference),) = waiting(database, registry)
    page = f"/transactions/{reference}"
    sent = seen_in(client, page, f"{page}/release") | {"filing": "as-it-is"}
    live = f"{page}/live?seen={field_of(client.get(page).text, 'seen')}"
    neuro = reassigned(database, registry, only, "clinician.zx2")
    assert client.post(f"{page}/release", data=sent).status_code == 303
    text = client.get(page).text
    assert re.search(f"Too late: it was reassigned {BY_CLINICIAN} It waits on Neuro now, for ZX2_NEURO.", text)
    assert commands(database) == []
    assert f'name="seen" value="on-worklist:{neuro}"' in client.get(live).text, "an open page decides where it is now"


def test_a_retry_and_an_abandonment_from_one_page(client: FlaskClient, database: Database, registry: Registry) -> None:
    ((only, reference),) = waiting(database, registry)
    decided(database, registry, only, "parked", "needs-attention", "")
    page = f"/transactions/{reference}"
    sent = seen_in(client, page, f"{page}/abandon") | {"reason": "on a disc"}
    decided(database, registry, only, "retried", "sending", "clinician.zx2", before="needs-attention")
    client.post(f"{page}/abandon", data=sent)
    assert re.search(f"Too late: it was retried {BY_CLINICIAN}", client.get(page).text)
    assert commands(database) == []
    # Whoever sees that it is being sent again may still abandon it, however far it gets meanwhile.
    sent = seen_in(client, page, f"{page}/abandon") | {"reason": "on a disc"}
    decided(database, registry, only, "parked", "needs-attention", "", before="sending")
    client.post(f"{page}/abandon", data=sent)
    assert [(one.kind, one.payload) for one in commands(database)] == [("abandon-delivery", {"reason": "on a disc"})]


def test_what_was_seen_goes_to_the_engine(client: FlaskClient, database: Database, registry: Registry) -> None:
    ((only, reference),) = waiting(database, registry)
    decided(database, registry, only, "parked", "needs-attention", "")
    page = f"/transactions/{reference}"
    client.post(f"{page}/retry", data=seen_in(client, page, f"{page}/retry"))
    assert [one.payload for one in commands(database)] == [{"seen": "needs-attention"}]


@pytest.mark.parametrize("stuck", [{"fault": "ZX2_PACS does not answer."}, {}])
def test_what_is_sent_is_for_them_only_who_have_seen_that(
    client: FlaskClient, database: Database, registry: Registry, stuck: dict[str, str]
) -> None:
    ((only, reference),) = waiting(database, registry)
    decided(database, registry, only, "released", "sending", "")
    page = f"/transactions/{reference}"
    early = seen_in(client, page, f"{page}/abandon") | {"reason": "on a disc"}
    decided(database, registry, only, "sent", "sent", "", before="sending")
    # The engine answers that it is too late: it is not said that this was seen.
    client.post(f"{page}/abandon", data=early)
    assert [one.payload for one in commands(database)] == [{"reason": "on a disc"}]
    change(database, only, **stuck)
    if not stuck:
        assert f'action="{page}/abandon"' not in client.get(page).text, "its Node is being asked"
        with database.begin() as session:
            session.get_one(Node, registry.nodes["ZX2_PACS"]).state = "down"
    client.post(f"{page}/abandon", data=seen_in(client, page, f"{page}/abandon") | {"reason": "on a disc"})
    assert commands(database)[-1].payload == {"reason": "on a disc", "seen": "sent"}


def test_nor_is_it_sent_elsewhere_once_it_goes_again(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    ((only, reference),) = waiting(database, registry)
    decided(database, registry, only, "sent", "sent", "", before="sending")
    change(database, only, fault="ZX2_PACS does not answer.")
    page = f"/transactions/{reference}"
    sent = seen_in(client, page, f"{page}/abandon") | {"reason": "on a disc"}
    decided(database, registry, only, "found-missing", "sending", "", before="sent")
    client.post(f"{page}/abandon", data=sent)
    assert "Too late:" in client.get(page).text
    assert commands(database) == []
