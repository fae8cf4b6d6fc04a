"""A runner in a process of its own, and what it says of its parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from demo.hold import read_state
from demo.parts import RunnerError
from tests.demo.programs import ROOT
from tests.eventually import eventually


class Running:
    """A runner in its own process, as the command line starts it."""

    def __init__(self, folder: Path, parts: str, ports: str = "()", prelude: str = "") -> None:
        self.run_folder = folder / "run"
        self.log_folder = folder / "log"
        program = textwrap.dedent(
            f"""
            import signal, sys
            from pathlib import Path
            from demo.runner import RunnerError, Part, Port, listens, run
            {prelude}
            try:
                sys.exit(run({parts}, run_folder=Path({str(self.run_folder)!r}), log_folder=Path(
                    {str(self.log_folder)!r}), ports={ports}, when_ready=lambda: print("everything is ready")))
            except RunnerError as refusal:
                print(refusal)
                sys.exit(1)
            """
        )
        self.output = folder / f"output-{os.urandom(4).hex()}"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.seen: set[int] = set()

    def said(self, text: str) -> str:
        eventually(lambda: text in self.output.read_text())
        return self.output.read_text()

    def parts(self) -> dict[str, dict[str, Any]]:
        try:
            parts = read_state(self.run_folder)
        except (RunnerError, ValueError):
            return {}
        self.seen |= {part["pid"] for part in parts.values() if part["pid"]}
        return parts

    def wait_for(self, part: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.parts().get(part)
            return found if found and found["state"] == state else None

        found = eventually(look)
        assert found
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        self.parts()
        self.process.send_signal(number)
        return self.process.wait(timeout=30)
