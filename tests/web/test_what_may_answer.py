"""Which studies may answer which requests, as pages say it: not what has ended, and by hand only what is held."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from models.db import Database
from models.domain.lifecycles.request import State
from models.tables import OutboxCommand, new_id
from tests.database import Registry
from tests.web.portal import field_of, make, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_request


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


@pytest.mark.parametrize("state", [State.DECLINED, State.WITHDRAWN, State.EXPIRED])
def test_what_has_ended_wants_nothing_any_more(
    app: Flask, database: Database, registry: Registry, state: State
) -> None:
    with database.begin() as session:
        request = add_request(session, registry, state)
        may = Seed(session, registry).delivery("on-worklist")
        add_candidate(session, request.studies[0], may)
        asked, came = request.transaction.reference, may.reference
    for who in ("officer.zx1", "officer.zx2"):
        client = sign_in(app, who)
        text = client.get(f"/transactions/{asked}").text
        assert "Wanted" not in text
        assert "may answer" not in text
        assert state.value.capitalize() in text
        assert state is not State.EXPIRED or "Expired: it was not sent in time. ZX2 may ask again" in text
        assert asked not in client.get(f"/transactions/{came}").text
    assert "May answer" not in sign_in(app, "officer.zx2").get("/worklist").text


def test_a_study_is_matched_by_a_person_only_while_it_is_held(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        request = add_request(session, registry)
        settled = Seed(session, registry).arrival("settled")
        add_candidate(session, request.studies[0], settled)
        path, study = f"/transactions/{settled.reference}", request.studies[0].id
    client = sign_in(app, "officer.zx1")
    page = client.get(path).text
    assert f'action="{path}/match"' not in page
    form = {"csrf_token": field_of(page, "csrf_token"), "command": new_id(), "requested_study_id": study}
    assert client.post(f"{path}/match", data=form).status_code == 303
    assert "Too late: " in client.get(path).text
    with database.begin() as session:
        assert session.scalar(select(func.count()).select_from(OutboxCommand)) == 0
