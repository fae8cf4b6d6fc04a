"""Acts of support about a delivery: on record, and a second person before or afterwards, who may say no."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.tables import Account, AuditEntry, Institution, Node, OutboxCommand, SupportAct
from tests.database import Registry
from tests.web.portal import Gateway, field_of, send, sign_in
from tests.web.support_desk import app, count, gateway, parked, recovery

__all__ = ["app", "gateway", "parked", "recovery"]


def test_it_is_sent_to_another_node_or_abandoned_on_record(
    app: Flask, database: Database, registry: Registry, parked: str
) -> None:
    with database.begin() as session:
        other = Node(institution_id="ZX2", name="ZX2_SECOND", ae_title="ZX2_SECOND", host="::1", port=104)
        session.add(other)
        session.flush()
        other_id, foreign = other.id, registry.nodes["ZX1_PACS"]
    client = sign_in(app, "support.zx3")
    path = f"/support/{parked}"
    assert f'action="/transactions/{parked}/' not in client.get(f"/transactions/{parked}").text
    assert send(client, path, f"{path}/redirect", reason="It is down.", node_id=foreign).status_code == 422
    send(client, path, f"{path}/redirect", reason="It is down.", node_id=other_id)
    send(client, path, f"{path}/abandon", reason="It is not needed.")
    with database.begin() as session:
        asked = {row.kind: row.payload for row in session.scalars(select(OutboxCommand))}
        acts = {row.kind: row.reason for row in session.scalars(select(SupportAct))}
    assert asked == {
        "redirect-delivery": {"node_id": other_id, "reason": "It is down.", "seen": "needs-attention"},
        "abandon-delivery": {"reason": "It is not needed.", "seen": "needs-attention"},
    }
    assert acts == {"redirect-delivery": "It is down.", "abandon-delivery": "It is not needed."}


def test_a_second_person_may_say_no(app: Flask, database: Database, gateway: Gateway, parked: str) -> None:
    with database.begin() as session:
        session.get_one(Institution, "ZX2").second_person = "before"
    client, path = sign_in(app, "support.zx3"), f"/support/{parked}"
    send(client, path, f"{path}/abandon", reason="It is not needed.")
    officer = sign_in(app, "officer.zx2")
    token = field_of(officer.get("/support-acts").text, "csrf_token")
    with database.begin() as session:
        act_id = session.scalars(select(SupportAct.id)).one()
    for answer in ("refuse", "sign", "refuse"):
        assert officer.post(f"/support-acts/{act_id}/{answer}", data={"csrf_token": token}).status_code == 303
    assert gateway.tried == []
    with database.begin() as session:
        act = session.get_one(SupportAct, act_id)
        assert act.signed_at is not None
        assert act.done_at is None
        assert session.scalars(select(AuditEntry).where(AuditEntry.act == "support.said-no")).one()
        assert session.scalars(select(OutboxCommand)).all() == []
    assert "Not done: " in client.get("/support-acts").text
    assert "Not to be done, said a second person: abandon delivery." in client.get(path).text


def test_what_is_done_is_not_undone_by_a_no(app: Flask, database: Database, parked: str) -> None:
    client, path = sign_in(app, "support.zx3"), f"/support/{parked}"
    send(client, path, f"{path}/abandon", reason="It is not needed.")
    with database.begin() as session:
        act_id = session.scalars(select(SupportAct.id)).one()
    officer = sign_in(app, "officer.zx2")
    page = officer.get("/support-acts").text
    assert "Do not do it" not in page
    officer.post(f"/support-acts/{act_id}/refuse", data={"csrf_token": field_of(page, "csrf_token")})
    assert "Too late: it is done already." in officer.get("/support-acts").text
    with database.begin() as session:
        assert session.get_one(SupportAct, act_id).signed_at is None


def test_a_second_person_first_where_the_institution_wants_that(
    app: Flask, database: Database, gateway: Gateway, parked: str
) -> None:
    with database.begin() as session:
        session.get_one(Institution, "ZX2").second_person = "before"
    client = sign_in(app, "support.zx3")
    send(client, f"/support/{parked}", f"/support/{parked}/resend", reason="It may be mended.")
    assert count(database, OutboxCommand) == 0
    with database.begin() as session:
        act_id = session.scalars(select(SupportAct.id)).one()
    own = client.get("/support-acts").text
    assert f"/support-acts/{act_id}/sign" not in own
    token = field_of(own, "csrf_token")
    client.post(f"/support-acts/{act_id}/sign", data={"csrf_token": token})
    assert "another person signs" in client.get("/support-acts").text
    assert count(database, OutboxCommand) == 0
    officer = sign_in(app, "officer.zx2")
    token = field_of(officer.get("/support-acts").text, "csrf_token")
    for _ in range(2):
        officer.post(f"/support-acts/{act_id}/sign", data={"csrf_token": token})
    assert gateway.tried == [act_id]
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand.id)).one() == act_id
        assert (
            session.get_one(SupportAct, act_id).signed_by
            == session.scalars(select(Account.id).where(Account.username == "officer.zx2")).one()
        )


def test_afterwards_is_signed_by_another_person(app: Flask, database: Database, parked: str) -> None:
    send(sign_in(app, "support.zx3"), f"/support/{parked}", f"/support/{parked}/resend", reason="It may be mended.")
    assert count(database, OutboxCommand) == 1
    another = sign_in(app, "support.zx1")
    page = another.get("/support-acts").text
    assert "1 act of support nobody has signed yet." in page
    with database.begin() as session:
        act_id = session.scalars(select(SupportAct.id)).one()
    another.post(f"/support-acts/{act_id}/sign", data={"csrf_token": field_of(page, "csrf_token")})
    assert "Every act of support has been looked at" in another.get("/support-acts").text
    assert count(database, OutboxCommand) == 1
