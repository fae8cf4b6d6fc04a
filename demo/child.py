"""The process of one part: started, watched, stopped with its descendants, started again after a crash."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from demo.part_log import PartLog
from demo.parts import Part

GRACE = 5.0  # seconds between the stop signal and SIGKILL
FIRST_DELAY, LAST_DELAY = 0.2, 5.0  # seconds before a crashed part starts again, doubled each time
PROVEN = 10.0  # seconds of life after which the delay begins anew
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    CRASHED = "crashed"
    STOPPING = "stopping"
    HELD = "held"


class Child:
    """`tick` moves it on; `tell(line)` informs the guardian of its process group."""

    def __init__(self, part: Part, log: PartLog, fds: Mapping[str, int], tell: Callable[[str], None]) -> None:
        self.part = part
        self.log = log
        self.state = State.WAITING
        self.since = datetime.now(UTC)
        self.restarts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.started_once = False
        self._fds = {name: fds[name] for name in part.sockets}
        self._tell = tell
        self._delay = FIRST_DELAY
        self._started = self._start_at = self._kill_at = 0.0

    @property
    def satisfied(self) -> bool:
        """Whether parts that come after this one may start."""
        return self.state is State.DONE if self.part.once else self.state is State.READY

    def tick(self, *, wanted: bool, may_start: bool) -> None:
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self._ended(self.process, now)
        if self.process is None:
            if not wanted:
                self._become(State.HELD)
            elif self.state is State.DONE:
                return
            elif may_start and now >= self._start_at:
                self._start(now)
            elif self.state is State.HELD:
                self._become(State.WAITING)
        elif not wanted or self.state is State.STOPPING:
            self._stop(self.process, now)
        elif self.state is State.STARTING and self._is_ready():
            self._become(State.READY)

    def _is_ready(self) -> bool:
        return not self.part.once and (self.part.ready is None or self.part.ready())

    def kill(self) -> None:
        """Ends the whole process group at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def read(self) -> bool:
        """Passes on what the process wrote; False at the end of its output."""
        if self.process is None or self.process.stdout is None:
            return False
        try:
            piece = os.read(self.process.stdout.fileno(), 65_536)
        except BlockingIOError:
            return True
        self.log.feed(piece)
        return bool(piece)

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state, self.since = state, datetime.now(UTC)

    def _start(self, now: float) -> None:
        argv = [self._filled(argument) for argument in self.part.argv]
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.part.environment},
                pass_fds=tuple(self._fds.values()),
                # A group of its own: Ctrl-C reaches the runner alone, and descendants can be ended.
                process_group=0,
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, int(self.part.stop_signal)),
            )
        except OSError as error:
            self._crashed(f"cannot be started ({error.strerror})", now)
            return
        self._tell(f"+{self.process.pid} {int(self.part.stop_signal)}\n")
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)
        self._started = now
        self.started_once = True
        self._become(State.STARTING)

    def _filled(self, argument: str) -> str:
        for name, fd in self._fds.items():
            argument = argument.replace(f"{{fd:{name}}}", str(fd))
        return argument

    def _stop(self, process: subprocess.Popen[bytes], now: float) -> None:
        if self.state is not State.STOPPING:
            self._become(State.STOPPING)
            self._kill_at = now + GRACE
            process.send_signal(self.part.stop_signal)
        elif now >= self._kill_at:
            self.kill()

    def _ended(self, process: subprocess.Popen[bytes], now: float) -> None:
        # What the process left behind would hold its ports, locks and log pipe.
        self.kill()
        self._tell(f"-{process.pid}\n")
        if process.stdout is not None:
            with contextlib.suppress(OSError):
                while piece := os.read(process.stdout.fileno(), 65_536):
                    self.log.feed(piece)
            process.stdout.close()
        self.log.flush()
        self.process = None
        if now - self._started >= PROVEN:
            self._delay = FIRST_DELAY
        if self.state is State.STOPPING:
            self._start_at, self._delay = now, FIRST_DELAY
            self._become(State.HELD)
        elif self.part.once and process.returncode == 0:
            self._become(State.DONE)
        else:
            self._crashed(f"ended by itself ({_ending(process.returncode)})", now)

    def _crashed(self, what: str, now: float) -> None:
        self.log.say(f"{what}; starts again in {self._delay:g} s")
        self._start_at = now + self._delay
        self._delay = min(self._delay * 2, LAST_DELAY)
        self.restarts += 1
        self._become(State.CRASHED)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
