"""The portal: the frame, who may open what, and one blueprint for each place of the navigation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from flask import Flask, get_flashed_messages
from flask.typing import RouteCallable
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from markupsafe import Markup
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from models.db import Database
from models.domain.permissions import Function
from models.shift import banner
from models.tables import now
from web import (
    account,
    entries,
    health,
    held,
    home,
    mailbox,
    nodes,
    requests,
    send,
    support,
    transactions,
    words,
    worklist,
)
from web.frame import apologise, framed
from web.here import NAME, Desk, Door, Here, here
from web.look import NAVIGATION, Place, SignedIn
from web.permission import guard, somebody, undeclared
from web.sessions import Person
from web.times import age, clock, with_local_times

PAGE_COOKIE = "page"
SIGN_IN_TRIES = "30 per minute"
ROOMS = (account, home, transactions, requests, send, worklist, held, nodes, support, health)
NEEDED: Mapping[str, Function] = {
    "/requests": Function.PLACE_REQUEST,
    "/send": Function.SEND_STUDIES,
    "/worklist": Function.RELEASE,
    "/nodes": Function.VIEW_NODES,
    "/support": Function.USE_SUPPORT_DESK,
    "/support-acts": Function.COUNTERSIGN,
    "/mailbox": Function.READ_DEMO_MAIL,
}


def create_app(
    database: Database,
    gateway: Door,
    *,
    secret_key: bytes,
    secure_cookies: bool = True,
    mailbox_folder: Path | None = None,
    health_of_parts: Callable[[], Mapping[str, bool]] = dict,
    sign_in_tries: str = SIGN_IN_TRIES,
    trusted_proxies: int = 0,
    dicom_port: int | None = None,
    recovery: Desk | None = None,
    not_running: Callable[[], Collection[str]] = tuple,
) -> Flask:
    """The whole portal.

    `gateway` is a temporal.gateway.Gateway, made after the fork like `database`. `secret_key` (32 random bytes, the
    same in every worker process and after a restart) signs forms and short messages; sessions lie in the database.
    `secure_cookies` is False only where there is no TLS. `mailbox_folder`, of the demo alone, holds the mails that the
    page Mailbox shows; without it there is no such page. `health_of_parts` answers for every part, by name, whether it
    is ready. `sign_in_tries` limits tries from one address, in Flask-Limiter's words; behind `trusted_proxies`
    it is the address that the first of these saw. `dicom_port` is the port that PACS push to.
    `recovery` is a temporal.recovery.Recovery, for the support desk; without it the desk shows our own records alone.
    `not_running` names the parts that should move things on and are not there: every page says so while there are any.
    """
    limiter = Limiter(get_remote_address, storage_uri="memory://")
    app = framed(_settings(secret_key, secure_cookies), _signed_in, before_forms=limiter.init_app)
    if trusted_proxies:
        # Each proxy adds the address that it saw; the last one says which scheme the browser speaks.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted_proxies, x_proto=1)  # type: ignore[method-assign]
    app.extensions[NAME] = Here(
        database, gateway, health_of_parts, mailbox_folder, secure_cookies, dicom_port, recovery, not_running
    )
    guard(app)
    app.before_request(entries.must_be_typeable)
    for room in (*ROOMS, *([mailbox] if mailbox_folder else [])):
        app.register_blueprint(room.blueprint)
    # Counted in each worker process for itself; the lock on the account is what holds everywhere.
    trying = "account.try_to_sign_in"
    app.view_functions[trying] = cast(RouteCallable, limiter.limit(sign_in_tries)(app.view_functions[trying]))
    app.register_error_handler(OperationalError, lambda error: apologise(ServiceUnavailable()))
    app.context_processor(_for_pages)
    app.jinja_env.filters.update(words.FILTERS)
    if forgotten := undeclared(app):
        raise RuntimeError(f"add @needs(Function....) or @public to the view of {', '.join(forgotten)}")
    return app


def _settings(secret_key: bytes, secure_cookies: bool) -> Mapping[str, Any]:
    return {
        "SECRET_KEY": secret_key,
        "SESSION_COOKIE_NAME": f"__Host-{PAGE_COOKIE}" if secure_cookies else PAGE_COOKIE,
        "SESSION_COOKIE_SECURE": secure_cookies,
        "SESSION_COOKIE_PATH": "/",
        # A form lives as long as the session it was opened in.
        "WTF_CSRF_TIME_LIMIT": 12 * 3600,
        "MAX_FORM_MEMORY_SIZE": 64 * 1024,
        "MAX_FORM_PARTS": 50,
    }


def _signed_in() -> SignedIn | None:
    who = somebody()
    return SignedIn(who.name, who.institution_name) if who else None


def _for_pages() -> dict[str, Any]:
    """What every template may use."""
    who, at = somebody(), now()
    zone = who.time_zone if who else "Europe/London"
    places = [place for place in NAVIGATION if who and _is_offered(place, who)]

    def local(time: datetime | None, seconds: bool = False) -> Markup:
        return clock(time, zone, at, seconds)

    return {
        "navigation": places,
        "viewer": who.viewer if who else None,
        "Function": Function,
        "local": local,
        "age": lambda time: age(time, at),
        "local_times": lambda words, said_at=at: with_local_times(words, zone, said_at),
        "fresh_at": local(at, seconds=True),
        "messages": get_flashed_messages,
        "status_banner": _status_banner,
        "stands_still": lambda: bool(here().not_running()),
    }


def _status_banner() -> str:
    """What all users are told now; empty when nothing is."""
    with here().database.begin() as session:
        told = banner(session)
        return told.text if told else ""


def _is_offered(place: Place, who: Person) -> bool:
    if place.path == "/mailbox" and here().mailbox is None:
        return False
    return place.path not in NEEDED or who.viewer.may(NEEDED[place.path])
