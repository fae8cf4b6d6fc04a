"""Signing in with a password."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, make_response, redirect, render_template, request
from flask import session as page_session
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import record_act
from models.passwords import is_right
from models.tables import Account, now
from web.account.blueprint import blueprint
from web.here import here
from web.permission import public, somebody
from web.sessions import open_session
from web.times import at_length

MOST_FAILURES = 10
LOCKED_FOR = timedelta(minutes=15)
# The same for a wrong name, a wrong password and a locked account: it tells nobody which accounts exist.
WRONG = "The user name or password is wrong. After several wrong tries, wait 15 minutes."


@blueprint.get("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """The form; whoever is signed in already goes on."""
    if somebody() is not None:
        return redirect(_next(request.args.get("next", "")), 303)
    return _form("")


@blueprint.post("/sign-in")
@public
def try_to_sign_in() -> ResponseReturnValue:
    with here().database.begin() as session:
        account = _checked(session, request.form.get("username", "").strip(), request.form.get("password", ""))
        if account is None:
            return _form(WRONG), 401
        response = make_response(redirect(_next(request.form.get("next", "")), 303))
        # A form's token that somebody planted before is worth nothing afterwards.
        page_session.clear()
        if account.last_sign_in_at is not None:
            flash(
                f"You last signed in on {at_length(account.last_sign_in_at, account.institution.time_zone)}.", "quiet"
            )
        account.last_sign_in_at = now()
        open_session(session, account, response)
        return response


def _checked(session: Session, username: str, password: str) -> Account | None:
    """The account whose name and password these are. The row stays locked meanwhile: guesses go one after another."""
    account = session.scalars(select(Account).where(Account.username == username).with_for_update()).one_or_none()
    right = is_right(account.password_hash if account else None, password)
    if account is None:
        # Not what was typed: it may be a password in the wrong field.
        record_act(session, institution_id=None, actor="unknown", act="account.sign-in-failed", subject="unknown")
        return None
    if right and account.active and not _locked(account):
        account.failed_sign_ins, account.locked_until = 0, None
        _record(session, account, "account.signed-in")
        return account
    _record(session, account, "account.sign-in-failed")
    if not _locked(account):
        account.failed_sign_ins += 1
        if account.failed_sign_ins >= MOST_FAILURES:
            account.failed_sign_ins, account.locked_until = 0, now() + LOCKED_FOR
            _record(session, account, "account.locked")
    return None


def _locked(account: Account) -> bool:
    return account.locked_until is not None and account.locked_until > now()


def _record(session: Session, account: Account, act: str) -> None:
    record_act(session, institution_id=account.institution_id, actor=account.id, act=act, subject=account.id)


def _form(wrong: str) -> str:
    wanted = _next(request.values.get("next", ""))
    return render_template("account/sign_in.html", title="Sign in", wrong=wrong, next=wanted)


def _next(wanted: str) -> str:
    """Where to go after signing in: a page of this portal, never another host."""
    local = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    return wanted if local and wanted.isprintable() else "/"
