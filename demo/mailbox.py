"""A local SMTP server that keeps every mail as a file: the demo's postman.

python -m demo.mailbox --port 1025 --folder var/mail
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

STAMP = "%Y%m%dT%H%M%S.%fZ"
SUFFIX = ".eml"

log = logging.getLogger(__name__)


def keep(folder: Path, content: bytes, now: datetime) -> Path:
    """Writes a mail so that it survives a crash at any moment, under a name that tells nothing about it."""
    path = folder / f"{now.strftime(STAMP)}-{uuid.uuid4()}{SUFFIX}"
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    parent = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    return path


class _Postman:
    """aiosmtpd's handler; what it returns is the answer to DATA."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        # The envelope is what counts for delivery; the message itself may not name all recipients.
        delivered = "".join(f"Delivered-To: {recipient}\r\n" for recipient in envelope.rcpt_tos)
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            keep(self.folder, delivered.encode() + content, datetime.now(UTC))
        except OSError:
            log.exception("a mail could not be kept")
            return "452 Requested action not taken: insufficient system storage"
        return "250 Kept"


async def _serve(host: str, port: int, folder: Path) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stopped.set)
    postman = _Postman(folder)
    server = await loop.create_server(lambda: SMTP(postman, hostname="localhost", enable_SMTPUTF8=True), host, port)
    async with server:
        log.info("the mailbox listens on %s:%d", host, server.sockets[0].getsockname()[1])
        await stopped.wait()


def run_mailbox(host: str, port: int, folder: Path) -> None:
    """Serves until SIGTERM or Ctrl-C; a mail is on disk before its sender reads 250."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.tmp"):
        left_over.unlink()
    # aiosmtpd logs every command with its addresses.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    asyncio.run(_serve(host, port, folder))


def main() -> None:
    parser = argparse.ArgumentParser(description="A local SMTP server that keeps every mail as a file.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_mailbox(given.host, given.port, given.folder)


if __name__ == "__main__":
    main()
