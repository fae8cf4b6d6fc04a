"""Asking again: from a request that has ended to a form that says the same, for its own people only."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.domain.lifecycles.request import State
from models.tables import ImageRequest
from tests.database import Registry
from tests.web.portal import Gateway, make, sign_in
from tests.web.seeded_requests import add_request
from tests.web.test_requests import requested


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database, Gateway(), dicom_port=11112)


@pytest.mark.parametrize("state", [State.FULFILLED, State.DECLINED, State.WITHDRAWN, State.EXPIRED])
def test_an_ended_request_leads_to_a_form_that_says_the_same(
    app: Flask, database: Database, registry: Registry, state: State
) -> None:
    reference = requested(database, registry, state)
    person = sign_in(app, "clinician.zx2")
    link = re.search(rf'href="(/requests/new\?again={reference})"', person.get(f"/transactions/{reference}").text)
    assert link
    form = person.get(link[1]).text
    for said in ("999 000 0018", "EXAMPLE", "3 February 1951", "CT head", "CT chest", "Dr R Cipient", "01632 960222"):
        assert f'value="{said}"' in form, said
    assert "Fell on the stairs yesterday." not in form, "why it is asked again is for a person to say"


def test_one_that_is_open_is_not_asked_again(app: Flask, database: Database, registry: Registry) -> None:
    page = sign_in(app, "clinician.zx2").get(f"/transactions/{requested(database, registry)}").text
    assert "again=" not in page


def test_nobody_else_reads_it(app: Flask, database: Database, registry: Registry) -> None:
    reference = requested(database, registry, State.FULFILLED)
    source = sign_in(app, "clinician.zx1")
    assert "again=" not in source.get(f"/transactions/{reference}").text
    assert "999 000 0018" not in source.get(f"/requests/new?again={reference}").text


def test_earlier_studies_are_a_tick_again(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.EXPIRED, descriptions=("CT head",))
        request.studies[0].is_prior = True
        reference = request.transaction.reference
        assert session.scalars(select(ImageRequest)).one().id == request.id
    form = sign_in(app, "clinician.zx2").get(f"/requests/new?again={reference}").text
    assert re.search(r'id="priors"[^>]* checked', form)
