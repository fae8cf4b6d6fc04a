"""With the engine away a decision waits: everybody reads whose it is, nobody contradicts it, and a loser reads why."""

from __future__ import annotations

import re
import threading

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.domain.contracts import CommandKind
from models.outbox import post
from models.queries.decided import contrary_to
from models.tables import OutboxCommand, new_id, now
from temporal.gateway import SAVED
from tests.database import Registry
from tests.web.portal import Gateway, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.waiting import commands, form, release, waiting

OFFICER = "Officer 2 Example (ZX2)"


class Away(Gateway):
    """Carries nothing."""

    def try_now(self, database: Database, command_id: str) -> str:
        return SAVED


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database, Away())


def test_the_page_says_who_decided_and_offers_it_no_more(app: Flask, database: Database, registry: Registry) -> None:
    ((_, reference),) = waiting(database, registry)
    page = f"/transactions/{reference}"
    send(sign_in(app, "officer.zx2"), page, f"{page}/release", filing="as-it-is")
    for username in ("officer.zx2", "clinician.zx2", "officer.zx1"):
        text = sign_in(app, username).get(page).text
        assert re.search(rf"{re.escape(OFFICER)} decided at .*: release the study\. That is saved and goes on", text)
        assert f'action="{page}/' not in text, "nothing else is offered meanwhile"
        assert "Nothing is sent until" not in text
        assert "Whose move" not in text


def test_the_worklist_offers_it_no_more(app: Flask, database: Database, registry: Registry) -> None:
    (first, _), (second, _) = waiting(database, registry, 2)
    client = sign_in(app, "officer.zx2")
    assert release(client, first, **{f"patient_id-{first}": "H123"}).status_code == 303
    text = client.get("/worklist").text
    assert f"{OFFICER} asked to release it" in text
    assert f'id="tick-{first}"' not in text
    assert f'action="/worklist/{first}/refuse' not in text
    assert f'id="tick-{second}"' in text
    release(client, second)
    assert "Release what is ticked" not in client.get("/worklist").text


@pytest.mark.parametrize("act", ["release", "refuse"])
def test_a_contrary_decision_is_refused_with_who_and_when(
    app: Flask, database: Database, registry: Registry, act: str
) -> None:
    ((only, reference),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    sent = form(client) | {"delivery": only, "command": new_id(), "reason": "Not ours."}
    page = f"/transactions/{reference}"
    send(sign_in(app, "officer.zx2"), page, f"{page}/release", filing="as-it-is")
    answer = client.post("/worklist/release" if act == "release" else f"/worklist/{only}/refuse", data=sent)
    text = answer.text if answer.status_code == 422 else client.get("/worklist").text
    assert re.search(rf"Too late: {re.escape(OFFICER)} decided on [^.]*: release the study\. That is saved", text)
    for target in re.findall(r'<a href="#([^"]+)"', answer.text):
        assert f'id="{target}"' in answer.text
    assert len(commands(database)) == 1


def test_a_double_click_is_no_contrary_decision(app: Flask, database: Database, registry: Registry) -> None:
    ((only, _),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    sent = form(client) | {"delivery": only}
    for _ in range(2):
        assert client.post("/worklist/release", data=sent).status_code == 303
    assert len(commands(database)) == 1
    assert "Too late" not in client.get("/worklist").text


def test_of_two_at_the_same_time_one_is_saved(database: Database, registry: Registry) -> None:
    ((only, _),) = waiting(database, registry)
    start, said = threading.Barrier(4), []

    def decide(kind: CommandKind) -> None:
        command_id = new_id()
        start.wait()
        with database.begin() as session:
            first = contrary_to(session, command_id, kind, only, {})
            said.append(first)
            if first is None:
                who = registry.accounts["officer.zx2"]
                post(session, command_id, institution_id="ZX2", kind=kind, subject_id=only, actor=who)

    kinds = (CommandKind.RELEASE_DELIVERY, CommandKind.REFUSE_DELIVERY) * 2
    threads = [threading.Thread(target=decide, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count(None) == len(commands(database)) == 1


def test_whoever_stops_what_is_sent_is_not_kept_from_it(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("sending").reference
    page = f"/transactions/{reference}"
    for username in ("officer.zx1", "officer.zx2"):
        send(sign_in(app, username), page, f"{page}/abandon", reason="The wrong patient.")
    assert len(commands(database)) == 2


def test_the_loser_reads_it_on_the_page_and_nobody_else(app: Flask, database: Database, registry: Registry) -> None:
    ((_, reference),) = waiting(database, registry)
    page = f"/transactions/{reference}"
    send(sign_in(app, "officer.zx2"), page, f"{page}/release", filing="as-it-is")
    with database.begin() as session:
        command = session.scalars(select(OutboxCommand)).one()
        who = registry.accounts["clinician.zx2"]
        command.refusal = f"Too late: it was refused by {who} at 04:05 UTC and is now refused."
        command.delivered_at = now()
    said = r"decided at .*: release the study\. It was not done\. Too late: it was refused by Clinician 2 Example"
    for username in ("officer.zx2", "support.zx3"):
        text = sign_in(app, username).get(page).text
        assert re.search(re.escape(OFFICER) + " " + said, text)
        assert who not in text
        assert "UTC and is now" not in text
    assert "It was not done" not in sign_in(app, "officer.zx1").get(page).text


def test_what_was_done_afterwards_takes_the_refusal_away(app: Flask, database: Database, registry: Registry) -> None:
    ((only, reference),) = waiting(database, registry)
    page = f"/transactions/{reference}"
    client = sign_in(app, "officer.zx2")
    for refusal in ("That local ID belongs to another person.", ""):
        send(client, page, f"{page}/release", filing="as-it-is")
        with database.begin() as session:
            row = session.scalars(select(OutboxCommand).where(OutboxCommand.delivered_at.is_(None))).one()
            row.refusal, row.delivered_at = refusal, now()
        assert ("It was not done" in client.get(page).text) == bool(refusal)
    assert [one.subject_id for one in commands(database)] == [only, only]
