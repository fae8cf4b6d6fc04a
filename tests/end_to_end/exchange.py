"""The whole exchange as `iep demo` starts it, for tests: on ports and in a folder of its own, and gone afterwards."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from demo import hold, postgres
from demo.parts import RunnerError
from models.archive import FolderArchive
from models.db import Database
from models.queries.standing import Standing, standings
from models.tables import Arrival, Study, Transaction
from settings import OFFSETS, Settings
from tests.end_to_end.leaks import handles
from tests.eventually import eventually
from web.mailbox import Mail, read_mailbox

ROOT = Path(__file__).parents[2]
BASES = range(20_000, 32_000, 100)
"""Below the ports that the kernel gives to outgoing connections."""


class Exchange:
    """A running demo: its ports, folders and database, and what can be done to its parts."""

    def __init__(self, var: Path, base: int, *options: str) -> None:
        self.var = var
        self.own = {"IEP_PORT_BASE": str(base), "IEP_VAR": str(var)}
        plain = {name: value for name, value in os.environ.items() if not name.startswith("IEP_")}
        self.settings = Settings(port_base=base, var=var)
        self.database = Database(postgres.url(var))
        self.archive = FolderArchive(self.settings.archive_folder)
        self.output = var / "output"
        self.handles_at_first: dict[str, int] = {}
        self._plain = plain
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "demo", *options],
                cwd=ROOT,
                env=plain | self.own,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def port(self, name: str) -> int:
        return self.settings.port(name)

    def parts(self) -> dict[str, dict[str, Any]]:
        """What the parts do, by name; nothing while the runner is not there."""
        try:
            return hold.read_state(self.var / "run")
        except (RunnerError, ValueError):
            return {}

    def pid(self, part: str) -> int:
        pid: int | None = eventually(lambda: self.parts().get(part, {}).get("pid"))
        assert pid
        return pid

    def pids(self) -> dict[str, int]:
        """Of the parts that live, by name."""
        return {name: part["pid"] for name, part in self.parts().items() if part["pid"]}

    def stop(self, part: str) -> None:
        hold.hold(self.var / "run", part)

    def start(self, part: str) -> None:
        hold.release(self.var / "run", part)
        eventually(self._database_is_as_wanted)

    def kill(self, part: str) -> int:
        """kill -9; the pid that was."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_another(self, part: str, than: int) -> None:
        """Until the runner has started `part` again and it is ready."""

        def back() -> bool:
            found = self.parts().get(part, {})
            return found.get("pid") not in (None, than) and found["state"] == "ready"

        eventually(back, timeout=60)
        eventually(self._database_is_as_wanted)

    def _database_is_as_wanted(self) -> bool:
        """Answering, or held down: it accepts connections before it has recovered."""
        if self.parts()["postgresql"]["state"] == "held":
            return True
        try:
            return self.database.is_ready()
        except OperationalError:
            return False

    def iep(self, *verb: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """`iep VERB` in another shell, with the two variables of the README."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *verb],
            cwd=ROOT,
            env=self._plain | self.own,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def standings(self, StudyInstanceUID: str) -> list[Standing]:
        """Every Transaction with this study, oldest first, as pages show it."""
        with self.database.begin() as session:
            found = select(Transaction).join(Arrival).join(Study).order_by(Transaction.opened_at)
            return standings(session, session.scalars(found.where(Study.StudyInstanceUID == StudyInstanceUID)).all())

    def in_state(self, StudyInstanceUID: str, *states: str, timeout: float = 60) -> list[Standing]:
        """Waits until the study's Transactions are exactly these, oldest first, each in its state."""

        def look() -> list[Standing] | None:
            found = self.standings(StudyInstanceUID)
            return found if tuple(one.transaction.state for one in found) == states else None

        try:
            found = eventually(look, timeout)
        except AssertionError:
            raise AssertionError([one.sentence for one in self.standings(StudyInstanceUID)]) from None
        assert found
        return found

    def mails(self, reference: str) -> list[Mail]:
        """The mails about one Transaction, newest first."""
        return [mail for mail in read_mailbox(self.var / "mailbox", 10_000) if reference in mail.subject]

    def logs(self) -> dict[str, str]:
        return {path.name: path.read_text(errors="replace") for path in sorted((self.var / "log").glob("*"))}

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            if self.process.poll() is not None:
                return False
            parts = self.parts()
            return bool(parts) and all(part["state"] in ("ready", "done") for part in parts.values())

        try:
            eventually(lambda: ready() or self.process.poll() is not None, timeout=200)
        except AssertionError:
            late = {name: part["state"] for name, part in self.parts().items()}
            raise AssertionError(f"the demo is not ready: {late}\n{self.output.read_text()[-4000:]}") from None
        assert self.process.poll() is None, self.output.read_text()[-4000:]

    def end(self) -> int:
        """Ctrl-C; the exit code of `iep demo`."""
        self.database.close()
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            # The guardian ends what the runner leaves.
            self.process.kill()
            return self.process.wait(10)

    def processes(self) -> dict[int, str]:
        """Every living process that was started with this exchange's folder, or works in it."""
        return {
            int(place.name): command
            for place in Path("/proc").glob("[0-9]*")
            if int(place.name) != os.getpid() and (command := _command_in(place, self.var))
        }


def _command_in(place: Path, var: Path) -> str:
    """The command line of a process that has to do with `var`; empty for others and for those that have ended."""
    try:
        command = (place / "cmdline").read_bytes()
        works_there = os.readlink(place / "cwd").startswith(str(var))
        told = str(var).encode() in command or f"IEP_VAR={var}\0".encode() in (place / "environ").read_bytes()
    except OSError:
        return ""
    return command.replace(b"\0", b" ").decode(errors="replace") if works_there or told else ""


def free_base() -> int:
    """A base whose ports are all free now."""
    for base in random.Random(os.getpid()).sample(BASES, len(BASES)):
        if all(_is_free(base + offset) for offset in OFFSETS.values()):
            return base
    raise AssertionError("no free range of ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """One demo for the whole run. Its folder stays for a look when a test failed."""
    with started(request, "--empty") as running:
        yield running


@contextmanager
def started(request: pytest.FixtureRequest, *options: str) -> Iterator[Exchange]:
    """A demo of its own, gone afterwards."""
    # Not in pytest's own folder: PostgreSQL runs as another user where we are root.
    var = Path(tempfile.mkdtemp(prefix="iep-test-"))
    var.chmod(0o755)
    running = Exchange(var, free_base(), *options)
    try:
        running.wait_until_ready()
        running.handles_at_first = handles(running.pids())
        yield running
    finally:
        code = running.end()
    assert code == 0
    eventually(lambda: not running.processes(), timeout=10)
    if request.session.testsfailed:
        print(f"\nThe demo's folder is kept: {var}")
    else:
        shutil.rmtree(var)
