"""Signing in and out: what a session is, what ends it, and what a stranger learns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from models.db import Database
from models.passwords import hash_password, is_right, weakness
from models.tables import Account, AuditEntry, WebSession, now
from tests.database import PASSWORD, Registry
from tests.web.portal import field_of, make, sign_in, try_to_sign_in
from web.account.sign_in import MOST_FAILURES, WRONG
from web.sessions import ABSOLUTE, IDLE


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def acts(database: Database) -> list[str]:
    with database.begin() as session:
        return list(session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(app: Flask, database: Database) -> None:
    answer = try_to_sign_in(app.test_client(), "officer.zx1", PASSWORD)
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    token = cookie.split(";")[0].removeprefix("session=")
    with database.begin() as session:
        assert token not in session.scalars(select(WebSession.token_sha256)).all(), "the database holds a hash only"
    assert acts(database) == ["account.signed-in"]


def test_over_https_every_cookie_is_secure_and_bound_to_the_host(database: Database, registry: Registry) -> None:
    client = make(database, secure_cookies=True).test_client()
    token = field_of(client.get("/sign-in", base_url="https://localhost").text, "csrf_token")
    answer = client.post(
        "/sign-in",
        base_url="https://localhost",
        headers={"Referer": "https://localhost/sign-in"},
        data={"csrf_token": token, "username": "officer.zx1", "password": PASSWORD},
    )
    assert answer.status_code == 303
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(cookie.startswith("__Host-session=") for cookie in cookies)
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "Domain" not in cookie


def test_signing_out_ends_the_session_wherever_its_cookie_is(app: Flask, database: Database) -> None:
    client = sign_in(app, "officer.zx1")
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert (
        client.post("/sign-out", data={"csrf_token": field_of(client.get("/").text, "csrf_token")}).status_code == 303
    )
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    assert thief.get("/").status_code == 303
    assert acts(database)[-1] == "account.signed-out"


def test_every_sign_in_has_a_token_of_its_own(app: Flask) -> None:
    tokens = {str(sign_in(app, "officer.zx1").get_cookie("session")) for _ in range(3)}
    assert len(tokens) == 3


@pytest.mark.parametrize("column", ["last_seen_at", "created_at"])
def test_a_session_runs_out(app: Flask, database: Database, column: str) -> None:
    client = sign_in(app, "officer.zx1")
    long_ago = now() - {"last_seen_at": IDLE, "created_at": ABSOLUTE}[column]
    with database.begin() as session:
        session.execute(update(WebSession).values({column: long_ago + timedelta(seconds=30)}))
    assert client.get("/transactions").status_code == 200
    with database.begin() as session:
        session.execute(update(WebSession).values({column: long_ago - timedelta(seconds=30)}))
    assert client.get("/transactions").status_code == 303


def test_what_a_page_fetches_by_itself_keeps_nobody_signed_in(app: Flask, database: Database) -> None:
    client = sign_in(app, "officer.zx1")
    before = now() - timedelta(minutes=10)
    with database.begin() as session:
        session.execute(update(WebSession).values(last_seen_at=before))
    assert client.get("/live", headers={"HX-Request": "true"}).status_code == 200
    with database.begin() as session:
        assert session.scalars(select(WebSession.last_seen_at)).one() == before
    client.get("/")
    with database.begin() as session:
        assert session.scalars(select(WebSession.last_seen_at)).one() > before


def test_a_closed_account_is_signed_out_at_once(app: Flask, database: Database) -> None:
    client = sign_in(app, "officer.zx1")
    with database.begin() as session:
        session.execute(update(Account).values(active=False))
    assert client.get("/").status_code == 303
    assert try_to_sign_in(app.test_client(), "officer.zx1", PASSWORD).status_code == 401


def test_a_stranger_learns_nothing(app: Flask, database: Database) -> None:
    client = app.test_client()
    for username in ("officer.zx1", "nobody"):
        answer = try_to_sign_in(client, username, "wrong")
        assert answer.status_code == 401
        assert WRONG in answer.text
        assert username not in answer.text
    with database.begin() as session:
        told = session.execute(select(AuditEntry.actor, AuditEntry.act, AuditEntry.subject)).all()
    assert [act for _, act, _ in told] == ["account.sign-in-failed"] * 2
    assert "nobody" not in str(told), "what was typed may have been a password"


def test_ten_failures_lock_the_account_and_say_nothing_of_it(app: Flask, database: Database) -> None:
    client = app.test_client()
    for _ in range(MOST_FAILURES):
        assert try_to_sign_in(client, "officer.zx1", "wrong").status_code == 401
    answer = try_to_sign_in(client, "officer.zx1", PASSWORD)
    assert answer.status_code == 401
    assert WRONG in answer.text
    assert acts(database).count("account.locked") == 1
    with database.begin() as session:
        session.execute(update(Account).values(locked_until=now() - timedelta(seconds=1)))
    assert try_to_sign_in(client, "officer.zx1", PASSWORD).status_code == 303


def test_tries_from_one_address_are_limited(database: Database, registry: Registry) -> None:
    client = make(database, sign_in_tries="3 per minute").test_client()
    codes = [try_to_sign_in(client, f"nobody{n}", "wrong").status_code for n in range(4)]
    assert codes == [401, 401, 401, 429]


def test_where_one_wanted_to_go(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/held").headers["Location"] == "/sign-in?next=/held"
    assert 'name="next" value="/held"' in client.get("/sign-in?next=/held").text
    for foreign in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = try_to_sign_in(app.test_client(), "officer.zx1", PASSWORD, next=foreign)
        assert answer.headers["Location"] == "/"
    assert try_to_sign_in(client, "officer.zx1", PASSWORD, next="/held").headers["Location"] == "/held"


def test_the_last_sign_in_is_told(app: Flask) -> None:
    assert "You last signed in" not in sign_in(app, "officer.zx1").get("/").text
    assert "You last signed in" in sign_in(app, "officer.zx1").get("/").text


def test_passwords() -> None:
    assert weakness("short") != ""
    assert weakness("passwordpassword") != ""
    assert weakness("officerofficerzx1", ["officer zx1"]) != ""
    assert weakness("x" * 300) != ""
    assert weakness("plinth osprey marmalade quay " * 4) == "", "long ones are looked at in part"
    kept = hash_password("plinth osprey marmalade quay")
    assert kept.startswith("$argon2id$")
    assert is_right(kept, "plinth osprey marmalade quay")
    assert not is_right(kept, "plinth osprey marmalade key")
    assert not is_right(None, "the password of nobody")
    composed, decomposed = "caf\u00e9 osprey marmalade", "cafe\u0301 osprey marmalade"
    assert is_right(hash_password(composed), decomposed)


def test_behind_a_proxy_each_person_s_tries_count_for_themselves(database: Database, registry: Registry) -> None:
    for proxies, expected in ((1, [401, 401, 401, 401]), (0, [401, 401, 401, 429])):
        client = make(database, sign_in_tries="3 per minute", trusted_proxies=proxies).test_client()
        token = field_of(client.get("/sign-in").text, "csrf_token")
        form = {"csrf_token": token, "username": "nobody", "password": "wrong"}
        codes = [
            client.post("/sign-in", data=form, headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
            for n in range(4)
        ]
        assert codes == expected


def test_a_form_from_before_signing_out_says_so_and_leads_back(app: Flask) -> None:
    client = sign_in(app, "officer.zx1")
    token = field_of(client.get("/").text, "csrf_token")
    client.post("/sign-out", data={"csrf_token": token})
    for headers, code in (({}, 303), ({"HX-Request": "true"}, 401)):
        answer = client.post(
            "/worklist/release", data={"csrf_token": token}, headers={"Referer": "http://localhost/held", **headers}
        )
        assert answer.status_code == code
        assert answer.headers["HX-Redirect" if headers else "Location"] == "/sign-in?next=/held"
    assert "You were signed out, so nothing was sent." in client.get("/sign-in").text
