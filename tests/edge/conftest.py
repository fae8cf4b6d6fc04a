"""Edge processes on inherited sockets, their spool and their directory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pynetdicom.transport import AssociationSocket

from dicom_edge.facts import Fact
from dicom_edge.spool import Spool
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]


def node(ae_title: str, institution: str = "ZX1", *addresses: str, certificate: str | None = None) -> dict[str, Any]:
    return {
        "node_id": f"node-{institution}-{ae_title}",
        "institution_id": institution,
        "ae_title": ae_title,
        "addresses": list(addresses or ("127.0.0.1",)),
        "certificate_sha256": certificate,
    }


NODES = [node("STORESCU"), node("ECHOSCU"), node("SENDER")]


def write_directory(path: Path, nodes: list[dict[str, Any]], called: tuple[str, ...] = ("IEP", "IEP_ZX2")) -> None:
    """As the exchange does: rewritten atomically."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"version": 1, "called_ae_titles": called, "nodes": nodes}))
    fresh.rename(path)


@dataclass
class EdgeProcess:
    """One running edge."""

    child: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.child.pid

    def kill(self) -> None:
        self.child.kill()
        self.child.wait(10)

    def terminate(self) -> int:
        """Its exit code after SIGTERM."""
        self.child.terminate()
        return self.child.wait(30)

    def peak_memory(self) -> int:
        """The highest resident size so far, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))


@dataclass
class Edges:
    """One spool, one directory, one listening socket; any number of edge processes."""

    folder: Path
    socket: socket.socket
    processes: list[EdgeProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spool = Spool(self.folder / "spool")
        self.directory = self.folder / "directory.json"

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def allow(self, *nodes: dict[str, Any], called: tuple[str, ...] = ("IEP", "IEP_ZX2")) -> None:
        write_directory(self.directory, list(nodes), called)

    def start(self, *, tls: bool = False, wrap: tuple[str, ...] = (), **settings: Any) -> EdgeProcess:
        """A process that serves the socket; `settings` as in tests/edge/serve.py, `wrap` a command to run it under."""
        number = len(self.processes)
        log = self.folder / f"edge{number}.log"
        given = {
            "spool": str(self.spool.root),
            "directory": str(self.directory),
            "tls" if tls else "plain": self.socket.fileno(),
            **settings,
        }
        with log.open("wb") as output:
            child = subprocess.Popen(
                [*wrap, sys.executable, "-m", "tests.edge.serve", json.dumps(given)],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                pass_fds=[self.socket.fileno()],
            )
        process = EdgeProcess(child, log)
        self.processes.append(process)
        eventually(lambda: "listens on" in log.read_text() or child.poll() is not None, 20)
        assert child.poll() is None, log.read_text()
        return process

    def facts(self, kind: type[Fact] | None = None) -> list[Any]:
        return [event.fact for event in self.spool.events() if kind is None or isinstance(event.fact, kind)]

    def temporary(self) -> list[Path]:
        return list(self.spool.tmp.iterdir())

    def close(self) -> None:
        for process in self.processes:
            if process.child.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
        self.socket.close()


@pytest.fixture(autouse=True)
def closed_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The senders' sockets: pynetdicom leaves one open when the peer has hung up first."""

    def shut(wrapper: AssociationSocket) -> None:
        with contextlib.suppress(OSError, AttributeError):
            wrapper.socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, AttributeError):
            wrapper.socket.close()

    monkeypatch.setattr(AssociationSocket, "_shutdown_socket", shut)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Edges]:
    """Ready to start edges in `folder`; afterwards none of them may have met an exception it did not expect."""
    found = Edges(folder, socket.create_server(("127.0.0.1", 0), backlog=128))
    found.allow(*NODES)
    try:
        yield found
    finally:
        found.close()
    for process in found.processes:
        said = process.log.read_text()
        assert "Traceback" not in said, said[-3000:]
        assert "a thread ended" not in said, said[-3000:]


@pytest.fixture
def edges(tmp_path: Path) -> Iterator[Edges]:
    with running(tmp_path) as found:
        yield found


@pytest.fixture
def edge(edges: Edges) -> EdgeProcess:
    return edges.start()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edges]:
    """One edge for all tests of a module that do not mind what the others have left in the spool."""
    with running(tmp_path_factory.mktemp("edge")) as found:
        found.start()
        yield found
