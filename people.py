"""The chores of `iep` that concern people: their accounts, and whom to ring."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from chores import operator
from models.domain.permissions import Role
from processes import database
from settings import Settings

ROLE = click.Choice([role.value for role in Role])
TIME = click.DateTime(["%Y-%m-%dT%H:%M"])


@click.group()
def users() -> None:
    """People."""


@users.command("add")
@click.argument("username")
@click.argument("institution_id")
@click.argument("role", type=ROLE)
@click.option("--name", "display_name", required=True, help="The person's name as pages show it.")
@click.option("--email", default="")
@click.password_option(help="At least 15 characters; asked for when not given.")
def add_user(username: str, institution_id: str, role: str, display_name: str, email: str, password: str) -> None:
    """Open an account."""
    from models.accounts import add_account
    from models.passwords import weakness

    if words := weakness(password, (username, display_name)):
        raise click.ClickException(words)
    with database(Settings.load()).begin() as session:
        add_account(
            session,
            username=username,
            display_name=display_name,
            institution_id=institution_id,
            role=Role(role),
            password=password,
            actor=operator(),
            email=email,
        )


@users.command("password")
@click.argument("username")
@click.password_option(help="At least 15 characters; asked for when not given.")
def set_password_verb(username: str, password: str) -> None:
    """Give USERNAME a new password, and end where it is signed in."""
    from models.accounts import set_password
    from models.passwords import weakness

    if words := weakness(password, (username,)):
        raise click.ClickException(words)
    with database(Settings.load()).begin() as session:
        set_password(session, username, password, operator())


@users.command("role")
@click.argument("username")
@click.argument("role", type=ROLE)
def change_role_verb(username: str, role: str) -> None:
    """Give USERNAME another ROLE, and end where it is signed in."""
    from models.accounts import change_role

    with database(Settings.load()).begin() as session:
        change_role(session, username, Role(role), operator())


@users.command("close")
@click.argument("username")
def close_user(username: str) -> None:
    """Let nobody sign in as USERNAME any more."""
    from models.accounts import close_account

    with database(Settings.load()).begin() as session:
        close_account(session, username, operator())


@click.group()
def contacts() -> None:
    """Numbers to ring."""


@contacts.command("add")
@click.argument("institution_id")
@click.argument("name")
@click.argument("phone")
@click.option("--duty", default="", help="Like: PACS on call.")
@click.option("--from", "began", type=TIME, help="On call from this time (UTC); without it always.")
@click.option("--to", "ended", type=TIME, help="On call to this time (UTC).")
def add_number(
    institution_id: str, name: str, phone: str, duty: str, began: datetime | None, ended: datetime | None
) -> None:
    """Add the number of NAME at an Institution, for always or for an on-call span."""
    from models.shift import add_contact

    with database(Settings.load()).begin() as session:
        add_contact(
            session,
            operator(),
            institution_id=institution_id,
            name=name,
            phone=phone,
            duty=duty,
            on_call_from=began.replace(tzinfo=UTC) if began else None,
            on_call_to=ended.replace(tzinfo=UTC) if ended else None,
        )


@contacts.command("list")
def list_numbers() -> None:
    """Print every number, who is on call now first."""
    from models.queries.support import numbers

    with database(Settings.load()).begin() as session:
        for one in numbers(session):
            span = f"{one.on_call_from:%Y-%m-%dT%H:%M} to {one.on_call_to:%Y-%m-%dT%H:%M} UTC" if one.on_call_to else ""
            words = (one.institution_id, one.phone, one.name, one.duty, span, "on call now" if one.is_on_call else "")
            click.echo(", ".join(filter(None, words)))
