"""What came in answer to a request and waits, has stopped or was refused: the request says so, and whose move it is."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.domain.lifecycles.request import State
from models.tables import Arrival, Candidate, Delivery, RequestedStudy, now
from tests.database import Registry
from tests.web import portal
from tests.web.portal import send, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_copy, add_request


@pytest.fixture
def app(database: Database) -> Flask:
    return portal.make(database)


def answered(
    database: Database, registry: Registry, delivery: str, state: State = State.ANSWERED, *, refused: bool = False
) -> tuple[str, str]:
    """A request of ZX2 for one study of ZX1, and the reference of what came: in answer, or refused after it was."""
    with database.begin() as session:
        request = add_request(session, registry, state, descriptions=("CT head",))
        came = Seed(session, registry).delivery(delivery, destination="ZX2")
        candidate = add_candidate(session, request.studies[0], came, answers=not refused)
        if refused:
            candidate.dismissed_at = now()
            session.scalars(select(Delivery)).one().state_detail = "Another patient's."
        return f"/transactions/{request.transaction.reference}", came.reference


@pytest.mark.parametrize(
    ("delivery", "said", "move"),
    [
        ("sending", "1 of 1 study came from ZX1; delivery to ZX2 is under way.", ""),
        ("on-worklist", "1 on ZX2&#39;s worklist, its PACS officer releases it.", "ZX2"),
        ("needs-attention", "has stopped, a PACS officer of ZX2 or ZX1 decides.", "ZX2 or ZX1"),
        ("differs-at-destination", "has stopped, a PACS officer of ZX2 or ZX1 decides.", "ZX2 or ZX1"),
    ],
)
def test_whose_move_it_is_with_what_came(
    app: Flask, database: Database, registry: Registry, delivery: str, said: str, move: str
) -> None:
    page, _ = answered(database, registry, delivery)
    client = sign_in(app, "clinician.zx2")
    text = client.get(page).text
    assert said in text
    assert said in client.get("/requests").text
    assert (f"<strong>Whose move:</strong> {move}." in text) if move else ("Whose move" not in text)


def test_what_came_is_on_the_worklist_while_the_rest_is_owed(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.PARTLY_ANSWERED)
        add_candidate(session, request.studies[0], Seed(session, registry).delivery("on-worklist"), answers=True)
        page = f"/transactions/{request.transaction.reference}"
    text = sign_in(app, "officer.zx1").get(page).text
    assert "1 on ZX2&#39;s worklist, its PACS officer releases it. ZX1 still owes the rest" in text


@pytest.mark.parametrize(("delivery", "move"), [("on-worklist", "ZX2"), ("sending", "")])
def test_nothing_is_owed_once_all_has_come(
    app: Flask, database: Database, registry: Registry, delivery: str, move: str
) -> None:
    """The step to "answered" follows by itself, moments later."""
    page, _ = answered(database, registry, delivery, State.PARTLY_ANSWERED)
    text = sign_in(app, "officer.zx1").get(page).text
    assert "1 of 1 study came from ZX1" in text
    assert "still owes" not in text
    assert "The rest follows" not in text
    assert (f"<strong>Whose move:</strong> {move}." in text) if move else ("Whose move" not in text)


def test_what_may_answer_it_is_on_its_way_without_an_act_of_the_source(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.AWAITING_SOURCE)
        page = f"/transactions/{request.transaction.reference}"
    client = sign_in(app, "officer.zx1")
    assert "Nothing is sent until ZX1 acts." in client.get(page).text
    with database.begin() as session:
        study = session.scalars(select(RequestedStudy)).first()
        assert study is not None
        add_candidate(session, study, Seed(session, registry).delivery("sending"))
    text = client.get(page).text
    assert "Nothing more is sent until ZX1 acts." in text
    assert "Nothing is sent" not in text


def test_only_what_is_owed_is_asked_for_again(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.AWAITING_SOURCE)
        there, refused = request.studies
        there.state = "answered"
        add_candidate(session, there, Seed(session, registry).delivery("confirmed"), answers=True)
        candidate = add_candidate(session, refused, Seed(session, registry).delivery("refused"))
        candidate.dismissed_at = now()
        page = f"/transactions/{request.transaction.reference}"
    text = sign_in(app, "officer.zx1").get(page).text
    assert "asks ZX1 for 1 study again, as what came was refused or abandoned." in text


@pytest.mark.parametrize("end", ["refused", "abandoned"])
def test_what_was_refused_stays_in_view_and_is_not_offered(
    app: Flask, database: Database, registry: Registry, end: str
) -> None:
    page, came = answered(database, registry, end, State.AWAITING_SOURCE, refused=True)
    for who in ("clinician.zx2", "officer.zx1"):
        text = sign_in(app, who).get(page).text
        assert "asks ZX1 for 1 study again, as what came was refused or abandoned." in text
        assert f"{came}</a> was {end}: CT head without contrast, 3 May 2026, 6 images: Another patient&#39;s." in text
        assert "It answers this" not in text
    support = sign_in(app, "support.zx3").get(page).text
    assert f"was {end}" in support
    assert "Another patient" not in support


def test_a_push_that_was_refused_before_is_not_offered(app: Flask, database: Database, registry: Registry) -> None:
    page, came = answered(database, registry, "refused", State.AWAITING_SOURCE, refused=True)
    with database.begin() as session:
        candidate = session.scalars(select(Candidate)).one()
        candidate.dismissed_at = None
        chosen = {"requested_study_id": candidate.requested_study_id, "arrival_id": candidate.arrival_id}
    client = sign_in(app, "officer.zx2")
    text = client.get(page).text
    assert f"{came}</a> was refused" in text
    assert "It answers this" not in text
    assert "asks ZX1 for 1 study. " in text
    form = {name: portal.field_of(text, name) for name in ("csrf_token", "command")}
    assert client.post(f"{page}/recognise", data=form | chosen).status_code == 422


def test_what_a_third_forwarded_is_offered(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.AWAITING_SOURCE, descriptions=("CT head",))
        push = Seed(session, registry).delivery("confirmed", destination="ZX3")
        onward = add_copy(session, registry, push, "ZX2")
        onward.kind, onward.institution_id = "forward", "ZX3"
        add_candidate(session, request.studies[0], push)
        page, forwarded = f"/transactions/{request.transaction.reference}", onward.reference
        chosen = {
            "requested_study_id": request.studies[0].id,
            "arrival_id": session.scalars(select(Arrival.id)).one(),
        }
    client = sign_in(app, "clinician.zx2")
    text = client.get(page).text
    assert f"{forwarded}</a> may answer it" in text
    assert send(client, page, f"{page}/recognise", **chosen).status_code == 303


def test_a_study_that_may_answer_is_both_sides_move(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.AWAITING_STUDY, descriptions=("CT head",))
        add_candidate(session, request.studies[0], Seed(session, registry).delivery("on-worklist"))
        page = f"/transactions/{request.transaction.reference}"
    text = sign_in(app, "clinician.zx2").get(page).text
    assert "1 study that may answer it has come: either side says on its page whether it does." in text
    assert "<strong>Whose move:</strong> ZX2 or ZX1." in text
    assert "may answer it: CT head without contrast, 3 May 2026, 6 images" in text
    assert "CT head without" not in sign_in(app, "support.zx3").get(page).text


def test_of_what_was_declined_in_part_nothing_is_on_its_way(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.PARTLY_ANSWERED)
        for study, state in zip(request.studies, ("declined", "wanted"), strict=True):
            study.state = state
        page = f"/transactions/{request.transaction.reference}"
    text = sign_in(app, "clinician.zx2").get(page).text
    assert "comes from ZX1&#39;s PACS it goes to ZX2&#39;s worklist by itself." in text
    assert "on its way" not in text


def test_a_question_is_the_requester_s_to_answer_whatever_has_come(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.AWAITING_REQUESTER, descriptions=("CT head",))
        add_candidate(session, request.studies[0], Seed(session, registry).delivery("on-worklist"))
        page = f"/transactions/{request.transaction.reference}"
    assert "<strong>Whose move:</strong> ZX2." in sign_in(app, "officer.zx1").get(page).text
