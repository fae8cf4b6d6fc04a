"""Fetching by C-GET from somebody else's PACS: Orthanc, which does not know us."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_context

from tests.activities.fetching import images
from tests.activities.getting import Getting, data_set_of
from tests.activities.misbehaving import CT, EXPLICIT
from tests.activities.orthanc import Orthanc
from tests.activities.source_pacs import in_explicit


def fill(port: int, objects: Sequence[Dataset], syntax: str = EXPLICIT) -> None:
    ae = AE("MODALITY")
    assoc = ae.associate("127.0.0.1", port, contexts=[build_context(CT, UID(syntax))])
    assert assoc.is_established
    for one in objects:
        in_explicit(one).file_meta.TransferSyntaxUID = UID(syntax)
        assert assoc.send_c_store(one).Status == 0x0000
    assoc.release()


def test_every_image_comes_as_it_is_there(getting: Getting, orthanc: Orthanc, tmp_path: Path) -> None:
    fill(orthanc.port, images(30, 2))
    getting.set_node(ae_title="ORTHANC")
    getting.start_edge()
    report = getting.retrieve(getting.listed(orthanc.port))
    assert (report.here, report.total, report.complete) == (30, 30, True)
    (arrival,) = getting.arrivals()
    assert getting.seal(arrival).basis == "30 of 30, by ZX1_PACS's own list."
    kept = getting.archived()
    for image in orthanc.instances():
        file = tmp_path / "image.dcm"
        file.write_bytes(orthanc.file(image["ID"]))
        assert kept[image["MainDicomTags"]["SOPInstanceUID"]] == data_set_of(file)


def test_what_has_come_is_not_asked_for_again(getting: Getting, orthanc: Orthanc) -> None:
    fill(orthanc.port, images(8, 2)[:5])
    getting.set_node(ae_title="ORTHANC")
    getting.start_edge()
    transfer_id = getting.listed(orthanc.port)
    assert getting.retrieve(transfer_id).complete
    fill(orthanc.port, images(8, 2)[5:])
    getting.forget_comparison()
    assert getting.retrieve(transfer_id).total == 8
    assert getting.retrieve(transfer_id).complete
    (arrival,) = getting.arrivals()
    assert arrival.count == 8
