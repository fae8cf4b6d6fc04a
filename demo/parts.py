"""What the runner runs: parts (programs) and ports (what they listen on)."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

BACKLOG = 128


class RunnerError(Exception):
    """The runner refuses; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Part:
    """One program of the demo.

    `argv` may hold `{fd:NAME}`: the number of the listening socket of port NAME, which must be in `sockets`.
    A part starts for the first time when all parts in `after` are ready; it is ready when `ready` (called ten
    times a second: answer quickly) says so, at once without one. A part that runs `once` is ready when it
    has ended with exit code 0. `environment` is added to the runner's own. Readiness as a whole does not wait for a
    part that is `beside`.
    """

    name: str
    argv: tuple[str, ...]
    sockets: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    ready: Callable[[], bool] | None = None
    once: bool = False
    beside: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """A port that must be free; the runner listens on those that a part names in `sockets`, and passes them on."""

    name: str
    number: int
    purpose: str
    host: str = "127.0.0.1"


def check(parts: Sequence[Part], ports: Sequence[Port]) -> None:
    """Raises ValueError where names repeat, are no file names, or point to nothing."""
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise ValueError("two parts have one name")
    known: set[str] = set()
    for part in parts:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", part.name):
            raise ValueError(f"{part.name!r} cannot be the name of a file")
        if missing := set(part.after) - known:
            raise ValueError(f"{part.name} comes after {sorted(missing)}, which must be listed before it")
        if missing := set(part.sockets) - {port.name for port in ports}:
            raise ValueError(f"{part.name} wants the sockets {sorted(missing)}, which no port describes")
        known.add(part.name)


def listen(ports: Sequence[Port], wanted: set[str]) -> dict[str, socket.socket]:
    """Binds every port, keeps and listens on those `wanted`; raises RunnerError naming one in use."""
    bound: dict[str, socket.socket] = {}
    try:
        for port in ports:
            bound[port.name] = _bind(port)
    except RunnerError:
        for taken in bound.values():
            taken.close()
        raise
    for name in set(bound) - wanted:
        bound.pop(name).close()
    for taken in bound.values():
        taken.listen(BACKLOG)
        # Several children accept from one socket: the slower of two must not block.
        taken.setblocking(False)
    return bound


def _bind(port: Port) -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Without it the closed connections of the last run (TIME_WAIT) would look like a listener.
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((port.host, port.number))
    except OSError as error:
        taken.close()
        raise RunnerError(
            f"Port {port.number} on {port.host}, wanted for {port.purpose}, cannot be used: "
            f"{(error.strerror or str(error)).lower()}."
        ) from error
    return taken


def listens(host: str, port: int) -> Callable[[], bool]:
    """A `ready` for parts that bind their own port: whether something accepts connections there."""

    def accepts() -> bool:
        try:
            socket.create_connection((host, port), timeout=0.5).close()
        except OSError:
            return False
        return True

    return accepts
