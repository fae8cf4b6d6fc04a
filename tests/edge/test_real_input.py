"""Every real file is pushed as it is: kept byte for byte, or refused for a reason that holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.conftest import Peers
from tests.edge import sender
from tests.edge.conftest import Edges
from tests.edge.objects import data_set_of

pytestmark = pytest.mark.filterwarnings("ignore")

REFUSED = {"pydicom-test-files/MR_truncated.dcm": 0xC000}
"""Files that can be sent and are refused: the pixel data ends before its length does."""

UNSENDABLE = {
    "charsets-chr/chrSQEncoding.dcm",
    "charsets-chr/chrSQEncoding1.dcm",
    "malformed-fodicom/GH340.dcm",
    "pydicom-test-files/empty_charset_LEI.dcm",
    "pydicom-test-files/no_meta.dcm",
    "pydicom-test-files/no_meta_group_length.dcm",
}
"""Besides directories: files without SOPClassUID or SOPInstanceUID, so that no request can name them."""


def facts_of(file: Path) -> Dataset | None:
    """SOP class, SOP instance and transfer syntax, or None when a C-STORE request cannot be made from the file."""
    try:
        ds = dcmread(file, force=True, stop_before_pixels=True)
    except Exception:  # noqa: BLE001 whatever it is, no sender could read it either
        return None
    return ds if ds.get("SOPInstanceUID") and ds.get("SOPClassUID") else None


def syntax_of(ds: Dataset) -> str:
    named = ds.file_meta.get("TransferSyntaxUID") if hasattr(ds, "file_meta") else None
    return str(named or (ImplicitVRLittleEndian if ds.original_encoding[0] else ExplicitVRLittleEndian))


def test_every_real_file(lasting: Edges, real_dicom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)
    wrong, kept, unsendable = [], 0, []
    files = sorted(file for file in real_dicom.rglob("*") if file.is_file())
    groups: dict[tuple[str, str], list[tuple[Path, Dataset]]] = {}
    for file in files:
        ds = facts_of(file)
        if ds is None:
            unsendable.append(str(file.relative_to(real_dicom)))
        else:
            groups.setdefault((str(ds.SOPClassUID), syntax_of(ds)), []).append((file, ds))
    for (sop_class, syntax), members in groups.items():
        with sender.association(lasting.port, contexts=[(sop_class, [syntax])]) as made:
            for file, ds in members:
                name = str(file.relative_to(real_dicom))
                before = {one.path for one in lasting.spool.ready()}
                status = sender.send_bytes(made, data_set_of(file), sop_class, str(ds.SOPInstanceUID))
                new = [one for one in lasting.spool.ready() if one.path not in before]
                if status == 0x0000 and [data_set_of(one.path) for one in new] == [data_set_of(file)]:
                    kept += 1
                elif REFUSED.get(name) != status or new:
                    wrong.append((name, status))
                for one in new:
                    lasting.spool.forget(one)
    assert not wrong, "\n".join(map(str, wrong))
    assert len(files) == kept + len(unsendable) + len(REFUSED)
    assert {name for name in unsendable if "DICOMDIR" not in name} == UNSENDABLE


def test_dcmsend_pushes_a_folder(peers: Peers, lasting: Edges, real_dicom: Path) -> None:
    """DCMTK's own reading and negotiating: all of a scanner's series, over its own choice of contexts."""
    folder = real_dicom / "ct-series-nottingham"
    before = len(lasting.spool.ready())
    sent = sender.store(peers.need("dcmsend"), lasting.port, "-aet", "STORESCU", "+sd", "+r", "-dn", str(folder))
    assert sent.returncode == 0, sent.stderr
    assert len(lasting.spool.ready()) - before == sum(file.is_file() for file in folder.rglob("*"))
