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
from models.tables import OutboxCommand, Transaction, new_id, now
from temporal.gateway import SAVED
from tests.database import Registry
from tests.web.portal import Gateway, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_request
from tests.web.waiting import commands, form, release, waiting

OFFICER = "Officer 2 Example (ZX2)"
SAVED_SO = "That is saved and goes on once the engine answers; nobody needs to act."


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
        said = rf"{re.escape(OFFICER)} decided at [0-9:]+: release the study\. {SAVED_SO}"
        assert re.search(rf'<p class="iep-lead">{said}</p>', text)
        assert len(re.findall("decided at", text)) == 1
        assert f'action="{page}/' not in text, "nothing else is offered meanwhile"
        assert "its PACS officer releases" not in text
        assert "would file it under" not in text, "somebody may have entered another ID"
        assert "Nothing is sent until" not in text
        assert "Whose move" not in text
        assert re.search(said, sign_in(app, username).get("/transactions").text)


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


def test_what_is_decided_needs_nobody(app: Flask, database: Database, registry: Registry) -> None:
    (first, reference), _ = waiting(database, registry, 2)
    client = sign_in(app, "officer.zx2")
    assert "2 need you." in client.get("/").text
    assert "2 wait; the oldest came 14 min ago." in client.get("/worklist").text
    release(client, first, **{f"patient_id-{first}": "H123"})
    assert "1 needs you." in client.get("/").text
    assert reference not in client.get("/transactions?mine=1").text
    text = client.get("/worklist").text
    assert "1 waits; it came 7 min ago." in text or "1 waits; it came 14 min ago." in text
    assert "1 is decided: it goes on by itself once the engine answers." in text
    assert f'id="title-{first}"' in text, "it is still seen"


def test_a_request_that_is_withdrawn_is_no_more_the_source_s_move(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        reference = add_request(session, registry).transaction.reference
    officer, page = sign_in(app, "officer.zx1"), f"/transactions/{reference}"
    assert "1 needs you." in officer.get("/").text
    send(sign_in(app, "clinician.zx2"), page, f"{page}/withdraw", reason="Scanned again here.")
    text = officer.get(page).text
    assert f"withdraw the request. {SAVED_SO}" in text
    assert "accepts, sends, asks back or declines" not in text
    assert "Nothing needs you" in officer.get("/").text


def test_who_declines_one_study_of_a_request_still_owes_the_others(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        request = add_request(session, registry)
        reference, study = request.transaction.reference, request.studies[0].id
    officer, page = sign_in(app, "officer.zx1"), f"/transactions/{reference}"
    send(officer, page, f"{page}/decline-study", requested_study_id=study, reason="We have none.")
    text = officer.get(page).text
    assert "decline one study of the request. That is saved" in text
    assert "accepts, sends, asks back or declines" in text
    assert "nobody needs to act" not in text
    assert "1 needs you." in officer.get("/").text


def test_a_decision_is_told_in_the_words_of_its_button(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        references = [seed.delivery(state).reference for state in ("differs-at-destination", "needs-attention")]
    client = sign_in(app, "officer.zx2")
    for reference, words in zip(references, ("Ask its PACS again", "Send what is missing again"), strict=True):
        page = f"/transactions/{reference}"
        assert words in client.get(page).text
        send(client, page, f"{page}/retry")
        assert f": {words[:1].lower()}{words[1:]}. {SAVED_SO}" in client.get(page).text


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


@pytest.mark.parametrize("then", ["moved on", "the other side decides", "nothing"])
def test_a_refusal_is_told_until_something_comes_of_it(
    app: Flask, database: Database, registry: Registry, then: str
) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("needs-attention").reference
    client, page = sign_in(app, "officer.zx2"), f"/transactions/{reference}"
    send(client, page, f"{page}/retry")
    with database.begin() as session:
        row = session.scalars(select(OutboxCommand)).one()
        row.refusal, row.delivered_at = "It is being asked already.", now()
    assert "It was not done. It is being asked already." in client.get(page).text
    if then == "moved on":
        with database.begin() as session:
            one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
            one.state_since = now()
    if then == "the other side decides":
        send(sign_in(app, "officer.zx1"), page, f"{page}/abandon", reason="It goes by disc.")
    assert ("It was not done" in client.get(page).text) == (then == "nothing")


def test_the_held_desk_offers_it_no_more(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        first, second = (Seed(session, registry).arrival("held").reference for _ in range(2))
    client = sign_in(app, "officer.zx1")
    assert "2 studies wait for a decision" in client.get("/held").text
    send(client, "/held", f"/transactions/{first}/refuse-held", reason="Sent by mistake.")
    text = client.get("/held").text
    assert "1 study waits for a decision" in text
    assert "1 is decided: it goes on by itself once the engine answers." in text
    words = " ".join(re.sub("<[^>]*>", "", text).split())
    assert re.search(rf"Officer 1 Example \(ZX1\) decided at [0-9:]+: [^.]*\. {SAVED_SO}", words)
    assert f'action="/transactions/{first}/' not in text
    assert f'action="/transactions/{second}/assign"' in text
    send(client, "/held", f"/transactions/{second}/refuse-held", reason="Sent by mistake.")
    assert "No study needs you." in client.get("/held").text
