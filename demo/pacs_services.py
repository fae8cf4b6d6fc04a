"""The services of the make-believe PACS: pynetdicom's events on one side, the store and its queries on the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from activities.quick_socket import make_quick
from demo import commitment
from demo.pacs_keys import LEVELS, UIDS
from demo.pacs_query import answers, matches, select, unsupported
from demo.pacs_store import ODD, Instance, PacsStore
from demo.waiting import wait_for_it

MAXIMUM_PDU = 131_072  # bytes; pynetdicom's 16 KiB halves the speed
MAXIMUM_CONTEXTS = 128  # PS3.8 9.3.2.2: presentation context IDs are odd and below 256
SERVICES = (
    Verification,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelMove,
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelGet,
    StorageCommitmentPushModel,
)
PENDING, PENDING_WITHOUT_SOME_KEYS = 0xFF00, 0xFF01
OUT_OF_RESOURCES, DOES_NOT_MATCH, CANCELLED = 0xA700, 0xA900, 0xFE00

log = logging.getLogger(__name__)


class Pacs:
    """The services; each method that takes an `event` is a pynetdicom handler."""

    def __init__(
        self, ae_title: str, folder: Path, peers: Mapping[str, tuple[str, int]], commit: str = commitment.SAME
    ) -> None:
        self.commit = commit
        self.store = PacsStore(folder)
        self.peers = peers
        self.ae = AE(ae_title)
        self.ae.maximum_pdu_size = MAXIMUM_PDU
        self.ae.maximum_associations = 64
        for service in SERVICES:
            self.ae.add_supported_context(service)

    def handlers(self) -> list[Any]:
        return [
            (evt.EVT_CONN_OPEN, make_quick),
            (evt.EVT_CONN_OPEN, wait_for_it),
            (evt.EVT_C_ECHO, lambda event: 0x0000),
            (evt.EVT_C_STORE, self.keep),
            (evt.EVT_C_FIND, self.find),
            (evt.EVT_C_MOVE, self.move),
            (evt.EVT_C_GET, self.get),
            (evt.EVT_N_ACTION, commitment.answer, [self.store, self.ae, self.peers, self.commit]),
        ]

    def keep(self, event: Any) -> int:
        try:
            self.store.keep(event.dataset_path, str(event.request.AffectedSOPInstanceUID))
        except OSError as error:
            log.warning("an object could not be kept: %s", error.strerror)
            return OUT_OF_RESOURCES
        return 0x0000

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        request = event.identifier
        if request.get("QueryRetrieveLevel") not in LEVELS:
            yield DOES_NOT_MATCH, None
            return
        for answer in answers(request, self.store.facts(), self.ae.ae_title):
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield (PENDING_WITHOUT_SOME_KEYS if unsupported(request, answer) else PENDING), answer

    def move(self, event: Any) -> Iterator[Any]:
        host, port = self.peers.get(event.move_destination.strip(), (None, None))
        found = self._wanted(event.identifier)
        pairs = sorted({(one.sop_class_uid, one.transfer_syntax_uid) for one in found})
        yield (
            host,
            port,
            {
                # A context per pair: a file is sent as it is stored or not at all.
                "contexts": [build_context(*pair) for pair in pairs[:MAXIMUM_CONTEXTS]],
                "evt_handlers": [(evt.EVT_CONN_OPEN, make_quick)],
                "max_pdu": MAXIMUM_PDU,
            },
        )
        yield from self._retrieved(event, found)

    def get(self, event: Any) -> Iterator[Any]:
        yield from self._retrieved(event, self._wanted(event.identifier))

    def _wanted(self, request: Dataset) -> list[Instance]:
        """The instances that a retrieval names; none where it names no patient, study, series or instance."""
        level = request.get("QueryRetrieveLevel")
        named = any(request.get(keyword) for keyword in (*UIDS, "PatientID"))
        if level not in LEVELS or not named:
            return []
        found = select(request, self.store.facts(), level)
        if "PatientID" in request:
            found = [facts for facts in found if matches(request["PatientID"], facts)]
        instances = [self.store.get(str(facts.SOPInstanceUID)) for facts in found]
        return [instance for instance in instances if instance]

    def _retrieved(self, event: Any, found: list[Instance]) -> Iterator[Any]:
        yield len(found)
        for instance in found:
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield PENDING, _read(instance)


def _read(instance: Instance) -> Dataset:
    try:
        return dcmread(instance.path)
    except ODD:
        # Cannot be sent, which makes pynetdicom count and name it as failed.
        return instance.facts
