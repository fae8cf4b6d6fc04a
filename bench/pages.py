"""`python -m bench.pages`: how long every page takes with 1,000 and with 100,000 transactions in the database."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from bench import machine
from bench.filling import OPEN, fill, reference, sheet
from bench.programs import BenchError, running, scratch, until
from demo import postgres
from demo.hospitals import found, passphrase
from models.accounts import add_account
from models.db import Database
from models.domain.permissions import Role
from web.app import create_app

RESULTS = Path(__file__).parent / "PAGES.md"
FEW, MANY = 1_000, 100_000
TIMES = 20
TARGET_MS, TARGET_RATIO = 300.0, 1.5
PEOPLE = {"officer": Role.PACS_OFFICER, "clinician": Role.CLINICIAN, "support": Role.SUPPORT}
Timed = dict[tuple[str, str], list[float]]
"""Milliseconds of each fetch, by person and page."""
Portal = tuple[Database, Flask, Mapping[str, FlaskClient]]
SAMPLES = {"worklist": 3, "held": 33, "request": 48, "confirmed": 900}


class Gateway:
    """The engine is not asked here."""

    def try_now(self, database: Database, command_id: str) -> str:
        return ""

    def await_end(self, workflow_id: str) -> None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.pages", description=__doc__)
    parser.add_argument("--many", type=int, default=MANY, help=f"transactions of the full database (default {MANY:,})")
    parser.add_argument("--times", type=int, default=TIMES, help=f"how often each page is fetched (default {TIMES})")
    parser.add_argument("--write", action="store_true", help=f"keep the result in {RESULTS.name}")
    wanted = parser.parse_args()
    try:
        said = measure(wanted.many, wanted.times)
    except BenchError as error:
        raise SystemExit(str(error)) from error
    print(said)
    if wanted.write:
        RESULTS.write_text(f"# Pages\n\nWritten by `python -m bench.pages --write`.\n\n{said}\n")


def measure(many: int, times: int) -> str:
    with _server() as (server, folder):
        print(f"filling to {many:,} ...", file=sys.stderr, flush=True)
        portals = [_filled(server, folder, name, rows) for name, rows in (("few", FEW), ("many", many))]
        before, after = _timed(portals, times)
        for database, *_ in portals:
            database.close()
        facts = "\n".join(f"- {name}: {value}" for name, value in machine.facts(folder).items())
    return _report(before, after, many, times) + facts


def _report(before: Timed, after: Timed, many: int, times: int) -> str:
    worst = max(_p95(fetches) for fetches in after.values())
    ratios = {key: statistics.median(after[key]) / statistics.median(before[key]) for key in after}
    steepest = max(ratios.values())
    head = ("who", "page", f"median at {FEW:,}, ms", f"median at {many:,}, ms", "p95, ms", "ratio")
    rows = [
        (*key, *(f"{value:.1f}" for value in _figures(before[key], after[key])), f"{ratios[key]:.2f}") for key in after
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))
    return (
        f"{times} fetches of every page, in process, in turn from a database with few and one with many; "
        f"{OPEN} of the transactions are open.\n\n{table}\n\n"
        f"- slowest p95: {worst:.0f} ms; the target of {TARGET_MS:.0f} ms is {_reached(worst <= TARGET_MS)}\n"
        f"- steepest ratio: {steepest:.2f}; the target of {TARGET_RATIO} is {_reached(steepest <= TARGET_RATIO)}\n"
    )


def _figures(before: list[float], after: list[float]) -> tuple[float, float, float]:
    return statistics.median(before), statistics.median(after), _p95(after)


def portal(database: Database, password: str = "") -> tuple[Flask, str]:
    """The portal over the database, and the password of its people: one of each role, made unless it is given."""
    if not password:
        password = passphrase()
        _register(database, password)
    app = create_app(
        database, Gateway(), secret_key=b"for measuring only", secure_cookies=False, sign_in_tries="1000 per minute"
    )
    app.config["WTF_CSRF_ENABLED"] = False
    return app, password


def _register(database: Database, password: str) -> None:
    with database.begin() as session:
        found(session, {"ZX1": 104, "ZX2": 104, "ZX3": 104})
        for name, role in PEOPLE.items():
            add_account(
                session,
                username=name,
                display_name=name,
                institution_id="ZX1",
                role=role,
                password=password,
                actor="bench",
            )


def sign_in(app: Flask, name: str, password: str) -> FlaskClient:
    client = app.test_client()
    answer = client.post("/sign-in", data={"username": name, "password": password})
    assert answer.status_code == 303, answer.text
    return client


def pages(app: Flask) -> list[str]:
    """Every page that a GET shows, those of one transaction for one of each kind, those of one sheet for a sheet."""
    found_ = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        if not rule.arguments:
            found_.append(rule.rule)
        elif rule.arguments == {"reference"}:
            found_ += [rule.rule.replace("<reference>", reference(number)) for number in SAMPLES.values()]
        elif rule.arguments == {"sheet_id"}:
            found_.append(rule.rule.replace("<sheet_id>", sheet(0)))
    return sorted(found_)


def _timed(portals: Sequence[Portal], times: int) -> list[Timed]:
    """For each portal. Pages that a person may not open are left out."""
    measured: list[Timed] = [{} for _ in portals]
    for who in PEOPLE:
        for page in pages(portals[0][1]):
            statuses = {clients[who].get(page).status_code for _, _, clients in portals}
            if statuses & {303, 403, 404}:
                continue
            if statuses - {200, 286}:
                raise BenchError(f"{page} answers {who} with {statuses}.")
            for _ in range(times):
                for (_, _, clients), timed in zip(portals, measured, strict=True):
                    timed.setdefault((who, page), []).append(_milliseconds(clients[who], page))
    return measured


def _milliseconds(client: FlaskClient, page: str) -> float:
    started = time.perf_counter()
    client.get(page)
    return (time.perf_counter() - started) * 1000


def _filled(server: Database, folder: Path, name: str, rows: int) -> Portal:
    """A portal over a database of its own with so many transactions, and its people signed in."""
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = Database(postgres.url(folder).replace("/postgres?", f"/{name}?"))
    database.upgrade()
    app, password = portal(database)
    with database.begin() as session:
        fill(session, 0, rows - 1)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
    return database, app, {who: sign_in(app, who, password) for who in PEOPLE}


@contextmanager
def _server() -> Iterator[tuple[Database, Path]]:
    with scratch(Path(tempfile.gettempdir())) as folder:
        argv = [sys.executable, "-m", "cli", "postgres"]
        with running(argv, folder / "postgres.log", {"IEP_VAR": str(folder)}) as program:
            until((postgres.socket_folder(folder) / postgres.SOCKET).exists, 60, "The start of PostgreSQL", program)
            database = Database(postgres.url(folder))
            until(database.is_ready, 30, "An answer of PostgreSQL", program)
            yield database, folder
            database.close()


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


def _reached(is_so: bool) -> str:
    return "reached" if is_so else "NOT reached"


if __name__ == "__main__":
    main()
