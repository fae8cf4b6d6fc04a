"""A Node that behaves as badly as it is told to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.uid import UID
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

CT, EXPLICIT, IMPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
Answer = Callable[["Misbehaving", Any, int], int]
"""The status for the `n`th C-STORE (from 1). The object is kept by the peer only if `keep` is called."""


def well(peer: Misbehaving, event: Any, n: int) -> int:
    peer.keep(event)
    return 0x0000


def every(nth: int, status: int) -> Answer:
    """`status` to each `nth` object, and all others kept."""
    return lambda peer, event, n: status if n % nth == 0 else well(peer, event, n)


def each(statuses: dict[str, int]) -> Answer:
    """A status for each SOPInstanceUID; 0xBxxx are kept, as the standard has it."""

    def answer(peer: Misbehaving, event: Any, n: int) -> int:
        status = statuses.get(str(event.request.AffectedSOPInstanceUID), 0x0000)
        if status in (0x0000, 0xB000, 0xB006, 0xB007):
            peer.keep(event)
        return status

    return answer


def aborts_at(number: int) -> Answer:
    """Answers nothing more to the association of the `number`th object, once."""

    def answer(peer: Misbehaving, event: Any, n: int) -> int:
        if n == number:
            event.assoc.abort()
        else:
            peer.keep(event)
        return 0x0000

    return answer


def dies_after_keeping(number: int) -> Answer:
    """The `number`th object is kept, and the connection gone before the answer."""

    def answer(peer: Misbehaving, event: Any, n: int) -> int:
        peer.keep(event)
        if n == number:
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return 0x0000

    return answer


def never_answers(peer: Misbehaving, event: Any, n: int) -> int:
    peer.closing.wait()
    return 0x0000


def loses(count: int) -> Answer:
    """Says that it has stored the first `count` objects, and has not."""
    return lambda peer, event, n: 0x0000 if n <= count else well(peer, event, n)


@dataclass
class Misbehaving:
    """`received` are the SOPInstanceUIDs of all requests, in order; `kept` what it has, with the PatientID of each."""

    answer: Answer = well
    port: int = 0
    received: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    most_at_once: int = 0
    released: int = 0
    aborted: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: set[Any] = field(default_factory=set)

    def keep(self, event: Any) -> None:
        data_set = event.dataset
        self.kept[str(data_set.SOPInstanceUID)] = data_set

    def store(self, event: Any) -> int:
        with self._lock:
            self.received.append(str(event.request.AffectedSOPInstanceUID))
            n = len(self.received)
            self._open = {assoc for assoc in self._open if assoc.is_established} | {event.assoc}
            self.most_at_once = max(self.most_at_once, len(self._open))
        return self.answer(self, event, n)

    def count(self, event: Any, which: str) -> None:
        with self._lock:
            setattr(self, which, getattr(self, which) + 1)

    def find(self, event: Any) -> Iterator[tuple[int, Any]]:
        """Lists what it has kept, under what it was sent."""
        wanted = event.identifier
        level = wanted.QueryRetrieveLevel
        seen = set()
        for data_set in list(self.kept.values()):
            uid = data_set.StudyInstanceUID if level == "STUDY" else data_set.SOPInstanceUID
            if data_set.StudyInstanceUID == wanted.StudyInstanceUID and uid not in seen:
                seen.add(uid)
                found = type(wanted)()
                for element in wanted:
                    found[element.tag] = data_set.get(element.tag, element)
                found.QueryRetrieveLevel = level
                yield 0xFF00, found


@contextlib.contextmanager
def misbehaving(
    answer: Answer = well,
    *,
    syntaxes: Iterable[str] = (EXPLICIT, IMPLICIT),
    classes: Iterable[str] = (CT,),
    with_find: bool = True,
    associations: int = 64,
    only_calling: str = "",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Misbehaving]:
    """A Node on a free port that takes `classes` in `syntaxes`, until the end of the block."""
    peer = Misbehaving(answer)
    ae = AE("MISBEHAVING")
    ae.maximum_associations = associations
    if only_calling:
        ae.require_calling_aet = [only_calling]
    ae.supported_contexts = [build_context(UID(uid), [UID(s) for s in syntaxes]) for uid in classes]
    if with_find:
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    handlers: list[Any] = [
        (evt.EVT_C_STORE, peer.store),
        (evt.EVT_C_FIND, peer.find),
        (evt.EVT_RELEASED, peer.count, ["released"]),
        (evt.EVT_ABORTED, peer.count, ["aborted"]),
    ]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        peer.closing.set()
        server.shutdown()
        server.server_close()
