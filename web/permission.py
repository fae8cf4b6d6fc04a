"""Every view says which Function it needs, or that it is public; a view that says nothing is closed to everybody."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, abort, current_app, flash, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError

from models.domain.permissions import Function
from models.tables import Account
from web.frame import apologise
from web.sessions import Person, account_that_ended, person_of

View = TypeVar("View", bound=Callable[..., Any])
DECLARED = "needs"
RESCUE = "rescue"


class Open(StrEnum):
    """What a view may declare instead of a Function."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"


def needs(function: Function) -> Callable[[View], View]:
    """Declares that a view is for people whose role has `function`."""
    return lambda view: _declared(view, function)


def rescued_by(rescue: Callable[[Account], str]) -> Callable[[View], View]:
    """Declares how what was typed is kept when the session has run out meanwhile; `rescue` answers where it is then."""

    def declare(view: View) -> View:
        setattr(view, RESCUE, rescue)
        return view

    return declare


def public(view: View) -> View:
    """Declares that anybody may open a view, signed in or not."""
    return _declared(view, Open.PUBLIC)


def for_everybody_signed_in(view: View) -> View:
    """Declares that a view needs a person, of whatever role."""
    return _declared(view, Open.SIGNED_IN)


def declared(app: Flask, endpoint: str) -> Function | Open | None:
    """What the view of `endpoint` has declared; None when it has forgotten to."""
    found = getattr(app.view_functions[endpoint], DECLARED, None)
    return found if isinstance(found, Function | Open) else None


def undeclared(app: Flask) -> list[str]:
    """The endpoints of views that have declared nothing."""
    return [endpoint for endpoint in app.view_functions if declared(app, endpoint) is None]


def person() -> Person:
    """Who is signed in, inside a view that needs somebody to be."""
    found = somebody()
    assert found is not None
    return found


def somebody() -> Person | None:
    """Who is signed in, if anybody. Nobody before a request has been checked: pages that apologise may need that."""
    found = g.get("somebody")
    return found if isinstance(found, Person) else None


def guard(app: Flask) -> None:
    """Puts every view of `app` behind what it declares."""
    keeper = LoginManager()
    # Its own cookie and its checks of it are not used: sessions lie in the database.
    keeper.session_protection = None
    # Nor its context processor: it would ask the database while a page apologises for that.
    keeper.init_app(app, add_context_processor=False)
    keeper.request_loader(person_of)
    app.view_functions["static"] = public(app.view_functions["static"])
    app.before_request(_check)
    app.register_error_handler(CSRFError, _form_that_is_too_old)


def _form_that_is_too_old(error: CSRFError) -> ResponseReturnValue:
    """A form that was opened before signing out: nothing of it is kept, for somebody else may sit there now."""
    needed = declared(current_app, request.endpoint) if request.endpoint else None
    if needed is Open.PUBLIC or person_of(request) is not None:
        return apologise(error)
    flash("You were signed out, so nothing was sent. Sign in and do it again.", "refused")
    before = urlsplit(request.referrer or "")
    way = f"/sign-in?next={quote(before.path)}" if before.netloc == request.host else "/sign-in"
    return ("", 401, {"HX-Redirect": way}) if "HX-Request" in request.headers else redirect(way, 303)


def _check() -> ResponseReturnValue | None:
    if request.endpoint == "static":
        return None
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)
    g.somebody = current_user._get_current_object()
    if request.endpoint is None:
        return None
    needed = declared(current_app, request.endpoint)
    if needed is Open.PUBLIC:
        return None
    if (who := somebody()) is None:
        return _to_sign_in()
    if needed is None or (isinstance(needed, Function) and not who.viewer.may(needed)):
        abort(403)
    return None


def _to_sign_in() -> ResponseReturnValue:
    if (kept_at := _rescued()) is not None:
        way = f"/sign-in?next={quote(kept_at)}"
        return ("", 401, {"HX-Redirect": way}) if "HX-Request" in request.headers else redirect(way, 303)
    if "HX-Request" in request.headers:
        # A part of a page cannot become the sign-in page: the whole page is asked again.
        return "", 401, {"HX-Refresh": "true"}
    wanted = f"?next={quote(request.path)}" if request.method == "GET" and request.path != "/" else ""
    return redirect(f"/sign-in{wanted}", 303)


def _rescued() -> str | None:
    """Where what was typed is found again; None where a view keeps nothing, or nobody knows whose it is."""
    rescue = getattr(current_app.view_functions[request.endpoint or "static"], RESCUE, None)
    account = account_that_ended(request) if rescue is not None else None
    return str(rescue(account)) if rescue is not None and account is not None else None


def _declared(view: View, what: Function | Open) -> View:
    # flask-limiter's decorator and others copy a view's attributes to what they wrap around it.
    setattr(view, DECLARED, what)
    return view
