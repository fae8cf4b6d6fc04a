"""Handing objects on to our own edge: it alone keeps them durably, and acknowledges them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pynetdicom.association import Association

from activities.peer import PeerAddress, association, contexts, status_of
from activities.received_file import ReceivedFile
from models.directory import AE_TITLE
from models.domain.errors import ExchangeError, PeerBusy, PeerRefuses, PeerUnreachable, Permanent

EDGE = "The exchange's own receiver"
OUT_OF_RESOURCES = 0xA700
PATIENCE = 60.0
"""Seconds that the edge may take to make one object durable."""


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
    """An association to the edge in the Node's name during a block, opened anew after it has ended meanwhile.

    Raises PeerBusy at the beginning where the edge takes nothing at present, and Permanent where it does not know us.
    """

    def __init__(self, onward: Onward, pairs: Sequence[tuple[str, str]]) -> None:
        self.onward = onward
        self.pairs = pairs
        self._open = ExitStack()
        self._assoc: Association | None = None

    def __enter__(self) -> Self:
        self._associate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def store(self, file: ReceivedFile) -> int:
        """The status for the one who sent it: the edge's own, or out of resources (PS3.4 Table B.2-1)."""
        if not file.complete():
            return OUT_OF_RESOURCES
        try:
            return status_of(self.onward.edge, self._associated().send_c_store(file.path))
        except (ExchangeError, RuntimeError, ValueError):
            # It has gone, or does not take what it took in the negotiation: the PACS is asked for this one again.
            self._assoc = None
            return OUT_OF_RESOURCES

    def _associated(self) -> Association:
        if self._assoc is None or not self._assoc.is_established:
            return self._associate()
        return self._assoc

    def _associate(self) -> Association:
        self._open.close()
        wanted, onward = contexts(self.pairs), self.onward
        try:
            made = association(onward.edge, wanted, calling=onward.ae_title, user=onward.node_id)
            self._assoc = self._open.enter_context(made)
        except PeerUnreachable as fault:
            # Not the fault of the Node that is asked.
            raise PeerBusy(f"{EDGE} does not answer.") from fault
        except PeerRefuses as fault:
            raise Permanent(f"{EDGE} does not know this worker; name its address in IEP_WORKER_ADDRESSES.") from fault
        return self._assoc
