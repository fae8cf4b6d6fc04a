"""Who may come in the clear, and who must prove itself."""

from __future__ import annotations

import errno
import json
from ipaddress import ip_network
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


WORKERS = [ip_network("127.0.0.1"), ip_network("10.117.0.0/24")]


@pytest.mark.parametrize(
    ("user", "calling", "address", "admitted"),
    [
        ("node-1", "FETCHED", "127.0.0.1", "ZX1"),
        ("node-2", "FETCHED", "10.117.0.9", "ZX2"),
        ("node-1", "OTHER", "127.0.0.1", None),
        ("node-3", "PUSHES", "127.0.0.1", None),
        ("nobody", "FETCHED", "127.0.0.1", None),
        ("node-1", "FETCHED", "192.0.2.1", None),
        ("node-1", "FETCHED", "elsewhere", None),
        ("", "FETCHED", "10.117.0.9", None),
        # Whoever is no worker may say who the user is.
        ("somebody", "PUSHES", "192.0.2.3", "ZX3"),
    ],
)
def test_what_was_fetched_from_a_node_workers_alone_hand_on(
    tmp_path: Path, user: str, calling: str, address: str, admitted: str | None
) -> None:
    nodes = [
        {"node_id": f"node-{n}", "institution_id": f"ZX{n}", "ae_title": ae_title, "addresses": [f"192.0.2.{n}"]}
        # A worker has no certificate of the Node.
        | {"certificate_sha256": None if n == 3 else BOUND, "retrieve_by": retrieve_by}
        for n, ae_title, retrieve_by in ((1, "FETCHED", "get"), (2, "FETCHED", "get"), (3, "PUSHES", "move"))
    ]
    path = tmp_path / "directory.json"
    path.write_text(json.dumps({"version": 1, "called_ae_titles": ["IEP"], "nodes": nodes}))
    admission = Admission(path, WORKERS)
    verdict = admission.judge(calling, "IEP", address, None, user=user)
    assert (verdict.institution_id if isinstance(verdict, Admitted) else None) == admitted
    assert admission.knows_address("10.117.0.200")
    assert not admission.knows_address("10.118.0.1")


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
