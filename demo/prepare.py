"""What must exist before the demo's parts start: tables, keys, certificates, hospitals, studies, retention."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from pathlib import Path

from sqlalchemy.exc import OperationalError

from demo.certificates import make_certificates
from demo.exchange import HOSPITALS, RETENTION, temporal_binary
from demo.hospitals import ACTOR, QUIET, employ, found
from demo.studies import preload
from models.certificates import fingerprint
from models.db import Database
from models.directory import write_directory_file
from models.domain.errors import Permanent
from models.registry import add_node
from models.tables import Node
from settings import Settings
from temporal.encryption import new_key_line

PATIENCE = 30.0


def prepare(settings: Settings) -> None:
    """Make what is missing; what is there stays as it is."""
    var = settings.var
    if settings.database_url is None or settings.payload_keys is None or settings.web_secret is None:
        raise Permanent("This is a part of the demo; run `iep demo`.")
    _secret_file(settings.payload_keys, new_key_line("demo-1").encode())
    _secret_file(settings.web_secret, secrets.token_bytes(32))
    make_certificates(var / "tls", ("exchange", "zx1", "zx2"))
    database = Database(settings.database_url.get_secret_value())
    _upgrade(database)
    database.must_be_durable()
    with database.begin() as session:
        found(session, {code: settings.port(f"{code}_PACS") for code in HOSPITALS})
        employ(session, var / "accounts")
        if not session.query(Node).filter_by(ae_title="ZX1_TLS").count():
            add_node(
                session,
                ACTOR,
                institution_id="ZX1",
                name="ZX1_TLS",
                ae_title="ZX1_TLS",
                source_addresses=["127.0.0.1"],
                certificate_sha256=fingerprint(var / "tls" / "zx1.pem"),
                quiet_seconds=QUIET,
            )
        _move_ports(session.query(Node).filter(Node.host != "").all(), settings)
    write_directory_file(database, settings.directory_file)
    for code in HOSPITALS:
        preload(var / "pacs" / code, code)
    _keep_histories(settings)
    database.close()


def _upgrade(database: Database) -> None:
    # The socket is there a moment before the server answers.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            database.upgrade()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _move_ports(nodes: list[Node], settings: Settings) -> None:
    """A demo that is started again with another IEP_PORT_BASE finds its PACS where it is now."""
    for node in nodes:
        node.port = settings.port(node.name)


def _secret_file(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def _keep_histories(settings: Settings) -> None:
    """The engine forgets closed workflows after a day unless it is told otherwise."""
    subprocess.run(
        [
            temporal_binary(), "operator", "namespace", "update", "--namespace", settings.temporal_namespace,
            "--retention", RETENTION, "--address", settings.temporal,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=PATIENCE,
    )  # fmt: skip
