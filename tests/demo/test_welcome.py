"""What the demo says of itself when it is ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.run import welcome
from settings import Settings


def test_every_address_and_command_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(port_base=21_000, var=tmp_path)
    (tmp_path / "accounts").write_text("officer.zx1  words\n")
    welcome(settings)
    said = capsys.readouterr().out
    assert said.startswith("\nThe exchange is ready.\n")
    for line in (
        "Web pages   http://127.0.0.1:21000",
        "Mail        http://127.0.0.1:21000/mailbox",
        "DICOM       127.0.0.1:21001",
        "with TLS    127.0.0.1:21006",
        "ZX1_PACS at 21011, ZX2_PACS at 21012, ZX3_PACS at 21013",
        "officer.zx1  words",
    ):
        assert line in said
    assert said.count(f"IEP_PORT_BASE=21000 IEP_VAR={tmp_path} ") == 5


def test_the_usual_demo_needs_no_variables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("IEP_PORT_BASE", raising=False)
    monkeypatch.delenv("IEP_VAR", raising=False)
    welcome(Settings())
    assert "IEP_PORT_BASE" not in (said := capsys.readouterr().out)
    assert "IEP_VAR" not in said
