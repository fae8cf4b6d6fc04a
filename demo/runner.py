"""Runs the parts of the demo: in order, together, restarted when they crash, and none left behind.

The runner binds shared listening sockets once and passes them on, so that the restart of a listener loses no
connection. It is one thread: a process with threads must not fork with code of its own between fork and exec.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from demo import guardian
from demo.child import Child
from demo.hold import POLL, STATE, forget_held, hold, is_held, only_runner, release, write_state
from demo.part_log import PartLog
from demo.parts import Part, Port, RunnerError, check, listen, listens

__all__ = ["Part", "Port", "RunnerError", "hold", "listens", "release", "run"]


def run(
    parts: Sequence[Part],
    *,
    run_folder: Path,
    log_folder: Path,
    ports: Sequence[Port] = (),
    when_ready: Callable[[], None] | None = None,
) -> int:
    """Runs `parts` until Ctrl-C, SIGTERM or SIGHUP, then stops them, dependents first; a second signal kills.

    Call it from the main thread. `when_ready` is called once, when every part but those beside is ready.
    Returns exit code 0. Raises RunnerError (one sentence) before anything starts: a port in use, or a runner with
    this run folder.
    """
    check(parts, ports)
    with only_runner(run_folder), contextlib.ExitStack() as stack:
        shared = listen(ports, {name for part in parts for name in part.sockets})
        for taken in shared.values():
            stack.callback(taken.close)
        forget_held(run_folder)
        log_folder.mkdir(parents=True, exist_ok=True)
        tell = stack.enter_context(_guardian())
        width = max(len(part.name) for part in parts)
        fds = {name: taken.fileno() for name, taken in shared.items()}
        children = [Child(part, PartLog(part.name, width, log_folder), fds, tell) for part in parts]
        for child in children:
            stack.callback(child.log.close)
        stack.callback((run_folder / STATE).unlink, missing_ok=True)
        _Runner(children, run_folder, when_ready).loop()
    return 0


@contextlib.contextmanager
def _guardian() -> Iterator[Callable[[str], None]]:
    """The program that ends what is left when the runner itself is killed."""
    program = subprocess.Popen(
        [sys.executable, "-I", "-S", guardian.__file__],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdin is not None
    into = program.stdin

    def tell(line: str) -> None:
        with contextlib.suppress(OSError):
            into.write(line)
            into.flush()

    try:
        yield tell
    finally:
        with contextlib.suppress(OSError):
            into.close()
        program.wait()


class _Runner:
    def __init__(self, children: list[Child], run_folder: Path, when_ready: Callable[[], None] | None) -> None:
        self.children = {child.part.name: child for child in children}
        self.run_folder = run_folder
        self.when_ready = when_ready
        self.signals = 0
        self.watched = selectors.DefaultSelector()
        self.written: dict[str, dict[str, Any]] | None = None

    def loop(self) -> None:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, self._signalled)
        while not (self.signals and all(child.process is None for child in self.children.values())):
            self._pass_on_output()
            for child in self.children.values():
                self._tick(child)
            self._write_state()
            if self.when_ready and all(child.satisfied or child.part.beside for child in self.children.values()):
                self.when_ready()
                self.when_ready = None
        self.watched.close()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1

    def _tick(self, child: Child) -> None:
        before = child.process
        if self.signals > 1:
            child.kill()
        if self.signals:
            child.tick(wanted=self._is_needed(child), may_start=False)
        else:
            child.tick(wanted=not is_held(self.run_folder, child.part.name), may_start=self._may_start(child))
        if before is not child.process:
            self._watch(child)

    def _may_start(self, child: Child) -> bool:
        # Only the first start waits: what comes later must live with the absence of the others.
        return child.started_once or all(self.children[name].satisfied for name in child.part.after)

    def _is_needed(self, child: Child) -> bool:
        name = child.part.name
        return any(other.process and name in other.part.after for other in self.children.values())

    def _watch(self, child: Child) -> None:
        for key in list(self.watched.get_map().values()):
            if key.data is child:
                self.watched.unregister(key.fileobj)
        if child.process and child.process.stdout:
            self.watched.register(child.process.stdout, selectors.EVENT_READ, child)

    def _pass_on_output(self) -> None:
        for key, _ in self.watched.select(POLL):
            if not key.data.read():
                self.watched.unregister(key.fileobj)

    def _write_state(self) -> None:
        parts = {
            name: {
                "pid": child.process.pid if child.process else None,
                "state": str(child.state),
                "restarts": child.restarts,
                "since": child.since.isoformat(),
            }
            for name, child in self.children.items()
        }
        if parts != self.written:
            write_state(self.run_folder, parts)
            self.written = parts
