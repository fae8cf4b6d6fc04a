"""Who is signed in: a random token in a cookie, its hash in the database, so that signing out ends the session."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request, Response
from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session, joinedload

from models.domain.permissions import Role
from models.queries.viewer import Viewer
from models.tables import Account, WebSession, now
from web.here import here

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
COOKIE = "session"


@dataclass(frozen=True)
class Person:
    """The account behind a request. The properties are those that Flask-Login asks for."""

    id: str
    name: str
    institution_name: str
    time_zone: str
    viewer: Viewer
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        return self.id


def cookie_name(secure: bool) -> str:
    """Browsers accept the prefix only with Secure, Path=/ and no Domain: another host cannot plant such a cookie."""
    return f"__Host-{COOKIE}" if secure else COOKIE


def open_session(session: Session, account: Account, response: Response) -> None:
    """A new session, with a token of its own; sessions that have run out are forgotten."""
    token, at = secrets.token_urlsafe(32), now()
    # Longer than anybody leaves a form open: what was typed meanwhile is still kept for whoever typed it.
    session.execute(delete(WebSession).where(_ended(at - ABSOLUTE)))
    session.add(
        WebSession(
            token_sha256=_hashed(token),
            account_id=account.id,
            institution_id=account.institution_id,
            created_at=at,
            last_seen_at=at,
        )
    )
    secure = here().secure_cookies
    response.set_cookie(cookie_name(secure), token, secure=secure, httponly=True, samesite="Lax", path="/")


def end_session(session: Session, request: Request, response: Response) -> None:
    """The token opens nothing any more, wherever it has been copied to."""
    secure = here().secure_cookies
    token = request.cookies.get(cookie_name(secure), "")
    session.execute(delete(WebSession).where(WebSession.token_sha256 == _hashed(token)))
    response.delete_cookie(cookie_name(secure), secure=secure, httponly=True, samesite="Lax", path="/")


def person_of(request: Request) -> Person | None:
    """Who sent `request`; None when its session has ended. What a page fetches by itself does not keep it alive.

    What it posts by itself does: somebody is typing.
    """
    token = request.cookies.get(cookie_name(here().secure_cookies))
    if not token:
        return None
    at = now()
    with here().database.begin() as session:
        found = session.scalars(
            select(WebSession)
            .where(WebSession.token_sha256 == _hashed(token), ~_ended(at))
            .options(joinedload(WebSession.account).joinedload(Account.institution))
        ).one_or_none()
        if found is None or not found.account.active:
            return None
        if (request.method == "POST" or "HX-Request" not in request.headers) and at - found.last_seen_at > SEEN_EVERY:
            found.last_seen_at = at
        return _person(found.account)


def account_that_ended(request: Request) -> Account | None:
    """Whose session it was that has ended by itself, and that the browser still shows; None after signing out."""
    token = request.cookies.get(cookie_name(here().secure_cookies))
    if not token:
        return None
    with here().database.begin() as session:
        found = session.scalars(
            select(WebSession).where(WebSession.token_sha256 == _hashed(token)).options(joinedload(WebSession.account))
        ).one_or_none()
        return found.account if found is not None and found.account.active else None


def _person(account: Account) -> Person:
    return Person(
        id=account.id,
        name=account.display_name,
        institution_name=account.institution.name,
        time_zone=account.institution.time_zone,
        viewer=Viewer(account.institution_id, Role(account.role), account.institution.time_zone),
    )


def _ended(at: datetime) -> ColumnElement[bool]:
    return or_(WebSession.last_seen_at < at - IDLE, WebSession.created_at < at - ABSOLUTE)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
