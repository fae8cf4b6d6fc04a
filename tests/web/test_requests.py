"""The page and the lists of requests: what each side reads and may do, and how studies and requests are linked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from models.db import Database
from models.domain.lifecycles.request import REQUEST, Event, State
from models.queries.clock import clock_words
from models.tables import ImageRequest, OutboxCommand, RequestedStudy, Transaction, now
from tests.database import Registry
from tests.web.portal import Gateway, field_of, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_copy, add_request
from tests.web.test_pages import inspect
from web.times import with_local_times


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway, dicom_port=11112)


def requested(database: Database, registry: Registry, state: State = State.AWAITING_SOURCE, **more: str) -> str:
    with database.begin() as session:
        return add_request(session, registry, state, **more).transaction.reference  # type: ignore[arg-type]


def commands(database: Database) -> list[OutboxCommand]:
    with database.begin() as session:
        return list(session.scalars(select(OutboxCommand).order_by(OutboxCommand.created_at)))


def test_the_source_reads_what_is_asked_and_how_to_send_it(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry)}"
    text = sign_in(app, "officer.zx1").get(page).text
    inspect(text)
    with database.begin() as session:
        request = session.scalars(select(ImageRequest)).one()
        reminded = clock_words(request.next_reminder_at or now(), "Europe/London", now())
        since = clock_words(request.transaction.state_since, "Europe/London", now())
    words = (
        "ZX2 asks ZX1 for 2 studies. ZX1&#39;s PACS officer accepts, sends, asks back or declines; "
        f"reminded {reminded} unless it answers. Since {since}."
    )
    assert f'<p class="iep-lead">{words}</p>' in text
    for said in (
        *("EXAMPLE, Agnes", "born 3 February 1951", "999 000 0018", "ZX1-0042", "Fell on the stairs yesterday."),
        *("CT head", "CT chest", "3 May 2026", "Accession A1000042", "Dr R Cipient", "01632 960222", "01632 960020"),
        *("Clinician 2 Example (ZX2)", "<code>IEP_ZX2</code>", "port 11112", "<code>IEP:ZX2</code>"),
        *("<strong>0</strong> of <strong>2</strong> studies answered", "<strong>Awaiting source</strong>"),
    ):
        assert said in text, said
    assert "Send it from your PACS" not in sign_in(app, "clinician.zx2").get(page).text


@pytest.mark.parametrize(
    ("act", "kind", "who", "state", "field"),
    [
        ("ask-back", "ask-back-request", "officer.zx1", State.AWAITING_SOURCE, "question"),
        ("reply", "reply-request", "clinician.zx2", State.AWAITING_REQUESTER, "answer"),
        ("decline", "decline-request", "officer.zx1", State.AWAITING_STUDY, "decline_reason"),
        ("withdraw", "withdraw-request", "clinician.zx2", State.AWAITING_STUDY, "withdraw_reason"),
    ],
)
def test_an_act_with_its_words(
    app: Flask, database: Database, registry: Registry, act: str, kind: str, who: str, state: State, field: str
) -> None:
    page = f"/transactions/{requested(database, registry, state)}"
    client = sign_in(app, who)
    for wrong in ("", "x" * 501):
        answer = send(client, page, f"{page}/{act}", reason=wrong)
        assert answer.status_code == 422
        inspect(answer.text)
        assert f'href="#{field}"' in answer.text
        assert wrong in answer.text, "what was typed is not lost"
    assert commands(database) == []
    form = {name: field_of(client.get(page).text, name) for name in ("csrf_token", "command")} | {"seen": state.value}
    for _ in range(2):
        assert client.post(f"{page}/{act}", data=form | {"reason": " Because  of it. "}).headers["Location"] == page
    (command,) = commands(database)
    assert (command.kind, command.payload) == (kind, {"reason": "Because of it.", "seen": state.value})
    with database.begin() as session:
        assert command.subject_id == session.scalars(select(ImageRequest.id)).one()
    assert command.institution_id == "ZX2"


def test_it_is_accepted(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry)}"
    client = sign_in(app, "officer.zx1")
    assert send(client, page, f"{page}/accept").status_code == 303
    assert [(one.kind, one.payload) for one in commands(database)] == [("accept-request", {"seen": "awaiting-source"})]
    assert "Accepted. Now send the study from your PACS." in client.get(page).text


def test_a_question_is_taken_back_by_accepting(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry, State.AWAITING_REQUESTER)}"
    client = sign_in(app, "officer.zx1")
    text = client.get(page).text
    inspect(text)
    assert "Take the question back and accept: we will send it" in text
    assert "Once it knows, by phone too, it takes the question back and accepts" in text
    assert f'action="{page}/accept"' not in sign_in(app, "officer.zx2").get(page).text
    assert send(client, page, f"{page}/accept").status_code == 303
    payload = {"seen": "awaiting-requester"}
    assert [(one.kind, one.payload) for one in commands(database)] == [("accept-request", payload)]


def test_one_study_is_declined(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry)}"
    with database.begin() as session:
        first, second = session.scalars(select(RequestedStudy.id).order_by(RequestedStudy.position))
        other = add_request(session, registry, State.AWAITING_SOURCE).studies[0].id
    client = sign_in(app, "officer.zx1")
    act = f"{page}/decline-study"
    assert send(client, page, act, requested_study_id=other, reason="No more.").status_code == 422
    assert send(client, page, act, requested_study_id=first, reason="").status_code == 422
    assert send(client, page, act, requested_study_id=second, reason="Lost.").status_code == 303
    payload = {"requested_study_id": second, "reason": "Lost.", "seen": "awaiting-source"}
    assert [(one.kind, one.payload) for one in commands(database)] == [("decline-study-request", payload)]


def test_a_request_for_one_study_is_declined_as_a_whole(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        page = f"/transactions/{add_request(session, registry, descriptions=('CT head',)).transaction.reference}"
    text = sign_in(app, "officer.zx1").get(page).text
    assert f'action="{page}/decline"' in text
    assert f'action="{page}/decline-study"' not in text


def test_what_has_come_is_not_declined_any_more(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry)}"
    client = sign_in(app, "officer.zx1")
    form = {name: field_of(client.get(page).text, name) for name in ("csrf_token", "command")}
    with database.begin() as session:
        first = session.scalars(select(RequestedStudy).where(RequestedStudy.position == 1)).one()
        first.state = "answered"
        for row in (session.scalars(select(Transaction)).one(), session.scalars(select(ImageRequest)).one()):
            row.state = "partly-answered"
        chosen = first.id
    assert f'action="{page}/decline"' not in client.get(page).text
    answer = client.post(f"{page}/decline", data=form | {"reason": "No more."})
    assert answer.status_code == 422
    assert "A part of it has come already" in answer.text
    answer = client.post(f"{page}/decline-study", data=form | {"reason": "No more.", "requested_study_id": chosen})
    assert answer.status_code == 422
    assert commands(database) == []


@pytest.mark.parametrize(("state", "act"), [(State.DECLINED, "accept"), (State.FULFILLED, "withdraw")])
def test_what_is_too_late_says_how_it_stands(
    app: Flask, database: Database, registry: Registry, state: State, act: str
) -> None:
    """As after the back button: the form is of a page that was shown before."""
    page = f"/transactions/{requested(database, registry)}"
    client = sign_in(app, "officer.zx1" if act == "accept" else "clinician.zx2")
    form = {name: field_of(client.get(page).text, name) for name in ("csrf_token", "command")}
    with database.begin() as session:
        session.scalars(select(Transaction)).one().state = state.value
        session.scalars(select(ImageRequest)).one().state_detail = "We have no such study."
    assert client.post(f"{page}/{act}", data=form | {"reason": "No more."}).status_code == 303
    assert "Too late: " in client.get(page).text
    assert commands(database) == []


def test_of_two_at_once_the_later_reads_who_and_when(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    page = f"/transactions/{requested(database, registry)}"
    first = registry.accounts["officer.zx1"]
    gateway.answer = f"Too late: it was accepted by {first} at 04:05 UTC and is now awaiting study."
    client = sign_in(app, "clinician.zx2")
    send(client, page, f"{page}/withdraw", reason="Not needed.")
    text = client.get(page).text
    at = with_local_times("04:05 UTC", "Europe/London", now())
    assert f"Too late: it was accepted by Officer 1 Example (ZX1) at {at} and is now awaiting study." in text
    assert first not in text


def test_messages_are_told_in_turn(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry, State.AWAITING_REQUESTER)}"
    text = sign_in(app, "clinician.zx2").get(page).text
    assert "ZX1 asks ZX2 back: With or without contrast? The requester answers." in text
    assert "<strong>Officer 1 Example (ZX1)</strong> asks: With or without contrast?" in text


def test_what_answers_is_linked_both_ways(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        request = add_request(session, registry, State.PARTLY_ANSWERED)
        came, may = seed.delivery("on-worklist"), seed.delivery("confirmed")
        add_candidate(session, request.studies[0], came, answers=True, actor=registry.accounts["officer.zx1"])
        add_candidate(session, request.studies[1], may)
        asked, answered, possible = request.transaction.reference, came.reference, may.reference
    for who in ("officer.zx1", "officer.zx2"):
        client = sign_in(app, who)
        text = " ".join(client.get(f"/transactions/{asked}").text.split())
        inspect(client.get(f"/transactions/{asked}").text)
        came_as = "CT head without contrast, 3 May 2026, 6 images"
        assert f"{answered}</a> answers it: {came_as}, by Officer 1 Example (ZX1)</span>" in text
        assert f"{possible}</a> may answer it: {came_as}</span>" in text
        assert "agrees: NHS number, birth date; <strong>differs: given name</strong>" in text
        for reference, word in ((answered, "Answers"), (possible, "May answer")):
            back = client.get(f"/transactions/{reference}").text
            assert f'<dt>{word}</dt><dd><a class="iep-reference" href="/transactions/{asked}">{asked}</a>' in back


def test_a_held_study_that_may_answer_is_the_source_s_alone(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry)
        held = Seed(session, registry).arrival("held")
        add_candidate(session, request.studies[0], held)
        page, reference = f"/transactions/{request.transaction.reference}", held.reference
    assert reference in sign_in(app, "officer.zx1").get(page).text
    assert reference not in sign_in(app, "officer.zx2").get(page).text


def test_each_requester_is_shown_its_own_copy(app: Flask, database: Database, registry: Registry) -> None:
    """One study answers two requests: it goes to ZX2, and as a copy to ZX3, which learn nothing of each other."""
    with database.begin() as session:
        seed = Seed(session, registry)
        came = seed.delivery("on-worklist")
        copy = add_copy(session, registry, came, "ZX3")
        asked = {}
        for requester in ("ZX2", "ZX3"):
            request = add_request(session, registry, State.PARTLY_ANSWERED, requester=requester)
            add_candidate(session, request.studies[0], came, answers=True)
            asked[requester] = request.transaction.reference
        first, second = came.reference, copy.reference
    for requester, own, other in (("ZX2", first, second), ("ZX3", second, first)):
        client = sign_in(app, f"officer.{requester.lower()}")
        text = client.get(f"/transactions/{asked[requester]}").text
        assert f'href="/transactions/{own}"' in text
        assert other not in text
        page = client.get(f"/transactions/{own}").text
        inspect(page)
        assert f'<dt>Answers</dt><dd><a class="iep-reference" href="/transactions/{asked[requester]}">' in page
        assert "EXAMPLE, Agnes" in page
        assert "6 images on " + requester in page
        strangers = set(asked.values()) - {asked[requester]}
        assert not any(reference in page for reference in (*strangers, other))
        rows = client.get("/transactions").text
        assert own in rows
        assert "CT head without contrast" in rows
    source = sign_in(app, "officer.zx1")
    for requester, own in (("ZX2", first), ("ZX3", second)):
        assert f'href="/transactions/{own}"' in source.get(f"/transactions/{asked[requester]}").text
        page = source.get(f"/transactions/{own}").text
        assert page.count("<dt>Answers</dt>") == 1
        assert asked[requester] in page


def test_support_reads_how_it_stands_and_no_more(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry)}"
    text = sign_in(app, "support.zx3").get(page).text
    assert "ZX2 asks ZX1 for 2 studies" in text
    assert "01632 960222" in text, "whom to ring"
    for secret in ("EXAMPLE", "Agnes", "9990000018", "999 000", "ZX1-0042", "CT head", "A1000042", "Fell on", "3 May"):
        assert secret not in text


def test_a_reminder_that_has_passed_is_not_promised(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry)}"
    with database.begin() as session:
        session.execute(update(ImageRequest).values(next_reminder_at=now() - timedelta(seconds=1)))
    assert "asks back or declines. Since" in sign_in(app, "officer.zx1").get(page).text


@pytest.mark.parametrize("state", State)
def test_only_what_may_expire_says_when(app: Flask, database: Database, registry: Registry, state: State) -> None:
    page = f"/transactions/{requested(database, registry, state)}"
    may_expire = any(at == state and event is Event.EXPIRED for at, event in REQUEST.table)
    assert ("<dt>Expires</dt>" in sign_in(app, "officer.zx1").get(page).text) == may_expire


def test_the_live_part_of_a_request_ends_with_it(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{requested(database, registry)}"
    client = sign_in(app, "officer.zx1")
    facts = field_of(client.get(page).text, "facts")
    assert "hx-swap-oob" not in client.get(f"{page}/live?seen=request.awaiting-source&facts={facts}").text
    with database.begin() as session:
        study = session.scalars(select(RequestedStudy).where(RequestedStudy.position == 1)).one()
        add_candidate(session, study, Seed(session, registry).arrival("held"))
    assert 'id="identity" hx-swap-oob' in client.get(f"{page}/live?seen=request.awaiting-source&facts={facts}").text
    with database.begin() as session:
        session.execute(update(Transaction).where(Transaction.kind == "request").values(state="withdrawn"))
    assert client.get(f"{page}/live").status_code == 286
