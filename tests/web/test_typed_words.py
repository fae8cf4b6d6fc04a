"""What people of the Institutions typed may name the patient: support reads it only after giving a reason."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, update

from models.db import Database
from models.domain.identity import PatientFacts
from models.domain.lifecycles.request import State
from models.tables import Arrival, Delivery, ImageRequest, Transaction, TransitionRow
from tests.database import Registry
from tests.web.portal import field_of, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_request

TYPED = "It is Agnes Example, born on the third."


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def seeded(database: Database, registry: Registry, what: str, state: str) -> str:
    """The reference of a transaction in whose state a person has typed something."""
    with database.begin() as session:
        if what == "request":
            one = add_request(session, registry, State(state)).transaction
        else:
            seed = Seed(session, registry)
            one = seed.delivery(state) if what == "delivery" else seed.arrival(state)
        table = {"request": ImageRequest, "delivery": Delivery, "arrival": Arrival}[what]
        session.execute(update(table).values(state_detail=TYPED))
        own = TransitionRow.transaction_id == one.id, TransitionRow.actor != "exchange"
        session.execute(update(TransitionRow).where(*own).values(detail=TYPED))
        return session.get_one(Transaction, one.id).reference


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("request", "awaiting-requester"),
        ("request", "declined"),
        ("request", "withdrawn"),
        ("delivery", "refused"),
        ("delivery", "abandoned"),
        ("arrival", "refused"),
    ],
)
def test_support_reads_no_typed_word_before_it_gave_a_reason(
    app: Flask, database: Database, registry: Registry, what: str, state: str
) -> None:
    reference = seeded(database, registry, what, state)
    support = sign_in(app, "support.zx3")
    pages = ("/", "/transactions", f"/transactions/{reference}", "/support", f"/support/{reference}")
    for page in (*pages, f"/transactions/{reference}/live"):
        assert "Agnes" not in support.get(page).text, page
    assert TYPED in sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text, "the Institutions read it"
    here = f"/support/{reference}"
    send(support, here, f"{here}/disclose", reason="They rang about it.")
    assert TYPED in support.get(here).text


NAMED = PatientFacts("ZX1-0042", "", "TESTFAMILY^Agnes^^Mrs", "19510203", "F", (("9990000018", "NHS"),))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("It is Mrs Testfamily's.", "family name"),
        ("Agnes has moved.", "given name"),
        ("Born 3 Feb 1951.", "birth date"),
        ("It is ZX1-0042 of ours.", "Patient ID"),
        ("It is 999 000 0018.", "NHS number"),
    ],
)
def test_no_reason_names_the_patient(
    app: Flask, database: Database, registry: Registry, words: str, named: str
) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        parked = seed.delivery("needs-attention", patient=NAMED).reference
        listed = seed.delivery("on-worklist", patient=NAMED)
        waiting = session.scalars(select(Delivery.id).where(Delivery.transaction_id == listed.id)).one()
        kept = seed.held_object("ZX1")
        kept.arrival_id = session.scalars(select(Arrival.id).where(Arrival.transaction_id == listed.id)).one()
        request = add_request(session, registry, State.AWAITING_SOURCE)
        request.family_name, request.given_name, request.birth_date = "Testfamily", "Agnes", "19510203"
        request.source_patient_id = "ZX1-0042"
        asked, listed_reference, kept_id = request.transaction.reference, listed.reference, kept.id
    stranger = sign_in(app, "officer.zx3")
    form = {"csrf_token": field_of(stranger.get("/held").text, "csrf_token"), "outcome": "kept-apart", "reason": words}
    expected = 422 if named == "NHS number" else 404
    assert stranger.post(f"/held/{kept_id}/resolve", data=form).status_code == expected, "a stranger learns nothing"
    officer, other = (sign_in(app, one) for one in ("officer.zx1", "officer.zx2"))
    for client, page, action, more in (
        (officer, f"/transactions/{asked}", f"/transactions/{asked}/decline", {}),
        (officer, f"/transactions/{asked}", f"/transactions/{asked}/ask-back", {}),
        (officer, f"/transactions/{parked}", f"/transactions/{parked}/abandon", {}),
        (officer, "/held", f"/held/{kept_id}/resolve", {"outcome": "kept-apart"}),
        (other, f"/transactions/{listed_reference}", f"/transactions/{listed_reference}/refuse", {}),
        (other, "/worklist", f"/worklist/{waiting}/refuse", {}),
    ):
        answer = send(client, page, action, reason=words, **more)
        assert answer.status_code == 422, action
        assert f"without the {named}; the page says already whom it is about." in answer.text, action
        assert "Do not name the patient: give " in answer.text


@pytest.mark.parametrize("words", ["It is Mrs Testfamily's.", "Agnes, born 3 Feb 1951.", "It is ZX1-0042 of ours."])
def test_support_does_not_find_out_by_guessing(app: Flask, database: Database, registry: Registry, words: str) -> None:
    """What is refused would say that the guess is right; an NHS number is refused whosever it is."""
    with database.begin() as session:
        parked = Seed(session, registry).delivery("needs-attention", patient=NAMED).reference
    support, here = sign_in(app, "support.zx3"), f"/support/{parked}"
    assert send(support, here, f"{here}/note", reason=words, text=words).status_code == 303
    answer = send(support, here, f"{here}/abandon", reason="It is 999 000 0018.")
    assert answer.status_code == 422
    assert "Do not name the patient: give a reason without the NHS number" in answer.text
