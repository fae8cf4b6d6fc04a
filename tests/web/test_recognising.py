"""A study that goes to the requester anyhow and may be what was asked for: either side says that it is."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.domain.lifecycles.request import State
from models.tables import Arrival, Candidate, ImageRequest, OutboxCommand
from tests.database import Registry
from tests.web import portal
from tests.web.portal import send, sign_in
from tests.web.request_form import NEW, form
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_request


@pytest.fixture
def app(database: Database) -> Flask:
    return portal.make(database)


def seeded(database: Database, registry: Registry, destination: str = "ZX2") -> tuple[str, str, str]:
    """A request of ZX2 to ZX1 and a study from there that may answer it: page, requested study, arrival."""
    with database.begin() as session:
        request = add_request(session, registry, State.AWAITING_STUDY)
        may = Seed(session, registry).delivery("confirmed", destination=destination)
        add_candidate(session, request.studies[0], may)
        arrival = session.scalars(select(Arrival.id).where(Arrival.transaction_id == may.id)).one()
        return f"/transactions/{request.transaction.reference}", request.studies[0].id, arrival


@pytest.mark.parametrize("who", ["officer.zx1", "officer.zx2", "clinician.zx2"])
def test_either_side_says_that_it_is_the_study(app: Flask, database: Database, registry: Registry, who: str) -> None:
    page, study, arrival = seeded(database, registry)
    client = sign_in(app, who)
    assert "It answers this" in client.get(page).text
    chosen = {"requested_study_id": study, "arrival_id": arrival}
    assert send(client, page, f"{page}/recognise", **chosen).status_code == 303
    with database.begin() as session:
        (command,) = session.scalars(select(OutboxCommand)).all()
        assert command.kind == "match-request"
        assert command.payload.items() >= chosen.items()


def test_one_that_does_not_go_there_is_not_offered(app: Flask, database: Database, registry: Registry) -> None:
    page, study, arrival = seeded(database, registry, destination="ZX3")
    client = sign_in(app, "officer.zx1")
    assert "It answers this" not in client.get(page).text
    form = {name: portal.field_of(client.get(page).text, name) for name in ("csrf_token", "command")}
    answer = client.post(f"{page}/recognise", data=form | {"requested_study_id": study, "arrival_id": arrival})
    assert answer.status_code == 422
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand)).all() == []


def test_one_that_was_dismissed_is_not_offered(app: Flask, database: Database, registry: Registry) -> None:
    page, study, arrival = seeded(database, registry)
    with database.begin() as session:
        candidate = session.get_one(Candidate, (study, arrival))
        candidate.dismissed_at = candidate.found_at
    assert "It answers this" not in sign_in(app, "officer.zx2").get(page).text


@pytest.mark.parametrize("state", ["on-worklist", "confirmed"])
def test_what_was_pushed_before_the_request_is_offered(
    app: Flask, database: Database, registry: Registry, state: str
) -> None:
    """Somebody rang, the study was pushed, and the request was written last."""
    with database.begin() as session:
        came = Seed(session, registry).delivery(state).reference
    client = sign_in(app, "clinician.zx2")
    page = client.post(NEW, data=form(client)).headers["Location"]
    with database.begin() as session:
        request = session.scalars(select(ImageRequest)).one()
        request.state = request.transaction.state = State.AWAITING_SOURCE.value
    shown = client.get(page).text
    assert "It answers this" in shown
    assert came in shown
    chosen = {name: portal.field_of(shown, name) for name in ("requested_study_id", "arrival_id")}
    assert send(client, page, f"{page}/recognise", **chosen).status_code == 303
    with database.begin() as session:
        kinds = session.scalars(select(OutboxCommand.kind).order_by(OutboxCommand.created_at)).all()
    assert kinds == ["place-request", "match-request"]
