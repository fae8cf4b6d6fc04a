"""The command `iep`: one verb for each process of the exchange, and one for each chore."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys

import click

import chores
import people
from models.domain.errors import ExchangeError
from processes import database
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
    # What these say of an association that failed, our own error says in one sentence.
    for repetitive in ("pynetdicom.acse", "pynetdicom.transport"):
        logging.getLogger(repetitive).setLevel(logging.CRITICAL)
    _beside_a_demo()


def _beside_a_demo() -> None:
    """Take on what the running demo of this var folder gives its own processes, where nothing else is said."""
    settings = Settings.load()
    if settings.database_url is not None:
        return
    from demo import exchange, postgres

    if (postgres.socket_folder(settings.var) / postgres.SOCKET).exists():
        os.environ.update(exchange.environment(settings) | os.environ)


@main.command()
@click.option("--empty", is_flag=True, help="Without the transactions that the first start makes to be looked at.")
def demo(empty: bool) -> None:
    """Run three make-believe hospitals and the exchange between them."""
    from demo.run import run_demo

    run_demo(Settings.load(), empty=empty)


@main.command()
@click.argument("part")
def stop(part: str) -> None:
    """Hold PART of a running demo down."""
    _hold_or_release(part, "hold")
    click.echo(f"{part} is held down until: iep start {part}")


@main.command()
@click.argument("part")
def start(part: str) -> None:
    """Release PART of a running demo that was held down."""
    _hold_or_release(part, "release")
    click.echo(f"{part} is running.")


def _hold_or_release(part: str, act: str) -> None:
    from demo import hold
    from demo.parts import RunnerError

    try:
        getattr(hold, act)(Settings.load().var.resolve() / "run", part)
    except RunnerError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--images", default=10, help="How many images the study has.")
@click.option(
    "--destination",
    default="ZX2",
    type=click.Choice(["ZX2", "ZX3"]),
    help="Whom the study is for: the worklist of ZX2 releases by itself; on that of ZX3 the study waits until "
    "officer.zx3 releases it on its page, so allow for that with --timeout.",
)
@click.option("--timeout", default=60.0, help="Seconds until it counts as failed; the study goes on all the same.")
def exercise(images: int, destination: str, timeout: float) -> None:
    """Push a generated study from ZX1 and wait until the destination's PACS has all of it; prints one JSON line."""
    from activities.peer import PeerAddress
    from demo.exercise import exercise as run_exercise
    from demo.run import joined

    settings = joined(Settings.load())
    name = f"{destination}_PACS"
    pacs = PeerAddress(name, name, "127.0.0.1", settings.port(name), 10.0)
    times = run_exercise(
        database(settings),
        settings.port("dicom"),
        pacs,
        destination=destination,
        images=images,
        timeout=timeout,
        url=settings.url,
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
def fixtures() -> None:
    """Fill a running demo, once, with transactions in different states."""
    from demo.exchange import HOSPITALS
    from demo.fixtures import Fixtures
    from demo.run import joined

    settings = joined(Settings.load())
    pacs_ports = {code: settings.port(f"{code}_PACS") for code in HOSPITALS}
    Fixtures(database(settings), settings.port("dicom"), pacs_ports, settings.var / "fixtures").make()


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


main.add_command(chores.db)
main.add_command(chores.keys)
main.add_command(chores.institutions)
main.add_command(chores.nodes)
main.add_command(chores.worklists)
main.add_command(chores.agreements)
main.add_command(people.users)
main.add_command(people.contacts)
main.add_command(chores.purge)

if __name__ == "__main__":
    main()
