"""A destination that commits itself to what it was sent: on the same association, only later, or never."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
)


@dataclass
class Committing:
    """`asked` are its requests; it says that `lacks` fail (0112); `statuses` are what its reports were answered."""

    at_once: bool = True
    lacks: tuple[str, ...] = ()
    transaction: str = ""
    status: int = 0x0000
    port: int = 0
    asked: list[Dataset] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def take(self, event: Any) -> tuple[int, None]:
        self.asked.append(event.action_information)
        if self.at_once:
            threading.Thread(target=self._report, args=(event.assoc, event.action_information), daemon=True).start()
        return self.status, None

    def _report(self, association: Any, request: Dataset) -> None:
        information = Dataset()
        information.TransactionUID = self.transaction or request.TransactionUID
        kept = [one for one in request.ReferencedSOPSequence if one.ReferencedSOPInstanceUID not in self.lacks]
        failed = [one for one in request.ReferencedSOPSequence if one.ReferencedSOPInstanceUID in self.lacks]
        for one in failed:
            one.FailureReason = 0x0112
        if kept:
            information.ReferencedSOPSequence = kept
        if failed:
            information.FailedSOPSequence = failed
        status, _ = association.send_n_event_report(
            information, 2 if failed else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        self.statuses.append(status.get("Status", -1))
        self.done.set()


@contextlib.contextmanager
def committing(tls: ssl.SSLContext | None = None, **given: Any) -> Iterator[Committing]:
    """On a free port until the end of the block; it lists nothing when it is asked by C-FIND."""
    peer = Committing(**given)
    entity = AE("COMMITTING")
    entity.add_supported_context(StorageCommitmentPushModel)
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    handlers: list[Any] = [(evt.EVT_N_ACTION, peer.take), (evt.EVT_C_FIND, lambda event: iter(()))]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
