"""The image store keeps what it was given, once, and nothing outside its folder."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.archive import FolderArchive
from models.domain.errors import Damaged, NotFound
from tests.conftest import Peers


@pytest.fixture
def archive(tmp_path: Path) -> FolderArchive:
    return FolderArchive(tmp_path / "archive")


@pytest.fixture
def received(tmp_path: Path) -> Path:
    path = tmp_path / "received.dcm"
    path.write_bytes(b"image" * 1000)
    return path


def files(archive: FolderArchive) -> list[Path]:
    return [path for path in archive.root.rglob("*") if path.is_file()]


def test_the_key_is_the_digest_of_the_bytes(archive: FolderArchive, received: Path) -> None:
    stored = archive.put(received)
    digest = hashlib.sha256(received.read_bytes()).hexdigest()
    assert (stored.store, stored.sha256, stored.size) == ("folder", digest, 5000)
    assert stored.key == f"{digest[:2]}/{digest}"
    assert archive.path(stored.key).read_bytes() == received.read_bytes()
    archive.verify(stored.key, stored.sha256)


def test_putting_again_changes_nothing(archive: FolderArchive, received: Path, tmp_path: Path) -> None:
    stored = archive.put(received)
    assert archive.put(received) == stored
    received.unlink()
    other = tmp_path / "other"
    other.write_bytes(b"image" * 1000)
    assert archive.put(other) == stored
    assert FolderArchive(archive.root).put(other) == stored
    assert len(files(archive)) == 1
    archive.verify(stored.key, stored.sha256)


def test_another_file_system_is_copied_from(
    archive: FolderArchive, received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    stored = archive.put(received, synced=True)
    assert archive.path(stored.key).stat().st_ino != received.stat().st_ino
    archive.verify(stored.key, stored.sha256)
    assert len(files(archive)) == 1


def test_a_shortened_file_is_replaced_by_the_next_put(archive: FolderArchive, received: Path, tmp_path: Path) -> None:
    stored = archive.put(received)
    received.unlink()
    archive.path(stored.key).write_bytes(b"im")
    with pytest.raises(Damaged):
        archive.verify(stored.key, stored.sha256)
    received.write_bytes(b"image" * 1000)
    archive.put(received)
    archive.verify(stored.key, stored.sha256)


def test_damage_and_loss_are_found(archive: FolderArchive, received: Path) -> None:
    stored = archive.put(received)
    received.unlink()
    archive.path(stored.key).write_bytes(b"imagX" * 1000)
    with pytest.raises(Damaged, match="differs"):
        archive.verify(stored.key, stored.sha256)
    archive.remove(stored.key)
    archive.remove(stored.key)
    with pytest.raises(Damaged, match="missing"):
        archive.verify(stored.key, stored.sha256)


@pytest.mark.parametrize(
    "key", ["", "../secret", "ab/../../secret", "/etc/passwd", "ab/" + "cd" * 32, "AB/" + "AB" * 32]
)
def test_a_key_that_is_not_one_is_refused(archive: FolderArchive, key: str) -> None:
    for use in (archive.path, archive.remove, lambda key: archive.verify(key, "")):
        with pytest.raises(NotFound):
            use(key)
    with pytest.raises(NotFound):
        archive.path("ab/" + "ab" * 32 + "\n")


def test_a_group_is_kept_like_single_objects(archive: FolderArchive, tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(20)]
    for path in paths:
        path.write_bytes(path.name.encode() * 50)
    group = archive.put_group(paths)
    assert group == [archive.put(path) for path in paths]
    assert archive.put_group([]) == []


def traced(peers: Peers, archive: Path, *received: Path) -> str:
    """The system calls of one put_group, in their order, with the paths of descriptors."""
    script = (
        "import sys, pathlib; from models.archive import FolderArchive; "
        "archive = FolderArchive(pathlib.Path(sys.argv[1])); "
        "archive.put_group([pathlib.Path(path) for path in sys.argv[2:]]); print('returned', flush=True)"
    )
    command = [peers.need("strace"), "-f", "-y", "-e", "trace=fsync,syncfs,link,linkat,write"]
    command += [sys.executable, "-c", script, str(archive), *map(str, received)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True).stderr


def test_bytes_then_name_are_synced_before_put_returns(received: Path, tmp_path: Path, peers: Peers) -> None:
    """The order of system calls is the promise that survives a power cut."""
    calls = traced(peers, tmp_path / "archive", received)
    key = hashlib.sha256(received.read_bytes()).hexdigest()
    order = ["archive>)", "received.dcm>)", f'/{key}"', f"archive/{key[:2]}>)", '"returned']
    steps = [calls.rindex(call) for call in order]
    assert steps == sorted(steps), calls[-2000:]


def test_a_group_waits_for_the_disk_once_after_its_last_name(tmp_path: Path, peers: Peers) -> None:
    paths = [tmp_path / f"{number}.dcm" for number in range(5)]
    for path in paths:
        path.write_bytes(path.name.encode())
    calls = traced(peers, tmp_path / "archive", *paths)
    key = hashlib.sha256(paths[-1].read_bytes()).hexdigest()
    steps = [calls.rindex(call) for call in ("4.dcm>)", f'/{key}"', "syncfs(", '"returned')]
    assert steps == sorted(steps), calls[-2000:]
    assert calls.count("syncfs(") == 1
