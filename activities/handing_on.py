"""Handing objects on to our own edge: it alone keeps them durably, and acknowledges them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pynetdicom.association import Association

from activities.peer import PeerAddress, association, contexts, status_of
from activities.received_file import ReceivedFile
from models.domain.errors import PeerBusy, PeerRefuses, PeerUnreachable, Permanent
from models.domain.routing import AE_TITLE

EDGE = "The exchange's own receiver"
OUT_OF_RESOURCES = 0xA700
PATIENCE = 60.0
"""Seconds that the edge may take to make one object durable."""
QUIET = 60.0
"""Seconds without an object after which the edge may soon hang up (its limit of idle seconds is twice as long)."""


@dataclass(frozen=True)
class Onward:
    """Where the edge listens, and for which Node something is handed on to it."""

    host: str
    port: int
    node_id: str
    ae_title: str

    @property
    def edge(self) -> PeerAddress:
        return PeerAddress(EDGE, AE_TITLE, self.host, self.port, PATIENCE)


class HandingOn:
    """An association to the edge in the Node's name during a block; a new one where nothing came for a while.

    Raises PeerBusy where the edge takes nothing at present, and Permanent where it does not know us.
    """

    def __init__(self, onward: Onward, pairs: Sequence[tuple[str, str]]) -> None:
        self.onward = onward
        self.pairs = pairs
        self._open = ExitStack()
        self._used = 0.0

    def __enter__(self) -> Self:
        self._assoc = self._associate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def store(self, file: ReceivedFile) -> int:
        """The status for the one who sent it: the edge's own, or out of resources (PS3.4 Table B.2-1)."""
        if not file.complete():
            return OUT_OF_RESOURCES
        if time.monotonic() - self._used > QUIET:
            self._open.close()
            self._assoc = self._associate()
        try:
            # As if the Node had moved it to the edge: it came at our request.
            answer = self._assoc.send_c_store(file.path, originator_aet=AE_TITLE, originator_id=1)
            status = status_of(self.onward.edge, answer)
        except (PeerUnreachable, RuntimeError) as fault:
            raise PeerBusy(f"{EDGE} does not answer.") from fault
        self._used = time.monotonic()
        return status

    def _associate(self) -> Association:
        wanted, onward = contexts(self.pairs), self.onward
        try:
            made = self._open.enter_context(
                association(onward.edge, wanted, calling=onward.ae_title, user=onward.node_id)
            )
        except PeerUnreachable as fault:
            # Not the fault of the Node that is asked.
            raise PeerBusy(f"{EDGE} does not answer.") from fault
        except PeerRefuses as fault:
            raise Permanent(f"{EDGE} does not know this worker; name its address in IEP_WORKER_ADDRESSES.") from fault
        self._used = time.monotonic()
        return made
