"""The runner, with small programs of Python that misbehave each in its own way."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.hold import hold, read_state, release
from demo.parts import Part, Port, RunnerError, check, listen
from tests.demo.programs import lives
from tests.demo.running import Running
from tests.eventually import eventually

PLAIN = "import time; print('plain says hello'); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(600)"
PARENT = (
    "import subprocess, sys, time\n"
    "grandchild = subprocess.Popen([sys.executable, '-c', "
    "'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)'])\n"
    "print('grandchild', grandchild.pid)\n"
    "time.sleep(600)"
)


def python(program: str) -> str:
    """A part's argv as source."""
    return f"(sys.executable, '-c', {program!r})"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def starter(*arguments: str, **named: str) -> Running:
        running.append(Running(tmp_path, *arguments, **named))
        return running[-1]

    yield starter
    for one in running:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def nothing_left(running: Running, more: set[int] | None = None) -> bool:
    return not any(map(lives, running.seen | (more or set())))


def grandchild_of(running: Running) -> int:
    return int(running.said("grandchild ").split("grandchild ")[1].split()[0])


def test_prefixes_lines_and_keeps_them_in_a_file(start: Callable[..., Running]) -> None:
    running = start(f"[Part('plain', {python(PLAIN)}), Part('longer-name', {python(PLAIN)})]")
    running.said("plain       | plain says hello")
    running.said("longer-name | plain says hello")
    running.said("everything is ready")
    assert (running.log_folder / "plain.log").read_text() == "plain says hello\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_with_exit_code_0(start: Callable[..., Running], number: int) -> None:
    running = start(f"[Part('one', {python(PLAIN)}), Part('two', {python(PARENT)}, after=('one',))]")
    running.said("everything is ready")
    grandchild = grandchild_of(running)
    assert running.end(number) == 0
    assert nothing_left(running, {grandchild})
    assert len(running.seen) == 2
    with pytest.raises(RunnerError, match="No demo is running"):
        read_state(running.run_folder)


def test_a_stubborn_part_is_killed_after_its_grace(start: Callable[..., Running]) -> None:
    running = start(f"[Part('stubborn', {python(STUBBORN)})]")
    running.said("| up")
    assert running.end() == 0
    assert nothing_left(running)


def test_dependents_stop_first_and_by_their_own_signal(start: Callable[..., Running]) -> None:
    says = (
        "import signal, sys, time\n"
        "signal.signal({0}, lambda *_: (print('goodbye'), sys.exit()))\n"
        "print('up'); time.sleep(600)"
    )
    running = start(
        f"[Part('base', {python(says.format(2))}, stop_signal=signal.SIGINT),"
        f" Part('upper', {python(says.format(15))}, after=('base',))]"
    )
    running.said("base  | up")
    running.said("upper | up")
    assert running.end() == 0
    lines = running.output.read_text().splitlines()
    assert lines.index("upper | goodbye") < lines.index("base  | goodbye")


def test_a_crashed_part_is_restarted_ever_more_slowly(start: Callable[..., Running]) -> None:
    running = start(f"[Part('crash', {python('import sys; sys.exit(3)')}), Part('plain', {python(PLAIN)})]")
    text = running.said("starts again in 0.8 s")
    assert "crash | [runner] ended by itself (exit code 3); starts again in 0.2 s" in text
    assert "starts again in 0.4 s" in text
    assert running.parts()["crash"]["restarts"] >= 3
    assert running.parts()["plain"]["restarts"] == 0


def test_a_killed_part_comes_back_without_its_old_children(start: Callable[..., Running]) -> None:
    running = start(f"[Part('parent', {python(PARENT)})]")
    grandchild = grandchild_of(running)
    first = running.wait_for("parent", "ready")["pid"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: running.parts()["parent"]["pid"] not in (None, first))
    eventually(lambda: not lives(grandchild))


def test_kill_9_of_the_runner_leaves_nothing(start: Callable[..., Running]) -> None:
    running = start(
        f"[Part('plain', {python(PLAIN)}), Part('stubborn', {python(STUBBORN)}), Part('parent', {python(PARENT)})]"
    )
    running.said("everything is ready")
    running.said("stubborn | up")
    grandchild = grandchild_of(running)
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    assert len(running.seen) == 3
    eventually(lambda: nothing_left(running, {grandchild}))


def test_a_part_waits_for_those_before_it(start: Callable[..., Running], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    running = start(
        f"[Part('base', {python(PLAIN)}, ready=Path({str(gate)!r}).exists), "
        f"Part('once', {python('print(1)')}, once=True), Part('upper', {python(PLAIN)}, after=('base', 'once'))]"
    )
    running.wait_for("once", "done")
    assert running.wait_for("base", "starting")["pid"]
    assert running.parts()["upper"] == {**running.parts()["upper"], "pid": None, "state": "waiting"}
    gate.touch()
    running.wait_for("upper", "ready")


def test_hold_and_release(start: Callable[..., Running]) -> None:
    running = start(f"[Part('base', {python(PLAIN)}), Part('plain', {python(PLAIN)}, after=('base',))]")
    first = running.wait_for("plain", "ready")["pid"]
    hold(running.run_folder, "plain")
    assert not lives(first)
    assert running.parts()["plain"]["state"] == "held"
    assert running.parts()["base"]["state"] == "ready"
    release(running.run_folder, "plain")
    after = running.parts()["plain"]
    assert after["state"] == "ready"
    assert after["pid"] != first
    assert after["restarts"] == 0


def test_holding_says_what_is_wrong(start: Callable[..., Running], tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="No demo is running"):
        hold(tmp_path / "run", "plain")
    running = start(f"[Part('plain', {python(PLAIN)})]")
    running.wait_for("plain", "ready")
    with pytest.raises(RunnerError, match=r"no part 'other'; its parts are plain\."):
        release(running.run_folder, "other")
    running.end(signal.SIGKILL)
    with pytest.raises(RunnerError, match="No demo is running"):
        hold(running.run_folder, "plain")


def test_a_port_in_use_is_named_before_anything_starts(start: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        running = start(f"[Part('plain', {python(PLAIN)})]", f"[Port('web', {number}, 'the web pages')]")
        assert running.process.wait(timeout=30) == 1
    expected = f"Port {number} on 127.0.0.1, wanted for the web pages, cannot be used: address already in use.\n"
    assert running.output.read_text() == expected
    assert not running.log_folder.exists()


def test_two_runners_of_one_folder_exclude_each_other(start: Callable[..., Running]) -> None:
    running = start(f"[Part('plain', {python(PLAIN)})]")
    running.wait_for("plain", "ready")
    second = start(f"[Part('plain', {python(PLAIN)})]")
    assert second.process.wait(timeout=30) == 1
    assert second.output.read_text().startswith("A demo is already running with ")
    assert running.parts()["plain"]["state"] == "ready"


def test_the_listening_socket_outlives_its_children(start: Callable[..., Running], tmp_path: Path) -> None:
    server = (
        "import select, socket, sys\n"
        "listening = socket.socket(fileno=int(sys.argv[1]))\n"
        "print('port', listening.getsockname()[1])\n"
        "while select.select([listening], [], []):\n"
        "    listening.accept()[0].sendall(b'hello')\n"
    )
    part = f"Part('server', (*{python(server)}, '{{fd:dicom}}'), sockets=('dicom',))"
    running = start(f"[{part}]", "[Port('dicom', 0, 'DICOM')]")
    number = int(running.said("port ").split("port ")[1].split()[0])
    first = running.wait_for("server", "ready")["pid"]
    os.kill(first, signal.SIGKILL)
    # Connected perhaps while no child lives: the answer comes from the next one.
    with socket.create_connection(("127.0.0.1", number), timeout=20) as connection:
        assert connection.recv(5) == b"hello"


def test_the_log_file_has_a_bound(start: Callable[..., Running]) -> None:
    floods = "print('x' * 60000 + '\\n' + 'y' * 60000 + '\\n', end='')"
    flood = f"import time\nfor _ in range(60): {floods}\nprint('flooded'); time.sleep(600)"
    running = start(f"[Part('flood', {python(flood)})]")
    running.said("| flooded")
    assert (running.log_folder / "flood.log.1").exists()
    assert (running.log_folder / "flood.log").stat().st_size < 5_100_000


def test_mistakes_in_the_list_of_parts_are_found_before_the_start() -> None:
    with pytest.raises(ValueError, match="must be listed before it"):
        check([Part("one", ("true",), after=("two",)), Part("two", ("true",))], [])
    with pytest.raises(ValueError, match="no port describes"):
        check([Part("one", ("true",), sockets=("dicom",))], [])
    with pytest.raises(ValueError, match="one name"):
        check([Part("one", ("true",)), Part("one", ("true",))], [])
    with pytest.raises(ValueError, match="name of a file"):
        check([Part("../one", ("true",))], [])


def test_a_refused_port_frees_those_bound_before_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = socket.create_server(("127.0.0.1", 0))
        number = free.getsockname()[1]
        free.close()
        with pytest.raises(RunnerError):
            listen([Port("a", number, "a"), Port("b", taken.getsockname()[1], "b")], {"a"})
        for bound in listen([Port("a", number, "a")], {"a"}).values():
            bound.close()


def test_state_is_readable_as_a_whole(start: Callable[..., Running]) -> None:
    running = start(f"[Part('plain', {python(PLAIN)})]")
    running.wait_for("plain", "ready")
    state = json.loads((running.run_folder / "state.json").read_text())
    assert state["runner"] == running.process.pid
    assert set(state["parts"]["plain"]) == {"pid", "state", "restarts", "since"}
