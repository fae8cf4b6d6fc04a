"""The make-believe PACS by TLS, as the exchange speaks with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.asking import echo
from activities.peer import PeerAddress
from activities.secured import OWN
from demo.certificates import make_certificates
from models.certificates import fingerprint
from models.domain.errors import ExchangeError
from models.tls import Identity
from tests.demo.programs import program


def test_it_answers_by_tls_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_certificates(tmp_path / "tls", ("exchange", "zx2"))
    key, certificate, authority = (tmp_path / "tls" / name for name in ("zx2.key", "zx2.pem", "authority.pem"))
    own = Identity(tmp_path / "tls" / "exchange.key", tmp_path / "tls" / "exchange.pem", authority)
    monkeypatch.setattr(OWN, "identity", own)
    where = ("--ae-title", "ZX2_PACS", "--folder", str(tmp_path / "pacs"))
    with program(tmp_path / "log", "demo.pacs", *where, "--tls", str(key), str(certificate), str(authority)) as pacs:
        host = ("ZX2_PACS", "ZX2_PACS", "127.0.0.1", pacs.port, 5.0)
        echo(PeerAddress(*host, tls="name"))
        echo(PeerAddress(*host, tls="certificate", certificate_sha256=fingerprint(certificate)))
        with pytest.raises(ExchangeError):
            echo(PeerAddress(*host))
