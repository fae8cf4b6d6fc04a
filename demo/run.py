"""`iep demo`: starts everything and says what to do with it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from demo.exchange import HOSPITALS, environment, parts, ports
from demo.runner import RunnerError, run
from settings import Settings


def run_demo(settings: Settings, *, empty: bool = False) -> None:
    """Run until Ctrl-C; exits with one sentence when it cannot start."""
    var = settings.var.resolve()
    # The parts inherit it: images and mails are for whoever runs the demo, and for no other account of the host.
    os.umask(0o077)
    try:
        code = run(
            parts(settings, empty=empty),
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
    iep = f"{_own(settings)}{_shown(Path(sys.executable).parent / 'iep')}"
    accounts = (var / "accounts").read_text() if (var / "accounts").exists() else ""
    pacs = ", ".join(f"{code}_PACS at {settings.port(f'{code}_PACS')}" for code in HOSPITALS)
    print(
        f"""
The exchange is ready.

  Web pages   {settings.url}
  Mail        {settings.url}/mailbox shows what the exchange mails, after you have signed in
  DICOM       127.0.0.1:{settings.port("dicom")}, AE title IEP, or IEP_ZX2 to send to ZX2 (IEP_ZX1, IEP_ZX3)
  with TLS    127.0.0.1:{settings.port("dicom_tls")}, the same AE titles; certificates in {_shown(var / "tls")}
  PACS        AE title {pacs}
  Engine      127.0.0.1:{settings.port("temporal")}, its pages at http://127.0.0.1:{settings.port("temporal_ui")}

Accounts (kept in {_shown(var / "accounts")}):
{accounts}
Three things to try, in another shell:
  {iep} exercise
      pushes a study for ZX2 and waits until ZX2's PACS has it
  {iep} exercise --destination ZX3 --timeout 600
      waits for you: sign in as officer.zx3 and release the study from the worklist
  {iep} stop ZX2_PACS
  {iep} exercise --timeout 10
  {iep} start ZX2_PACS
      the exercise ends with "not in ZX2_PACS" and the study's page, as it must while that PACS is down;
      once it is back the study goes on by itself
""",
        flush=True,
    )


def _shown(path: Path) -> str:
    """Short where it lies below the folder one is in."""
    return str(path.absolute().relative_to(Path.cwd()) if path.absolute().is_relative_to(Path.cwd()) else path)


def _own(settings: Settings) -> str:
    """The variables that another shell needs to find this demo; none where it is the usual one."""
    base = f"IEP_PORT_BASE={settings.port_base} " if settings.port_base else ""
    var = f"IEP_VAR={shlex.quote(str(settings.var.resolve()))} " if "var" in settings.model_fields_set else ""
    return base + var
