"""Keeps known on this host whether the engine answers, so that every page can say so without asking it."""

from __future__ import annotations

import logging
import threading

from models.presence import ENGINE, Presence
from temporal.gateway import Gateway

log = logging.getLogger(__name__)
LOOK_EVERY = 2.0


class Watch:
    """The engine is announced as a part that is here while its last answer was that it is well.

    In a thread of its own: with an engine that is away each command keeps the relay waiting.
    """

    def __init__(self, gateway: Gateway, here: Presence) -> None:
        self.gateway = gateway
        self.here = here

    def look(self) -> None:
        if self.gateway.is_ready():
            self.here.announce(ENGINE)
        else:
            self.here.miss(ENGINE)

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(LOOK_EVERY):
            try:
                self.look()
            except Exception as away:  # noqa: BLE001 - whatever it is, it is looked again
                log.warning("the engine cannot be watched at present: %s", type(away).__name__)
