"""A sender's application entity that listens for the answer to its commitment request (PS3.4 Section J.3.3)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel


@dataclass(frozen=True)
class Report:
    """One N-EVENT-REPORT, and who sent it."""

    calling: str
    event_type: int
    information: Dataset

    @property
    def kept(self) -> dict[str, str]:
        return self._of("ReferencedSOPSequence", "ReferencedSOPClassUID")

    @property
    def failed(self) -> dict[str, int]:
        return self._of("FailedSOPSequence", "FailureReason")

    def _of(self, sequence: str, keyword: str) -> dict[str, Any]:
        return {
            str(reference.ReferencedSOPInstanceUID): reference[keyword].value
            for reference in self.information.get(sequence) or []
        }


@dataclass
class Listener:
    """Where it listens, what it was told, and with which statuses it answers: one after the other, the last stays."""

    port: int = 0
    reports: list[Report] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [0x0000])
    roles: list[tuple[bool, bool]] = field(default_factory=list)

    def take(self, event: Any) -> tuple[int, None]:
        calling = event.assoc.requestor.ae_title
        self.reports.append(Report(calling, event.request.EventTypeID, event.event_information))
        proposed = event.assoc.requestor.role_selection.values()
        self.roles += [(role.scu_role, role.scp_role) for role in proposed]
        return (self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]), None


@contextmanager
def listening(
    ae_title: str = "STORESCU", *, supports: str = StorageCommitmentPushModel, tls: ssl.SSLContext | None = None
) -> Iterator[Listener]:
    listener = Listener()
    entity = AE(ae_title)
    entity.add_supported_context(supports, scu_role=False, scp_role=True)
    handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, listener.take)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
    listener.port = server.server_address[1]
    try:
        yield listener
    finally:
        server.shutdown()
