"""What the person who runs the exchange does with `iep`: joins a PACS, asks it, and exercises the whole."""

from __future__ import annotations

import json
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from demo.patients import CHIDI
from models.tables import Transaction
from tests.conftest import Peers
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import ask, count, orthanc, push
from tests.eventually import eventually


@pytest.fixture(scope="module")
def orthanc_port(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with orthanc(peers, tmp_path_factory.mktemp("orthanc"), "ZX6_PACS") as port:
        yield port


def test_orthanc_is_joined_by_the_command_line(
    exchange: Exchange, peers: Peers, orthanc_port: int, tmp_path: Path
) -> None:
    (tmp_path / "institutions.csv").write_text("ods_code,name,email\nZX6,Orthanc Example,imaging@zx6.example\n")
    address = ("--host", "127.0.0.1", "--port", str(orthanc_port))
    for verb in (
        ("institutions", "import", str(tmp_path / "institutions.csv")),
        ("nodes", "add", "ZX6", "ZX6_PACS", "ZX6_PACS", *address),
        ("worklists", "add", "ZX6", "ZX6_PACS", "--auto-release"),
        ("agreements", "add", "ZX1", "ZX6", "--basis", "test"),
    ):
        done = exchange.iep(*verb)
        assert done.returncode == 0, done.stderr
    echoed = exchange.iep("nodes", "echo", "ZX6_PACS")
    assert (echoed.returncode, echoed.stdout) == (0, "ZX6_PACS answers.\n")
    listed = exchange.iep("nodes", "list")
    assert re.search(rf"^ZX6 +ZX6_PACS +ZX6_PACS +127\.0\.0\.1:{orthanc_port} +up$", listed.stdout, re.M)
    study = site.study(tmp_path / "study", "orthanc", 4, CHIDI)
    push(peers, exchange.port("dicom"), "IEP_ZX6", tmp_path / "study")
    (one,) = exchange.in_state(study.study_instance_uid, "confirmed")
    assert one.sentence.startswith("Confirmed: 4 of 4 are in ZX6_PACS, by its own answer.")
    assert count(peers, "ZX6_PACS", orthanc_port, study.study_instance_uid) == 4
    (found,) = ask(peers, "ZX6_PACS", orthanc_port, "STUDY", StudyInstanceUID=study.study_instance_uid, PatientID="")
    assert found["PatientID"] == CHIDI.nhs_number


def test_an_echo_that_fails_says_so(exchange: Exchange) -> None:
    nobody = exchange.iep("nodes", "echo", "NOBODY")
    assert nobody.returncode == 1
    assert nobody.stderr == "Error: There is no Node NOBODY; `iep nodes list` shows them.\n"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = str(taken.getsockname()[1])
    added = exchange.iep("nodes", "add", "ZX3", "SWITCHED_OFF", "SWITCHED_OFF", "--host", "127.0.0.1", "--port", closed)
    assert added.returncode == 0, added.stderr
    silent = exchange.iep("nodes", "echo", "SWITCHED_OFF")
    assert silent.returncode == 1
    assert silent.stderr == f"Error: SWITCHED_OFF does not answer at 127.0.0.1:{closed}.\n"


def test_the_exercise_succeeds(exchange: Exchange) -> None:
    done = exchange.iep("exercise", "--images", "3")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["confirmed"] is True
    assert told["images"] == 3


def test_an_exercise_that_fails_says_where_its_study_is(exchange: Exchange) -> None:
    held = exchange.iep("stop", "ZX2_PACS")
    try:
        failed = exchange.iep("exercise", "--images", "2", "--timeout", "10")
    finally:
        released = exchange.iep("start", "ZX2_PACS")
    assert (held.stdout, released.stdout) == (
        "ZX2_PACS is held down until: iep start ZX2_PACS\n",
        "ZX2_PACS is running.\n",
    )
    assert failed.returncode == 1
    words = r"Error: Not in ZX2_PACS after 10 s, but nothing is lost\. (\S+) stands so: 0 of 2 .+ See (\S+)\n"
    found = re.fullmatch(words, failed.stderr)
    assert found, failed.stderr
    assert found[2] == f"{exchange.settings.url}/transactions/{found[1]}"

    state = select(Transaction.state).where(Transaction.reference == found[1])

    def confirmed() -> bool:
        with exchange.database.begin() as session:
            return session.scalars(state).one() == "confirmed"

    eventually(confirmed, timeout=120)


def test_nobody_else_on_the_host_reads_what_the_demo_keeps(exchange: Exchange) -> None:
    assert exchange.iep("exercise", "--images", "1").returncode == 0
    eventually(lambda: list((exchange.var / "mailbox").glob("*.eml")))
    kept = [exchange.var / name for name in ("pacs", "mailbox", "spool", "log", "keys", "tls")]
    kept += [path for name in ("pacs", "mailbox", "tls") for path in (exchange.var / name).rglob("*")]
    # The folders of the archive are made by the test that looks into it.
    kept += [path for path in (exchange.var / "archive").rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} >= {".dcm", ".eml", ".pem"}
    assert [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
