"""Strangers' bytes are decoded in processes that are bounded, one for each object, and whose end harms nobody else."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom.data
import pytest

from models.decode_in_child import digest
from models.decoders import Decoders
from models.domain.syntaxes import EXPLICIT
from tests.eventually import eventually

FILES = Path(pydicom.data.__file__).parent / "test_files"
SENT_COMPRESSED = ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm", "JPEG2000.dcm")


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    decoders = Decoders()
    yield decoders
    decoders.close()


def loaded(decoders: Decoders) -> int:
    """The process that has the decoders loaded."""
    assert decoders._running is not None
    return decoders._running[1].pid


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_many_threads_are_each_told_of_their_own_object(decoders: Decoders) -> None:
    paths = [FILES / name for name in SENT_COMPRESSED] * 10
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(decoders.content_digest, paths)) == [digest(str(path)) for path in paths]
    eventually(lambda: not children(loaded(decoders)))


def test_one_that_cannot_be_decoded_is_said_to_be_so_and_the_next_one_can(decoders: Decoders, tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"DICM" * 100)
    assert decoders.content_digest(junk) is None
    target = os.memfd_create("target")
    try:
        assert not decoders.decompress(junk, target, EXPLICIT)
        assert os.fstat(target).st_size == 0
    finally:
        os.close(target)
    fine = FILES / SENT_COMPRESSED[0]
    before = loaded(decoders)
    assert decoders.content_digest(fine) == digest(str(fine))
    assert loaded(decoders) == before


def test_a_process_that_dies_while_it_decodes_answers_nothing_and_harms_no_other(
    decoders: Decoders, tmp_path: Path
) -> None:
    silent, fine = tmp_path / "silent", FILES / SENT_COMPRESSED[0]
    os.mkfifo(silent)
    writer = os.open(silent, os.O_RDWR)
    try:
        assert decoders.content_digest(fine)
        # Its process may be about to go: that is not the one which is to die.
        eventually(lambda: not children(loaded(decoders)))
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(decoders.content_digest, silent)
            decoding = eventually(lambda: _confined(loaded(decoders)))
            assert decoders.content_digest(fine) == digest(str(fine))
            assert not answer.done()
            os.kill(decoding, signal.SIGKILL)
            assert answer.result(20) is None
    finally:
        os.close(writer)


def _confined(pid: int) -> int:
    """The process that has begun to decode; zero while there is none."""
    for child in children(pid):
        # One that has just answered is gone before it can be looked at.
        with contextlib.suppress(ProcessLookupError):
            if resource.prlimit(child, resource.RLIMIT_CORE) == (0, 0):
                return child
    return 0


def test_the_process_that_has_them_loaded_is_started_anew_when_it_is_gone(decoders: Decoders) -> None:
    path = FILES / SENT_COMPRESSED[0]
    decoders.content_digest(path)
    gone = loaded(decoders)
    os.kill(gone, signal.SIGKILL)
    assert decoders.content_digest(path) == digest(str(path))
    assert loaded(decoders) != gone


def test_a_machine_without_a_process_to_spare_is_no_object_that_cannot_be_decoded(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.decoders.sys.executable", "/bin/true")
    with pytest.raises(OSError, match=r"no process|Broken pipe|reset"):
        decoders.content_digest(FILES / SENT_COMPRESSED[0])


def test_an_object_that_is_not_there_is_said_to_be_so(decoders: Decoders, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decoders.content_digest(tmp_path / "missing")


def test_it_ends_with_who_asked_and_knows_none_of_its_secrets(decoders: Decoders) -> None:
    decoders.content_digest(FILES / SENT_COMPRESSED[0])
    pid = loaded(decoders)
    assert Path(f"/proc/{pid}/environ").read_bytes() == b"OPENBLAS_NUM_THREADS=1\0"
    decoders.close()
    assert not Path(f"/proc/{pid}").exists()


def test_who_asked_may_be_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal; from pathlib import Path; from models.decoders import DECODERS\n"
        f"DECODERS.content_digest(Path({str(FILES / SENT_COMPRESSED[0])!r}))\n"
        "print(DECODERS._running[1].pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, check=False
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    left = Path(f"/proc/{int(run.stdout)}/cmdline")
    eventually(lambda: not left.exists() or b"decoding_process" not in left.read_bytes())


def test_they_are_confined() -> None:
    script = (
        "import resource; from models import decoding_process as child; child.MEMORY = 64 * 1024**2; child.confine(); "
        "assert resource.getrlimit(resource.RLIMIT_CPU)[0] == child.CPU_SECONDS; bytearray(child.MEMORY)"
    )
    confined = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert "MemoryError" in confined.stderr


def test_a_stricter_bound_of_whoever_runs_them_stays() -> None:
    script = (
        "import resource; from models import decoding_process as child; "
        "resource.setrlimit(resource.RLIMIT_CPU, (5, 5)); child.confine(); "
        "assert resource.getrlimit(resource.RLIMIT_CPU) == (5, 5)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True)
