"""Storage commitment by the make-believe PACS, asked for by pynetdicom."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.dimse_messages import N_EVENT_REPORT_RSP
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from demo.studies import Study
from tests.demo.programs import program
from tests.demo.site import Site
from tests.eventually import eventually

pytestmark = pytest.mark.peer


def requested(study: Study, numbers: range, sop_class: str = CTImageStorage) -> Dataset:
    request = Dataset()
    request.TransactionUID = study.uid("transaction")
    request.ReferencedSOPSequence = []
    for number in numbers:
        item = Dataset()
        item.ReferencedSOPClassUID = sop_class
        item.ReferencedSOPInstanceUID = study.uid("image", number)
        request.ReferencedSOPSequence.append(item)
    return request


class Requester:
    """Asks for commitment and takes the answer, on this association or on one that the PACS opens."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.reports: list[tuple[int, Dataset]] = []
        self.handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self.take), (evt.EVT_DIMSE_SENT, self.said)]

    def take(self, event: Any) -> tuple[int, None]:
        self.reports.append((event.request.EventTypeID, event.event_information))
        return 0x0000, None

    def said(self, event: Any) -> None:
        """Only what was answered has come: an association that is released before has no place for an answer."""
        if isinstance(event.message, N_EVENT_REPORT_RSP):
            self.came.set()

    def ask(self, port: int, request: Dataset, *, stay: bool, ae_title: str = "REQUESTER") -> int:
        ae = AE(ae_title)
        ae.add_requested_context(StorageCommitmentPushModel)
        association = ae.associate("127.0.0.1", port, evt_handlers=self.handlers)
        assert association.is_established
        status, _ = association.send_n_action(
            request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        if stay:
            assert self.came.wait(20)
        association.release()
        return int(status.Status)


def test_commitment_on_the_same_association(filled: Site, made: tuple[Path, Study, Study]) -> None:
    requester = Requester()
    request = requested(made[1], range(1, 7))
    assert requester.ask(filled.pacs.port, request, stay=True) == 0x0000
    ((event_type, report),) = requester.reports
    assert event_type == 1
    assert report.TransactionUID == request.TransactionUID
    assert report.RetrieveAETitle == "ZX1_PACS"
    assert report.ReferencedSOPSequence == request.ReferencedSOPSequence
    assert "FailedSOPSequence" not in report


@pytest.mark.parametrize(
    ("numbers", "sop_class", "safe", "reason"),
    [(range(6, 8), CTImageStorage, 1, 0x0112), (range(1, 2), MRImageStorage, 0, 0x0119)],
)
def test_commitment_names_what_is_not_held(
    filled: Site, made: tuple[Path, Study, Study], numbers: range, sop_class: str, safe: int, reason: int
) -> None:
    requester = Requester()
    requester.ask(filled.pacs.port, requested(made[1], numbers, sop_class), stay=True)
    ((event_type, report),) = requester.reports
    assert event_type == 2
    assert len(report.get("ReferencedSOPSequence") or []) == safe
    assert [item.FailureReason for item in report.FailedSOPSequence] == [reason]


def test_commitment_on_a_new_association(tmp_path: Path, made: tuple[Path, Study, Study]) -> None:
    shutil.copytree(made[0], tmp_path / "pacs" / "preloaded")
    requester = Requester()
    listening = AE("REQUESTER")
    listening.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    server = listening.start_server(("127.0.0.1", 0), block=False, evt_handlers=requester.handlers)
    port = server.server_address[1]
    arguments = ("--ae-title", "ZX1_PACS", "--folder", str(tmp_path / "pacs"), "--peer", f"REQUESTER=127.0.0.1:{port}")
    try:
        with program(tmp_path / "log", "demo.pacs", *arguments) as pacs:
            requester.ask(pacs.port, requested(made[1], range(1, 7)), stay=False)
            assert requester.came.wait(20)
            unknown = Requester()
            unknown.ask(pacs.port, requested(made[1], range(1, 7)), stay=False, ae_title="STRANGER")
            eventually(lambda: "its address is not known" in pacs.log.read_text())
    finally:
        server.shutdown()
    ((event_type, report),) = requester.reports
    assert event_type == 1
    assert len(report.ReferencedSOPSequence) == 6
