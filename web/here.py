"""What the views work with: the database, the door to the engine, and the settings of this portal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flask import current_app

from models.db import Database
from models.domain.trouble import Happening, Troubled

NAME = "image-exchange"


class Door(Protocol):
    """What the views need of temporal.gateway.Gateway."""

    def try_now(self, database: Database, command_id: str) -> str:
        """Deliver one saved command; a sentence for the person who waits, empty when it is done."""

    def await_end(self, workflow_id: str) -> None:
        """Return when a workflow has ended, or after a few seconds."""


class Desk(Protocol):
    """What the support desk needs of temporal.recovery.Recovery; PeerUnreachable when the engine is away."""

    def lists(self) -> tuple[Troubled, ...]:
        """What is in trouble at the engine."""

    def story(self, workflow_id: str) -> tuple[Happening, ...]:
        """What the engine remembers of a workflow."""


@dataclass(frozen=True)
class Here:
    """`health` answers for each part of the exchange whether it is ready; `mailbox` is the demo's folder of mails.

    `dicom_port` is where PACS push to, for pages to name it. `not_running` are the parts that should move things on
    and are not there.
    """

    database: Database
    gateway: Door
    health: Callable[[], Mapping[str, bool]]
    mailbox: Path | None
    secure_cookies: bool
    dicom_port: int | None = None
    recovery: Desk | None = None
    not_running: Callable[[], Collection[str]] = tuple


def here() -> Here:
    found = current_app.extensions[NAME]
    assert isinstance(found, Here)
    return found
