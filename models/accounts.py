"""People's accounts: opening and closing them, and giving a new password."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.audit import record_act
from models.domain.errors import Permanent
from models.domain.permissions import Role
from models.passwords import hash_password
from models.registry import must_be_known
from models.tables import Account, WebSession


def add_account(
    session: Session,
    *,
    username: str,
    display_name: str,
    institution_id: str,
    role: Role,
    password: str,
    actor: str,
    email: str = "",
) -> Account:
    """Add a person. Raises Permanent when the name is taken or the Institution unknown."""
    must_be_known(session, institution_id)
    if session.scalars(select(Account).where(Account.username == username)).first() is not None:
        raise Permanent(f"There is an account {username} already; choose another name.")
    account = Account(
        institution_id=institution_id,
        username=username,
        display_name=display_name,
        email=email,
        role=role.value,
        password_hash=hash_password(password),
    )
    session.add(account)
    session.flush()
    record_act(
        session,
        institution_id=institution_id,
        actor=actor,
        act="account.added",
        subject=account.id,
        facts={"role": role.value},
    )
    return account


def set_password(session: Session, username: str, password: str, actor: str) -> None:
    """Give a new password; whoever is signed in with the old one is not any more. Raises Permanent."""
    account = _account(session, username)
    account.password_hash, account.failed_sign_ins, account.locked_until = hash_password(password), 0, None
    _sign_out(session, account, actor, "account.password-set")


def change_role(session: Session, username: str, role: Role, actor: str) -> None:
    """What its person may do from now on; whoever is signed in signs in again. Raises Permanent."""
    account = _account(session, username)
    facts = {"from": account.role, "to": role.value}
    account.role = role.value
    _sign_out(session, account, actor, "account.role-changed", facts)


def close_account(session: Session, username: str, actor: str) -> None:
    """Nobody signs in with it any more; what its person did stays named. Raises Permanent."""
    account = _account(session, username)
    account.active = False
    _sign_out(session, account, actor, "account.closed")


def _account(session: Session, username: str) -> Account:
    account = session.scalars(select(Account).where(Account.username == username).with_for_update()).one_or_none()
    if account is None:
        raise Permanent(f"There is no account {username}.")
    return account


def _sign_out(session: Session, account: Account, actor: str, act: str, facts: dict[str, str] | None = None) -> None:
    session.execute(delete(WebSession).where(WebSession.account_id == account.id))
    record_act(session, institution_id=account.institution_id, actor=actor, act=act, subject=account.id, facts=facts)
