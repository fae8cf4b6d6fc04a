"""What the views work with: the database, the door to the engine, and the settings of this portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flask import current_app

from models.db import Database

NAME = "image-exchange"


class Door(Protocol):
    """What the views need of temporal.gateway.Gateway."""

    def try_now(self, database: Database, command_id: str) -> str:
        """Deliver one saved command; a sentence for the person who waits, empty when it is done."""


@dataclass(frozen=True)
class Here:
    """`health` answers for each part of the exchange whether it is ready; `mailbox` is the demo's folder of mails."""

    database: Database
    gateway: Door
    health: Callable[[], Mapping[str, bool]]
    mailbox: Path | None
    secure_cookies: bool


def here() -> Here:
    found = current_app.extensions[NAME]
    assert isinstance(found, Here)
    return found
