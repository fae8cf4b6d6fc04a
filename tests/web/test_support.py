"""The support desk: what it lists and tells; and never a patient."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import select

from dicom_edge.admission import Reason
from models.db import Database
from models.domain.contracts import CommandKind
from models.domain.decision_words import ASKED
from models.domain.lifecycles.request import State as RequestState
from models.domain.trouble import Happening, Trouble, Troubled
from models.domain.turned_away import WHY
from models.tables import (
    Account,
    Arrival,
    Delivery,
    OutboxCommand,
    Rejection,
    Worklist,
    new_id,
    now,
)
from tests.database import Registry
from tests.web.portal import make, send, sign_in
from tests.web.seeded import ARRIVAL_WAYS, DELIVERY_WAYS, Seed
from tests.web.seeded_requests import add_request
from tests.web.support_desk import Recovery, app, gateway, look_for, parked, part_of, recovery
from web.times import with_local_times

__all__ = ["app", "gateway", "parked", "recovery"]

OF_AGNES = ("Agnes", "EXAMPLE,", "February 1951", "ZX1-0042", "9990000018", "999 000 0018", "A1000042", "CT head")


# What is listed and told


def test_the_desk_lists_what_waits_with_its_age(
    app: Flask, database: Database, registry: Registry, recovery: Recovery, parked: str
) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        held = seed.arrival("held").reference
        urgent = seed.delivery("differs-at-destination", urgency="urgent").reference
        seed.held_object("ZX1", institution_id=None, sentence="Nobody knows this sender.")
        command = OutboxCommand(
            id=new_id(), institution_id="ZX2", kind=CommandKind.RELEASE_DELIVERY, subject_id="x", actor="exchange",
            created_at=now() - timedelta(hours=3), next_try_at=now(), tried=7,
        )  # fmt: skip
        session.add(command)
    delivery = part_of(database, parked, Delivery)
    recovery.troubled = (Troubled(f"delivery-{delivery}", Trouble.TASKS_FAIL, now() - timedelta(minutes=9)),)
    page = sign_in(app, "support.zx3").get("/support").text
    assert page.index(urgent) < page.index(parked, page.index('id="parked"')), "the most urgent first"
    assert held in page
    for words in ("Tasks fail", "9 min", "Nobody knows this sender.", "tried 7 times", "2 parked, 1 in trouble"):
        assert words in page


def test_who_was_turned_away_at_the_door_is_listed_with_what_to_do(app: Flask, database: Database) -> None:
    at = now() - timedelta(minutes=9)
    with database.begin() as session:
        for minute in range(3):
            said = {"called_ae_title": "IEP_ZX2", "address": "127.0.0.9", "reason": "calling-ae-title-unknown"}
            session.add(Rejection(calling_ae_title="NEWCT", at=at - timedelta(minutes=minute), **said))
        session.add(Rejection(calling_ae_title="OLDCT", at=at - timedelta(days=8), **said))
    page = sign_in(app, "support.zx3").get("/support").text
    shown = page[page.index('id="turned-away"') : page.index('id="commands"')]
    for words in ("NEWCT", "127.0.0.9", "IEP_ZX2", "register it", "9 min ago; in 3 minutes"):
        assert words in shown
    assert shown.count("NEWCT") == 1
    assert "OLDCT" not in shown


def test_every_reason_of_the_door_has_words() -> None:
    assert set(WHY) == set(Reason)


def test_a_refused_decision_is_told_with_its_reference_in_words_and_local_time(
    app: Flask, database: Database, parked: str
) -> None:
    delivery, at = part_of(database, parked, Delivery), now() - timedelta(hours=2)
    told = {
        CommandKind.RELEASE_DELIVERY: (delivery, "Too late: released at 13:02 UTC."),
        CommandKind.RUN_AGAIN: (f"delivery-{delivery}", "That has ended by itself."),
    }
    with database.begin() as session:
        account = session.scalars(select(Account).where(Account.username == "officer.zx2")).one()
        for kind, (subject_id, refusal) in told.items():
            session.add(
                OutboxCommand(
                    id=new_id(), institution_id="ZX2", kind=kind, subject_id=subject_id, actor=account.id,
                    created_at=at, next_try_at=at, delivered_at=at, refusal=refusal,
                )
            )  # fmt: skip
    page = sign_in(app, "support.zx3").get("/support").text
    rows = page[page.index('id="commands"') : page.index('id="notes"')]
    assert rows.count(f'href="/support/{parked}"') == 2
    assert delivery not in rows, "no raw id"
    local = at.astimezone(ZoneInfo("Europe/London"))
    for words in ("Release the study", "Run it again", "Officer 2 Example (ZX2)", f"{local:%H:%M}</time>"):
        assert words in rows, words
    clock = with_local_times("at 13:02 UTC", "Europe/London", now())
    assert f"Too late: released {clock}." in rows


def test_every_command_has_words() -> None:
    assert set(ASKED) == set(CommandKind)


def test_the_desk_and_what_is_found_name_times_as_the_page_does(app: Flask, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    sentence = re.search(r'<p class="iep-lead">(.*?)</p>', client.get(f"/support/{parked}").text)
    assert sentence
    assert " Since " in sentence[1]
    assert sentence[1] in client.get("/support").text
    assert sentence[1] in look_for(client, sought="999 000 0018", reason="Nothing else is known.").text
    assert sentence[1] in look_for(client, sought="storescu").text


def test_without_the_engine_the_desk_shows_our_own_records(app: Flask, recovery: Recovery, parked: str) -> None:
    recovery.is_away = True
    client = sign_in(app, "support.zx3")
    assert "The engine is not answering" in client.get("/support").text
    page = client.get(f"/support/{parked}").text
    assert "The engine is not answering" in page
    assert "Delivery parked" in page


def test_the_timeline_is_one_list_of_words(app: Flask, database: Database, recovery: Recovery, parked: str) -> None:
    delivery = part_of(database, parked, Delivery)
    recovery.told[f"delivery-{delivery}"] = (
        Happening(now() - timedelta(days=1), "The engine began to work on it."),
        Happening(now(), "Failed 3 times: sending. ZX2_PACS does not answer.", True),
    )
    page = sign_in(app, "support.zx3").get(f"/support/{parked}").text
    course = page[page.index("What happened") :]
    order = ["ZX2_PACS does not answer.", "Delivery parked", "Delivery released", "Arrival routed", "began to work"]
    assert [course.index(words) for words in order] == sorted(course.index(words) for words in order)
    assert "Officer 2 Example (ZX2)" in course


def test_a_line_without_words_is_left_out(app: Flask, database: Database, recovery: Recovery, parked: str) -> None:
    client, fault = sign_in(app, "support.zx3"), '<span class="nhsuk-u-visually-hidden">Fault: </span>'
    before = client.get(f"/support/{parked}").text.count(fault)
    recovery.told[f"delivery-{part_of(database, parked, Delivery)}"] = (Happening(now(), " ", True),)
    assert client.get(f"/support/{parked}").text.count(fault) == before == 1


def test_what_is_offered_first_to_be_run_again_has_failed_or_is_open(
    app: Flask, database: Database, recovery: Recovery, parked: str
) -> None:
    with database.begin() as session:
        opened, arrival = session.scalars(select(Delivery)).one(), session.scalars(select(Arrival.id)).one()
        second = Worklist(id=new_id(), institution_id="ZX2", name="Second", node_id=opened.node_id, is_default=False)
        session.add(second)
        session.flush()
        ended = Delivery(
            id=new_id(), transaction_id=opened.transaction_id, institution_id=opened.institution_id,
            parcel_id=opened.parcel_id, worklist_id=second.id, node_id=opened.node_id, state="confirmed",
            created_at=now(),
        )  # fmt: skip
        session.add(ended)
        ids = {"open": f"delivery-{opened.id}", "ended": f"delivery-{ended.id}", "failed": f"arrival-{arrival}"}
    client = sign_in(app, "support.zx3")

    def chosen() -> str:
        found = re.search(r'<option value="([^"]*)" selected', client.get(f"/support/{parked}").text)
        assert found
        return found[1]

    assert chosen() == ids["open"]
    recovery.told[ids["failed"]] = (Happening(now(), "The engine gave it up after an error.", True),)
    assert chosen() == ids["failed"]
    recovery.told.clear()
    with database.begin() as session:
        session.get_one(Delivery, opened.id).state = "confirmed"
    assert chosen() == ids["ended"], "only where there is no other"


def test_an_incident_summary_holds_nothing_that_was_entered(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("abandoned").reference
    client, here = sign_in(app, "support.zx3"), f"/support/{reference}"
    send(client, here, f"{here}/disclose", reason="They rang about it.")
    page = client.get(here).text
    text = page[page.index('id="summary"') : page.index("</pre>")]
    assert "Delivery abandoned" in text
    assert "Sent on a disc instead." in page
    assert "Sent on a disc instead." not in text


# Who sees what


def test_no_page_of_support_shows_a_patient(
    app: Flask, database: Database, registry: Registry, recovery: Recovery
) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        references = [seed.arrival(state).reference for state in ARRIVAL_WAYS]
        references += [seed.delivery(state).reference for state in DELIVERY_WAYS]
        asked = [add_request(session, registry, state) for state in RequestState]
        for one in asked:
            one.reminded = 1
        references += [one.transaction.reference for one in asked]
        recovery.troubled = tuple(
            Troubled(f"delivery-{one}", Trouble.FAILED, now()) for one in session.scalars(select(Delivery.id))
        )
    client = sign_in(app, "support.zx3")
    pages = [
        client.get(path).text for path in ("/support", "/support-acts", *(f"/support/{one}" for one in references))
    ]
    pages += [look_for(client, sought=words).text for words in ("STORESCU", "01632 960010")]
    for detail in OF_AGNES:
        for page in pages:
            assert detail not in page, detail


def test_nobody_else_opens_the_desk(app: Flask, parked: str) -> None:
    for username in ("officer.zx1", "clinician.zx1"):
        client = sign_in(app, username)
        for page in ("/support", f"/support/{parked}", "/support/find"):
            assert client.get(page).status_code == 403
        assert 'href="/support"' not in client.get("/").text
    assert sign_in(app, "clinician.zx1").get("/support-acts").status_code == 403


def test_nothing_links_to_the_engine_s_own_pages(app: Flask, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    for page in ("/", "/support", f"/support/{parked}"):
        places = re.findall(r'(?:href|src|action)="([^"]+)"', client.get(page).text)
        assert places
        assert all(place.startswith(("/", "#", "?", "tel:")) for place in places), "all of it is here"
        assert not any("/namespaces/" in place for place in places)


def test_a_part_that_does_not_run_is_told_to_everybody_and_named_to_support(
    database: Database, registry: Registry
) -> None:
    down: list[str] = []
    app = make(database, not_running=lambda: down)
    officer, support = sign_in(app, "officer.zx1"), sign_in(app, "support.zx3")
    told = "A part of the exchange is not running"
    assert told not in officer.get("/").text
    assert "Not running on this host" not in support.get("/support").text
    down.append("transfer-bulk")
    assert told in officer.get("/").text
    assert "transfer-bulk" not in officer.get("/").text
    desk = support.get("/support").text
    assert "Not running on this host: transfer-bulk." in desk
    assert "host: engine." not in desk
    down[:] = ["engine"]
    assert told in officer.get("/").text
    desk = support.get("/support").text
    assert "from this host: engine." in desk
    assert "Not running on this host" not in desk
    assert "nothing is overdue" not in desk
