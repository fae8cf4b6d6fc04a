"""The command `iep`: one verb for each process of the exchange, and one for each chore."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path

import click

from models.db import Database
from models.domain.errors import ExchangeError
from settings import Settings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Verb(click.Group):
    """A group whose verbs turn our own errors into one sentence and exit code 1."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except ExchangeError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Verb)
def main() -> None:
    """The image exchange."""
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
    # Debug and info lines of these quote what peers and people sent.
    for talkative in ("pynetdicom", "pydicom", "alembic", "sqlalchemy"):
        logging.getLogger(talkative).setLevel(logging.ERROR)


@main.command()
def demo() -> None:
    """Run three make-believe hospitals and the exchange between them."""
    from demo.run import run_demo

    run_demo(Settings.load())


@main.command()
@click.argument("part")
def stop(part: str) -> None:
    """Hold PART of a running demo down."""
    _hold_or_release(part, "hold")


@main.command()
@click.argument("part")
def start(part: str) -> None:
    """Release PART of a running demo that was held down."""
    _hold_or_release(part, "release")


def _hold_or_release(part: str, act: str) -> None:
    from demo import hold
    from demo.parts import RunnerError

    try:
        getattr(hold, act)(Settings.load().var.resolve() / "run", part)
    except RunnerError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--images", default=10, help="How many images the study has.")
@click.option("--destination", default="ZX2", help="ODS code of an Institution whose worklist releases by itself.")
@click.option("--timeout", default=60.0, help="Seconds until it counts as failed.")
def exercise(images: int, destination: str, timeout: float) -> None:
    """Push a generated study and wait until the destination's PACS has all of it; prints one JSON line."""
    from activities.peer import PeerAddress
    from demo.exercise import exercise as run_exercise
    from demo.run import joined

    settings = joined(Settings.load())
    name = f"{destination}_PACS"
    pacs = PeerAddress(name, name, "127.0.0.1", settings.port(name), 10.0)
    times = run_exercise(
        _database(settings), settings.port("dicom"), pacs, destination=destination, images=images, timeout=timeout
    )
    click.echo(json.dumps(times))


@main.command()
def postgres() -> None:
    """Run the demo's PostgreSQL."""
    from demo.postgres import run_postgres

    run_postgres(Settings.load().var)


@main.command()
def prepare() -> None:
    """Bring the demo's database, keys, certificates and hospitals into being, where they are not."""
    from demo.prepare import prepare as run_prepare

    run_prepare(Settings.load())


@main.command()
@click.option("--name", default="edge-1", help="The name under which it announces itself as ready.")
@click.option("--plain-fd", type=int, help="Descriptor of an inherited listening socket for DICOM.")
@click.option("--tls-fd", type=int, help="Descriptor of an inherited listening socket for DICOM over TLS.")
def edge(name: str, plain_fd: int | None, tls_fd: int | None) -> None:
    """Receive DICOM into the spool."""
    from processes import run_edge

    sys.exit(run_edge(Settings.load(), name, plain_fd, tls_fd))


@main.command()
def ingest() -> None:
    """Take objects from the spool into archive and database."""
    from processes import run_ingest

    run_ingest(Settings.load())


@main.command()
def relay() -> None:
    """Carry saved commands to the engine."""
    from processes import run_relay

    run_relay(Settings.load())


@main.command()
@click.argument("queue", type=click.Choice(["workflows", "transfer-urgent", "transfer-bulk"]))
def worker(queue: str) -> None:
    """Work on one of the engine's queues."""
    from processes import run_worker

    asyncio.run(run_worker(Settings.load(), queue))
    # The engine's client may abort the interpreter's exit; everything is flushed.
    logging.shutdown()
    os._exit(0)


@main.command()
def web() -> None:
    """Serve the web pages."""
    from processes import run_web

    run_web(Settings.load())


@main.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the tables to this version."""
    _database(Settings.load()).upgrade()


@main.group()
def keys() -> None:
    """Payload keys."""


@keys.command("new")
@click.argument("key_id")
def new_key(key_id: str) -> None:
    """Print a fresh line for the first place in the file of payload keys."""
    from temporal.encryption import new_key_line

    click.echo(new_key_line(key_id), nl=False)


@main.group()
def institutions() -> None:
    """Institutions."""


@institutions.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_file(file: Path) -> None:
    """Add or update Institutions from a CSV FILE with ods_code, name, status, successor, parent, phone, email."""
    from models.registry import import_institutions

    settings = Settings.load()
    with _database(settings).begin() as session:
        click.echo(f"{import_institutions(session, file, _operator())} Institutions read.")


@main.group()
def nodes() -> None:
    """DICOM Nodes."""


@nodes.command("add")
@click.argument("institution_id")
@click.argument("name")
@click.argument("ae_title")
@click.option("--host", default="", help="Where it listens; without it the Node only sends to us.")
@click.option("--port", default=0)
@click.option("--from", "addresses", multiple=True, help="An address it sends from; may be repeated.")
@click.option("--certificate", type=click.Path(exists=True, path_type=Path), help="Its TLS certificate (PEM).")
@click.option("--quiet", default=30.0, help="Seconds of silence after which a study of it counts as complete.")
def add_node_verb(
    institution_id: str,
    name: str,
    ae_title: str,
    host: str,
    port: int,
    addresses: tuple[str, ...],
    certificate: Path | None,
    quiet: float,
) -> None:
    """Register the Node NAME with AE_TITLE for an Institution."""
    from demo.certificates import fingerprint
    from models.directory import write_directory_file
    from models.registry import add_node

    settings = Settings.load()
    with _database(settings).begin() as session:
        add_node(
            session,
            _operator(),
            institution_id=institution_id,
            name=name,
            ae_title=ae_title,
            host=host,
            port=port,
            source_addresses=list(addresses) or ([host] if host else []),
            certificate_sha256=fingerprint(certificate) if certificate else None,
            quiet_seconds=quiet,
        )
        write_directory_file(session, settings.directory_file)


@nodes.command("list")
def list_nodes() -> None:
    """Every Node with its address and state."""
    from sqlalchemy import select

    from models.tables import Node

    with _database(Settings.load()).begin() as session:
        for node in session.scalars(select(Node).order_by(Node.institution_id, Node.name)):
            where = f"{node.host}:{node.port}" if node.receives else "sends only"
            click.echo(f"{node.institution_id:10} {node.name:20} {node.ae_title:16} {where:24} {node.state}")


@nodes.command("echo")
@click.argument("name")
def echo_node(name: str) -> None:
    """Ask the Node NAME for a sign of life (C-ECHO)."""
    from sqlalchemy import select

    from activities.asking import echo
    from activities.peer import PeerAddress
    from models.tables import Node

    with _database(Settings.load()).begin() as session:
        node = session.scalars(select(Node).where(Node.name == name)).first()
    if node is None or not node.receives:
        raise click.ClickException(f"There is no Node {name} with an address; `iep nodes list` shows them.")
    echo(PeerAddress(node.name, node.ae_title, node.host, node.port, node.dimse_timeout))
    click.echo(f"{name} answers.")


@main.group()
def users() -> None:
    """People."""


@users.command("add")
@click.argument("username")
@click.argument("institution_id")
@click.argument("role", type=click.Choice(["clinician", "pacs-officer", "support"]))
@click.option("--name", "display_name", required=True, help="The person's name as pages show it.")
@click.option("--email", default="")
@click.password_option(help="At least 15 characters; asked for when not given.")
def add_user(username: str, institution_id: str, role: str, display_name: str, email: str, password: str) -> None:
    """Open an account."""
    from models.domain.permissions import Role
    from models.passwords import must_be_strong
    from models.registry import add_account

    must_be_strong(password, username, display_name)
    with _database(Settings.load()).begin() as session:
        add_account(
            session,
            username=username,
            display_name=display_name,
            institution_id=institution_id,
            role=Role(role),
            password=password,
            actor=_operator(),
            email=email,
        )


@main.command()
@click.option("--older-than", default=14.0, help="Days since the last delivery of a study was confirmed.")
def purge(older_than: float) -> None:
    """Remove the images of confirmed studies; what recognises them, and every record, stays."""
    from models.archive import FolderArchive
    from models.purge import purge_confirmed

    settings = Settings.load()
    count = purge_confirmed(_database(settings), FolderArchive(settings.archive_folder), days=older_than)
    click.echo(f"{count} images removed.")


def _database(settings: Settings) -> Database:
    from processes import database

    return database(settings)


def _operator() -> str:
    return f"command line ({os.environ.get('SUDO_USER') or os.environ.get('USER') or 'unknown'})"


if __name__ == "__main__":
    main()
