"""Who may come in the clear, and who must prove itself."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from dicom_edge.admission import Admission, Admitted, Reason, Rejected
from dicom_edge.facts import Standing

BOUND, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def admission(tmp_path: Path) -> Admission:
    path = tmp_path / "directory.json"
    nodes = [
        {"node_id": ae_title, "institution_id": "ZX1", "ae_title": ae_title, "addresses": ["127.0.0.1"]}
        | {"certificate_sha256": certificate}
        for ae_title, certificate in (("PLAIN", None), ("SECURE", BOUND))
    ]
    path.write_text(json.dumps({"version": 1, "called_ae_titles": ["IEP"], "nodes": nodes}))
    return Admission(path)


@pytest.mark.parametrize(
    ("calling", "certificate", "tls", "admitted"),
    [
        ("PLAIN", None, False, True),
        ("PLAIN", OTHER, True, False),
        ("SECURE", BOUND, True, True),
        ("SECURE", OTHER, True, False),
        ("SECURE", None, False, False),
        ("SECURE", BOUND, False, False),
    ],
)
def test_a_node_that_has_a_certificate_must_show_it(
    admission: Admission, calling: str, certificate: str | None, tls: bool, admitted: bool
) -> None:
    verdict = admission.judge(calling, "IEP", "127.0.0.1", certificate, tls=tls)
    assert isinstance(verdict, Admitted if admitted else Rejected)
    if isinstance(verdict, Rejected):
        assert verdict.reason is Reason.CERTIFICATE_NOT_BOUND


def written(path: Path, *nodes: tuple[str, str, str | None]) -> Path:
    listed = [
        {"node_id": title, "institution_id": institution, "ae_title": title, "addresses": ["127.0.0.1"]}
        | {"certificate_sha256": certificate}
        for title, institution, certificate in nodes
    ]
    path.write_text(json.dumps({"version": 1, "called_ae_titles": ["IEP"], "nodes": listed}))
    return path


@pytest.mark.parametrize(
    ("nodes", "verdict"),
    [
        ([("SECURE", "ZX1", BOUND)], Rejected(Reason.CALLING_AE_TITLE_UNKNOWN)),
        ([("SECURE", "ZX1", BOUND), ("PLAIN", "ZX1", None)], Admitted(None, "ZX1", Standing.CHANGED_AE_TITLE)),
        ([("SECURE", "ZX2", BOUND), ("PLAIN", "ZX1", None)], Rejected(Reason.ADDRESS_SHARED)),
    ],
)
def test_the_address_of_a_bound_node_lets_nobody_else_in(
    tmp_path: Path, nodes: list[tuple[str, str, str | None]], verdict: Admitted | Rejected
) -> None:
    admission = Admission(written(tmp_path / "directory.json", *nodes))
    assert admission.judge("STRANGER", "IEP", "127.0.0.1", None) == verdict


def test_a_snapshot_that_could_not_be_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "directory.json", ("PLAIN", "ZX1", None))
    admission = Admission(path)
    assert isinstance(admission.judge("PLAIN", "IEP", "127.0.0.1", None), Admitted)
    written(path)

    def failing(self: Path) -> bytes:
        raise OSError(errno.EIO, "injected")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", failing)
        assert isinstance(admission.judge("PLAIN", "IEP", "127.0.0.1", None), Admitted)
    assert admission.judge("PLAIN", "IEP", "127.0.0.1", None) == Rejected(Reason.CALLING_AE_TITLE_UNKNOWN)
