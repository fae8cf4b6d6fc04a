"""Where images and their report are asked for, every page says which of them it means."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from models.db import Database
from models.domain.lifecycles.request import State
from tests.database import Registry
from tests.web.portal import Gateway, make, send, sign_in
from tests.web.request_form import NEW, form, requests
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_request
from tests.web.test_pages import inspect

ONE = ("CT head",)


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database, Gateway(), dicom_port=11112)


def text_of(app: Flask, who: str, path: str) -> str:
    text = sign_in(app, who).get(path).text
    inspect(text)
    return " ".join(text.split())


def test_the_page_and_the_lists_count_both(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.PARTLY_ANSWERED, descriptions=ONE, with_reports=True)
        reference = request.transaction.reference
    text = text_of(app, "officer.zx1", f"/transactions/{reference}")
    for said in (
        "1 of 1 study and 0 of 1 report answered; ZX1 still owes the rest",
        "<strong>1</strong> of <strong>2</strong> studies and reports answered",
        "<span>CT head</span>",
        "<span>Report of CT head</span>",
        "A report comes as a DICOM document",
        "Which of them is not sent?",
        ">Report of CT head</option>",
    ):
        assert said in text, said
    assert ">CT head</option>" not in text, "its images came"
    listed = text_of(app, "officer.zx1", "/transactions")
    assert "CT head and its report" in listed
    assert "1 study and its report</span>" in listed


def test_the_report_alone_is_declined(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, descriptions=ONE, with_reports=True)
        page, report = f"/transactions/{request.transaction.reference}", request.studies[1].id
    client = sign_in(app, "officer.zx1")
    answer = send(client, page, f"{page}/decline-study", requested_study_id=report, reason="Not written yet.")
    assert answer.status_code == 303
    with database.begin() as session:
        session.get_one(type(request.studies[1]), report).state = "declined"
    assert "ZX2 asks ZX1 for 1 study." in client.get(page).text


def test_what_may_be_both_is_one_choice_on_the_held_desk(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        held = Seed(session, registry).arrival("held")
        both = add_request(session, registry, descriptions=ONE, with_reports=True)
        report = add_request(session, registry, descriptions=ONE, with_reports=True)
        for study in (*both.studies, report.studies[1]):
            add_candidate(session, study, held)
        reference = held.reference
    for path in ("/held", f"/transactions/{reference}"):
        text = text_of(app, "officer.zx1", path)
        assert re.search("Two requests fit; choose.|2 requests may be about it; choose.", text), path
        for said in ("CT head and its report", "Report of CT head"):
            assert text.count(said) >= 1, said
    unseen = text_of(app, "support.zx3", "/held")
    assert "CT head" not in unseen
    assert "Report of CT<" in unseen


def test_the_worklist_says_what_of_a_request_it_answers(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        came = Seed(session, registry).delivery("on-worklist")
        request = add_request(session, registry, State.PARTLY_ANSWERED, descriptions=ONE, with_reports=True)
        add_candidate(session, request.studies[0], came, answers=True)
        add_candidate(session, request.studies[1], came)
        asked = request.transaction.reference
    text = text_of(app, "officer.zx2", "/worklist")
    assert f"{asked}</a>: CT head, call back" in text
    assert f"{asked}</a>: Report of CT head, for Dr R Cipient" in text


def test_asked_again_it_is_both_of_one_study(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry, State.EXPIRED, descriptions=ONE, with_reports=True)
        reference = request.transaction.reference
    text = text_of(app, "clinician.zx2", f"/requests/new?again={reference}")
    assert text.count('value="CT head"') == 1
    assert re.search(r'value="both"[^>]* checked', text)


def test_what_is_open_already_is_said_in_words(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        add_request(session, registry, State.AWAITING_STUDY, descriptions=ONE, with_reports=True)
    client = sign_in(app, "clinician.zx2")
    answer = client.post(NEW, data=form(client))
    assert answer.status_code == 422
    assert "(CT head and its report)" in answer.text
    assert len(requests(database)) == 1


@pytest.mark.parametrize(
    ("wants", "rows"), [("images", ["images"]), ("report", ["report"]), ("both", ["images", "report"])]
)
def test_the_form_asks_for_either_or_both(
    app: Flask, database: Database, registry: Registry, wants: str, rows: list[str]
) -> None:
    client = sign_in(app, "clinician.zx2")
    assert client.post(NEW, data=form(client, wants=wants)).status_code == 303
    (request,) = requests(database)
    assert [row.wants for row in request.studies] == rows
