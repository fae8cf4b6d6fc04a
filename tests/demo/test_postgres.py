"""PostgreSQL as a part: it keeps what was committed, and goes when the runner goes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from demo.postgres import socket_folder, url
from tests.demo.programs import ROOT, lives
from tests.eventually import eventually

RUNNER = """
import signal, sys
from pathlib import Path
from demo.runner import Part, run
var = Path(sys.argv[1])
become = f"from pathlib import Path; from demo.postgres import run_postgres; run_postgres(Path({str(var)!r}))"
part = Part("database", (sys.executable, "-c", become), stop_signal=signal.SIGINT)
sys.exit(run([part], run_folder=var / "run", log_folder=var / "log"))
"""


@pytest.fixture
def var() -> Iterator[Path]:
    # pytest's own folders are closed to other users, and root's PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="iep-test-") as folder:
        yield Path(folder)


@pytest.fixture
def conninfo(var: Path) -> Iterator[str]:
    yield url(var).replace("+psycopg", "")
    shutil.rmtree(socket_folder(var), ignore_errors=True)


@pytest.fixture
def start(var: Path, conninfo: str) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    runners: list[subprocess.Popen[bytes]] = []

    def starter() -> subprocess.Popen[bytes]:
        # As a service runs it: without a runtime folder of the user's.
        plain = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
        runners.append(subprocess.Popen([sys.executable, "-c", RUNNER, var], cwd=ROOT, env=plain))
        return runners[-1]

    yield starter
    for runner in runners:
        runner.kill()
        runner.wait()


def connected(conninfo: str) -> psycopg.Connection | None:
    try:
        return psycopg.connect(conninfo, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError:
        return None


def servers(connection: psycopg.Connection) -> set[int]:
    """The server and its children, which have groups and sessions of their own."""
    backend = connection.info.backend_pid
    server = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
    return {server, *map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())}


def all_gone(pids: set[int]) -> bool:
    return not any(map(lives, pids))


def test_committed_rows_outlive_a_killed_runner_but_its_processes_do_not(
    start: Callable[[], subprocess.Popen[bytes]], conninfo: str, var: Path
) -> None:
    log = var / "log" / "database.log"
    for number in (signal.SIGKILL, signal.SIGTERM):
        runner = start()
        connection = eventually(partial(connected, conninfo), timeout=60)
        assert connection
        if number == signal.SIGKILL:
            connection.execute("create table kept as select 42 as answer")
        assert connection.execute("select answer from kept").fetchone() == (42,)
        running = servers(connection)
        assert len(running) > 3
        assert os.getpid() not in running
        # The client stays connected: a slow shutdown would wait for it.
        runner.send_signal(number)
        assert runner.wait(timeout=30) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        eventually(partial(all_gone, running))
        connection.close()
    assert "Warning" not in log.read_text()
