"""Who may come in the clear, and who must prove itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicom_edge.admission import Admission, Admitted, Reason, Rejected

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
