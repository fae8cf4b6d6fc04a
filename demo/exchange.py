"""The whole demo as parts for the runner: three hospitals and the exchange between them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from demo import postgres
from demo.parts import Part, Port, listens
from models.presence import Presence
from settings import Settings

HOSPITALS = ("ZX1", "ZX2", "ZX3")
EDGES = ("edge-1", "edge-2")
PURPOSES = {
    "web": "the web pages",
    "dicom": "receiving DICOM",
    "dicom_tls": "receiving DICOM over TLS",
    "temporal": "the workflow engine",
    "temporal_ui": "the workflow engine's own pages",
    "smtp": "the demo's mail",
    "ZX1_PACS": "the PACS of ZX1",
    "ZX2_PACS": "the PACS of ZX2",
    "ZX3_PACS": "the PACS of ZX3",
}
RETENTION = "90d"
EVERYTHING = (
    *(f"{code}_PACS" for code in HOSPITALS), *EDGES, "mailbox", "ingest", "relay", "workflows", "transfer-urgent",
    "transfer-bulk", "web",
)  # fmt: skip


def ports(settings: Settings) -> list[Port]:
    return [Port(name, settings.port(name), purpose) for name, purpose in PURPOSES.items()]


def environment(settings: Settings) -> dict[str, str]:
    """What the demo's own processes find in their environment."""
    var = settings.var.resolve()
    return {
        "IEP_VAR": str(var),
        "IEP_DATABASE_URL": postgres.url(var),
        "IEP_PAYLOAD_KEYS": str(var / "keys" / "payload.keys"),
        "IEP_WEB_SECRET": str(var / "keys" / "web.secret"),
        "IEP_SMTP_PORT": str(settings.port("smtp")),
        "IEP_TLS_KEY": str(var / "tls" / "exchange.key"),
        "IEP_TLS_CERTIFICATE": str(var / "tls" / "exchange.pem"),
        "IEP_TLS_AUTHORITIES": str(var / "tls" / "authority.pem"),
        "IEP_DEMO": "true",
        "IEP_SECURE_COOKIES": "false",
        "IEP_SPOOL_LOW_WATER": str(256 << 20),
    } | ({"IEP_PORT_BASE": str(settings.port_base)} if settings.port_base else {})


def parts(settings: Settings, *, empty: bool = False) -> list[Part]:
    """Every program, in the order in which they first start; `empty` without the transactions to look at."""
    var = settings.var.resolve()
    here = Presence(var / "run" / "present")
    shared = environment(settings)

    def ours(name: str, *verb: str, sockets: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Part:
        argv = (sys.executable, "-m", "cli", *verb)
        return Part(name, argv, sockets, after, ready=lambda: here.is_here(name), environment=shared)

    engine = ("postgresql", "temporal", "prepare")
    fixtures = Part(
        "fixtures", (sys.executable, "-m", "cli", "fixtures"), after=EVERYTHING, once=True, beside=True,
        environment=shared,
    )  # fmt: skip
    edges = [
        ours(
            edge, "edge", "--name", edge, "--plain-fd", "{fd:dicom}", "--tls-fd", "{fd:dicom_tls}",
            sockets=("dicom", "dicom_tls"), after=("prepare",),
        )
        for edge in EDGES
    ]  # fmt: skip
    return [
        Part(
            "postgresql",
            (sys.executable, "-m", "cli", "postgres"),
            ready=_accepts(postgres.socket_folder(var) / postgres.SOCKET),
            stop_signal=signal.SIGINT,
            environment=shared,
        ),
        Part("temporal", _temporal(settings), ready=listens("127.0.0.1", settings.port("temporal"))),
        Part("mailbox", _mailbox(settings), ready=listens("127.0.0.1", settings.port("smtp"))),
        Part("prepare", (sys.executable, "-m", "cli", "prepare"), after=("postgresql", "temporal"), once=True,
             environment=shared),
        *(_pacs(settings, code) for code in HOSPITALS),
        *edges,
        ours("ingest", "ingest", after=engine),
        ours("relay", "relay", after=engine),
        ours("workflows", "worker", "workflows", after=engine),
        ours("transfer-urgent", "worker", "transfer-urgent", after=engine),
        ours("transfer-bulk", "worker", "transfer-bulk", after=engine),
        ours("web", "web", after=engine),
        *([] if empty else [fixtures]),
    ]  # fmt: skip


def temporal_binary() -> str:
    """The engine's program: TEMPORAL_CLI, else the one beside this Python."""
    beside = Path(sys.executable).parent
    return os.environ.get("TEMPORAL_CLI") or shutil.which("temporal", path=str(beside)) or "temporal"


def _temporal(settings: Settings) -> tuple[str, ...]:
    folder = settings.var.resolve() / "temporal"
    folder.mkdir(parents=True, exist_ok=True)
    return (
        temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1", "--ui-ip", "127.0.0.1",
        "--port", str(settings.port("temporal")), "--ui-port", str(settings.port("temporal_ui")),
        "--db-filename", str(folder / "temporal.db"),
        "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2", "--log-level", "error",
        # As in temporal/dynamicconfig: a worker that stands still is given no more work.
        *("--dynamic-config-value", 'frontend.keepAliveTime="3s"'),
        *("--dynamic-config-value", 'frontend.keepAliveTimeout="3s"'),
    )  # fmt: skip


def _mailbox(settings: Settings) -> tuple[str, ...]:
    folder = settings.var.resolve() / "mailbox"
    return (sys.executable, "-m", "demo.mailbox", "--port", str(settings.port("smtp")), "--folder", str(folder))


def _pacs(settings: Settings, code: str) -> Part:
    folder = settings.var.resolve() / "pacs" / code
    peers = {f"{other}_PACS": settings.port(f"{other}_PACS") for other in HOSPITALS if other != code}
    peers |= {ae_title: settings.port("dicom") for ae_title in ("IEP", *(f"IEP_{other}" for other in HOSPITALS))}
    port = settings.port(f"{code}_PACS")
    named = [word for ae_title, number in peers.items() for word in ("--peer", f"{ae_title}=127.0.0.1:{number}")]
    program = (sys.executable, "-m", "demo.pacs", "--ae-title", f"{code}_PACS", "--port", str(port))
    return Part(
        f"{code}_PACS",
        (*program, "--folder", str(folder), *named),
        after=("prepare",),
        ready=listens("127.0.0.1", port),
    )


def _accepts(path: Path) -> Callable[[], bool]:
    def ready() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(str(path)) == 0

    return ready
