"""The chores of `iep`: what is done once in a while by the person who runs the exchange."""

from __future__ import annotations

import os
from pathlib import Path

import click

from models.domain.retrieval import RetrieveBy
from models.node_settings import SETTINGS, read_settings
from processes import database, secure
from settings import Settings

RETRIEVE_BY = click.Choice([one.value for one in RetrieveBy])
HOW_RETRIEVED = "How its images are fetched: it sends them to us (C-MOVE), or on our own association (C-GET)."


@click.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the tables to this version."""
    database(Settings.load()).upgrade()


@click.group()
def keys() -> None:
    """Payload keys."""


@keys.command("new")
@click.argument("key_id")
def new_key(key_id: str) -> None:
    """Print a fresh line for the first place in the file of payload keys."""
    from temporal.encryption import new_key_line

    click.echo(new_key_line(key_id), nl=False)


@click.group()
def institutions() -> None:
    """Institutions."""


@institutions.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_file(file: Path) -> None:
    """Add or update Institutions from a CSV FILE with ods_code, name, status, successor, parent, phone, email."""
    from models.registry import import_institutions

    settings = Settings.load()
    with database(settings).begin() as session:
        click.echo(f"{import_institutions(session, file, operator())} Institutions read.")


@institutions.command("second-person")
@click.argument("institution_id")
@click.argument("when", type=click.Choice(["before", "afterwards"]))
def second_person(institution_id: str, when: str) -> None:
    """Say when a second person looks at what support does for an Institution."""
    from models.support import want_second_person

    with database(Settings.load()).begin() as session:
        want_second_person(session, institution_id, when, operator())


@click.group()
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
@click.option("--tls", default="off", help=f"How connections to it are secured: {SETTINGS['tls'].wants}.")
@click.option("--quiet", default=30.0, help="Seconds of silence after which a study of it counts as complete.")
@click.option("--retrieve-by", type=RETRIEVE_BY, default="move", help=HOW_RETRIEVED)
def add_node_verb(
    institution_id: str,
    name: str,
    ae_title: str,
    host: str,
    port: int,
    addresses: tuple[str, ...],
    certificate: Path | None,
    tls: str,
    quiet: float,
    retrieve_by: str,
) -> None:
    """Register the Node NAME with AE_TITLE for an Institution."""
    from models.certificates import fingerprint
    from models.directory import write_directory_file
    from models.registry import add_node

    settings = Settings.load()
    base = database(settings)
    with base.begin() as session:
        add_node(
            session,
            operator(),
            institution_id=institution_id,
            name=name,
            ae_title=ae_title,
            host=host,
            port=port,
            source_addresses=list(addresses) or ([host] if host else []),
            certificate_sha256=fingerprint(certificate) if certificate else None,
            quiet_seconds=quiet,
            **read_settings({"tls": tls}),
            retrieve_by=retrieve_by,
        )
    write_directory_file(base, settings.directory_file)


@nodes.command("set")
@click.argument("institution_id")
@click.argument("name")
@click.option("--host", help="Where it listens.")
@click.option("--port", type=click.IntRange(0, 65535))
@click.option(
    "--from", "addresses", multiple=True, help="An address it sends from, in place of those before; repeatable."
)
@click.option("--certificate", type=click.Path(exists=True, path_type=Path), help="Its TLS certificate (PEM).")
@click.option("--retrieve-by", type=RETRIEVE_BY, help=HOW_RETRIEVED)
@click.option("--tls", help=f"How connections to it are secured: {SETTINGS['tls'].wants}.")
@click.option(
    "--syntaxes", "preferred_syntaxes", help=f"In what it prefers images: {SETTINGS['preferred_syntaxes'].wants}."
)
@click.option("--slots", help="Associations to it at once.")
@click.option("--urgent-slots", help="How many of these only urgent deliveries take.")
@click.option("--rate", help="Images a second at most; 0 for no limit.")
@click.option("--bulk-window", help='Hours in which bulk goes there, like "19:00-07:00"; or "always".')
@click.option("--back-off", help="Seconds at most between attempts after a passing fault; 0 for the exchange's own.")
@click.option("--dscp-urgent", help="Mark of the urgent lane's packets (DSCP, 0 to 63).")
@click.option("--dscp-bulk", help="Mark of the bulk lane's packets (DSCP, 0 to 63).")
@click.option("--confirm-by", help="How it confirms what it accepted: query, commitment or both.")
@click.option("--dimse-timeout", help="Seconds at most that it may take to answer.")
@click.option("--quiet", "quiet_seconds", help="Seconds of silence after which its study is complete.")
def set_node(
    name: str,
    institution_id: str,
    host: str | None,
    port: int | None,
    addresses: tuple[str, ...],
    certificate: Path | None,
    retrieve_by: str | None,
    **settings_typed: str | None,
) -> None:
    """Change the Node NAME of an Institution; what is not given stays. It counts from the next attempt on."""
    from models.certificates import fingerprint
    from models.directory import write_directory_file
    from models.registry import change_node, named_node

    given = {
        "host": host,
        "port": port,
        "source_addresses": list(addresses) or None,
        "certificate_sha256": fingerprint(certificate) if certificate else None,
        "retrieve_by": retrieve_by,
        **read_settings({name: words for name, words in settings_typed.items() if words is not None}),
    }
    settings = Settings.load()
    base = database(settings)
    with base.begin() as session:
        node = named_node(session, f"{institution_id}/{name}")
        change_node(session, node, operator(), **{key: value for key, value in given.items() if value is not None})
    write_directory_file(base, settings.directory_file)


@nodes.command("list")
def list_nodes() -> None:
    """Every Node with its address and state."""
    from sqlalchemy import select

    from models.tables import Node

    with database(Settings.load()).begin() as session:
        for node in session.scalars(select(Node).order_by(Node.institution_id, Node.name)):
            where = f"{node.host}:{node.port}{' TLS' if node.tls else ''}" if node.receives else "sends only"
            click.echo(f"{node.institution_id:10} {node.name:20} {node.ae_title:16} {where:24} {node.state}")


@nodes.command("echo")
@click.argument("name")
def echo_node(name: str) -> None:
    """Ask the Node NAME, or INSTITUTION/NAME, for a sign of life (C-ECHO)."""
    from activities.asking import echo
    from activities.peer import PeerAddress
    from models.registry import named_node

    settings = Settings.load()
    base = database(settings)
    secure(settings, base)
    with base.begin() as session:
        node = named_node(session, name)
    if not node.receives:
        raise click.ClickException(f"{name} has no address: it only sends to the exchange.")
    echo(PeerAddress.of(node))
    click.echo(f"{name} answers.")


@click.group()
def worklists() -> None:
    """Worklists: the incoming queues of Institutions."""


@worklists.command("add")
@click.argument("institution_id")
@click.argument("node")
@click.option("--name", default="incoming", help="Its name on pages.")
@click.option("--auto-release", is_flag=True, help="Release by itself what carries certain identifiers.")
def add_worklist_verb(institution_id: str, node: str, name: str, auto_release: bool) -> None:
    """Give an Institution a worklist that delivers to its Node NODE."""
    from sqlalchemy import select

    from models.directory import write_directory_file
    from models.registry import add_worklist
    from models.tables import Node

    settings = Settings.load()
    base = database(settings)
    with base.begin() as session:
        found = session.scalars(select(Node).where(Node.institution_id == institution_id, Node.name == node)).first()
        if found is None or not found.receives:
            raise click.ClickException(f"{institution_id} has no Node {node} with an address; add it first.")
        add_worklist(session, found, operator(), name=name, auto_release=auto_release)
    write_directory_file(base, settings.directory_file)


@click.group()
def agreements() -> None:
    """Agreements: who may send to whom."""


@agreements.command("add")
@click.argument("source_id")
@click.argument("destination_id")
@click.option("--basis", required=True, help="Why: the agreement's name or number.")
@click.option("--onward", is_flag=True, help="DESTINATION_ID may forward what it got without asking SOURCE_ID again.")
def add_agreement(source_id: str, destination_id: str, basis: str, onward: bool) -> None:
    """Let SOURCE_ID send to DESTINATION_ID from now on; one that has ended begins anew."""
    from models.registry import agree

    with database(Settings.load()).begin() as session:
        agree(session, [(source_id, destination_id)], basis, operator(), onward=onward)


@agreements.command("end")
@click.argument("source_id")
@click.argument("destination_id")
def end_agreement_verb(source_id: str, destination_id: str) -> None:
    """SOURCE_ID may not send to DESTINATION_ID any more."""
    from models.registry import end_agreement

    with database(Settings.load()).begin() as session:
        end_agreement(session, source_id, destination_id, operator())


@click.command()
@click.option("--older-than", default=14.0, help="Days since the last delivery of a study was confirmed.")
def purge(older_than: float) -> None:
    """Remove the images of confirmed studies, and old drafts; what recognises images, and every record, stays."""
    from models import purge as purging
    from models.archive import FolderArchive

    settings = Settings.load()
    count = purging.purge(database(settings), FolderArchive(settings.archive_folder), days=older_than)
    click.echo(f"{count} images removed.")


def operator() -> str:
    """Who does a chore, as the audit names them."""
    return f"command line ({os.environ.get('SUDO_USER') or os.environ.get('USER') or 'unknown'})"
