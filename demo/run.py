"""`iep demo`: starts everything and says what to do with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from demo.exchange import environment, parts, ports
from demo.runner import RunnerError, run
from settings import Settings


def run_demo(settings: Settings) -> None:
    """Run until Ctrl-C; exits with one sentence when it cannot start."""
    var = settings.var.resolve()
    try:
        code = run(
            parts(settings),
            run_folder=var / "run",
            log_folder=var / "log",
            ports=ports(settings),
            when_ready=lambda: welcome(settings),
        )
    except RunnerError as error:
        raise SystemExit(str(error)) from error
    sys.exit(code)


def joined(settings: Settings) -> Settings:
    """The settings with which the demo's own parts run, for a command from another shell."""
    for name, value in environment(settings).items():
        os.environ.setdefault(name, value)
    return Settings.load()


def welcome(settings: Settings) -> None:
    """The addresses, the accounts, and three things to try."""
    var = settings.var
    base = f"IEP_PORT_BASE={settings.port_base} " if settings.port_base else ""
    command = Path(sys.executable).parent / "iep"
    iep = f"{base}{os.path.relpath(command)}"
    accounts = (var / "accounts").read_text() if (var / "accounts").exists() else ""
    print(
        f"""
The exchange is ready.

  Web pages   {settings.url}
  DICOM       127.0.0.1:{settings.port("dicom")}, AE title IEP, or IEP_ZX2 to send to ZX2 (IEP_ZX1, IEP_ZX3)
  Engine      127.0.0.1:{settings.port("temporal")}, its pages at http://127.0.0.1:{settings.port("temporal_ui")}

Accounts (kept in {os.path.relpath(var / "accounts")}):
{accounts}
Three things to try, in another shell:
  {iep} exercise
      pushes a study for ZX2 and waits until ZX2's PACS has it
  storescu -aec IEP_ZX3 127.0.0.1 {settings.port("dicom")} IMAGE.dcm
      then sign in as officer.zx3, who releases it from the worklist
  {iep} stop ZX2_PACS; {iep} exercise --timeout 10; {iep} start ZX2_PACS
      the study waits for the PACS, and goes on by itself when it is back
""",
        flush=True,
    )
