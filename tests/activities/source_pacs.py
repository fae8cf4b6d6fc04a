"""A sender's PACS that lists, and moves or gives, as it is told to, and an edge that takes over whatever it sends."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID
from pynetdicom import AE, build_context, evt
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_GET
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from tests.activities.misbehaving import CT, EXPLICIT
from tests.eventually import eventually
from tests.ingest.filling import Filling

Moves = Callable[[int, str, list[Dataset]], tuple[Sequence[Dataset], int]]
"""For the `n`th C-MOVE or C-GET (from 1), its level and what was asked for: what is sent, and the final status."""


def all_of_it(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
    return wanted, 0x0000


def in_explicit(image: Dataset) -> Dataset:
    """It says in which transfer syntax it can be sent."""
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    return image


class Interrupted(Sequence[Dataset]):
    """Images; `act` is called when the first `n` of them have been given."""

    def __init__(self, images: Sequence[Dataset], n: int, act: Callable[[], object]) -> None:
        self.images, self.n, self.act = images, n, act

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: Any) -> Any:
        if number == self.n:
            self.act()
        return self.images[number]


@dataclass
class SourcePacs:
    """`asked` are the level and the number of images named by each C-MOVE or C-GET.

    By C-GET it need not tell how it gets on; `on_the_wire` has the data set of each image as it was last given by it,
    by SOPInstanceUID.
    """

    images: list[Dataset]
    moves: Moves = all_of_it
    edge_port: int = 0
    port: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)
    listings: int = 0
    tells: bool = True
    on_the_wire: dict[str, bytes] = field(default_factory=dict)

    def find(self, event: Any) -> Iterator[tuple[int, Any]]:
        wanted = event.identifier
        level = wanted.QueryRetrieveLevel
        self.listings += level == "SERIES"
        key = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}[level]
        seen = set()
        for image in self._matching(wanted, "StudyInstanceUID", *(["SeriesInstanceUID"] if level == "IMAGE" else [])):
            if image[key].value not in seen:
                seen.add(image[key].value)
                found = Dataset()
                for element in wanted:
                    found[element.tag] = image.get(element.tag, element)
                found.QueryRetrieveLevel = level
                yield 0xFF00, found

    def move(self, event: Any) -> Iterator[Any]:
        wanted = event.identifier
        level = wanted.QueryRetrieveLevel
        matching = self._matching(wanted, "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        self.asked.append((level, len(matching)))
        sent, status = self.moves(len(self.asked), level, matching)
        if status == 0xA801:
            yield None, None
            return
        yield "127.0.0.1", self.edge_port, {"contexts": [build_context(UID(CT), [UID(EXPLICIT)])]}
        # With none at all pynetdicom would answer success without asking.
        yield max(len(sent), 1) if status else len(sent)
        for image in sent:
            yield 0xFF00, in_explicit(image)
        if status:
            yield status, None

    def get(self, event: Any) -> Iterator[Any]:
        wanted = event.identifier
        matching = self._matching(wanted, "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        self.asked.append((wanted.QueryRetrieveLevel, len(matching)))
        sent, status = self.moves(len(self.asked), wanted.QueryRetrieveLevel, matching)
        if not self.tells:
            _without_pending(event.assoc.dimse)
        yield len(sent) + bool(status)
        for image in sent:
            yield 0xFF00, in_explicit(image)
        if status:
            yield status, None

    def note(self, event: Any) -> None:
        if isinstance(event.message, C_STORE_RQ):
            uid = str(event.message.command_set.AffectedSOPInstanceUID)
            self.on_the_wire[uid] = event.message.data_set.getvalue()

    def _matching(self, wanted: Dataset, *keys: str) -> list[Dataset]:
        def fits(image: Dataset, key: str) -> bool:
            asked = wanted.get(key) or image[key].value
            return image[key].value in (
                asked if isinstance(asked, (list, tuple)) or hasattr(asked, "append") else [asked]
            )

        for image in self.images:
            in_explicit(image)
        return [image for image in self.images if all(fits(image, key) for key in keys)]


def _without_pending(dimse: Any) -> None:
    """As many a PACS does: pending responses are optional (PS3.4 Section C.4.3.3.1)."""
    send = dimse.send_msg

    def sends(message: Any, context_id: int) -> None:
        if not (isinstance(message, C_GET) and message.Status == 0xFF00):
            send(message, context_id)

    dimse.send_msg = sends


@contextlib.contextmanager
def edge(filling: Filling, sender: str = "ZX1_PACS", *, fetched: bool = False) -> Iterator[int]:
    """Where images arrive from a Node of ZX1, each taken over at once; the port.

    `fetched`: as if the PACS named the move's originator. pynetdicom names itself, so that counts for nothing.
    """

    def store(event: Any) -> int:
        image = event.dataset
        association = filling.open("IEP", sender, node_id=filling.registry.nodes[sender])
        filling.keep(association, image, fetched=fetched)
        filling.close(association)
        filling.ingest.round()
        return 0x0000

    ae = AE("IEP")
    ae.add_supported_context(CT, EXPLICIT)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield server.server_address[1]
    finally:
        eventually(lambda: not server.active_associations)
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def source_pacs(
    images: Sequence[Dataset],
    edge_port: int,
    moves: Moves = all_of_it,
    *,
    classes: Sequence[str] = (CT,),
    tls: ssl.SSLContext | None = None,
) -> Iterator[SourcePacs]:
    """It gives images of these `classes` by C-GET."""
    pacs = SourcePacs(list(images), moves, edge_port)
    ae = AE("ZX1_PACS")
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
    for one in classes:
        ae.add_supported_context(one, EXPLICIT, scu_role=True, scp_role=True)
    handlers: list[Any] = [
        (evt.EVT_C_FIND, pacs.find),
        (evt.EVT_C_MOVE, pacs.move),
        (evt.EVT_C_GET, pacs.get),
        (evt.EVT_DIMSE_SENT, pacs.note),
    ]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
    pacs.port = server.server_address[1]
    try:
        yield pacs
    finally:
        eventually(lambda: not server.active_associations)
        server.shutdown()
        server.server_close()
