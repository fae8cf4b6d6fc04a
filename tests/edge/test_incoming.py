"""The file that stands in for pynetdicom's."""

from __future__ import annotations

from pathlib import Path

from dicom_edge.incoming import Incoming


def test_written_in_pieces(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "one", room=True)
    for fragment in (b"ab", b"", b"c" * 500_000):
        assert incoming.write(fragment) == len(fragment)
        incoming.file.flush()
    assert incoming.complete()
    assert incoming.path.stat().st_size == 500_002
    incoming.discard()
    incoming.discard()
    assert not incoming.path.exists()


def test_discarding_what_was_renamed(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "one", room=True)
    incoming.write(b"kept")
    assert incoming.complete()
    kept = incoming.path.rename(tmp_path / "kept")
    incoming.discard()
    assert kept.read_bytes() == b"kept"


def test_no_room(tmp_path: Path) -> None:
    """Swallowed from the first byte, for a spool that is low."""
    incoming = Incoming(tmp_path / "one", room=False)
    assert incoming.write(b"abc") == 3
    assert not incoming.complete()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "gone" / "one", room=True)
    assert incoming.write(b"abc") == 3
    assert not incoming.complete()
    incoming.discard()


def test_a_full_device() -> None:
    """/dev/full says ENOSPC to every write, also to the one that closing causes."""
    incoming = Incoming(Path("/dev/null"), room=False)
    incoming.failed = None
    incoming._file = Path("/dev/full").open("wb", buffering=262144)  # noqa: SIM115 it is the object's own
    incoming.path = Path("/nonexistent/object")
    incoming.write(b"abc")
    assert not incoming.complete()
