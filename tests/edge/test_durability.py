"""Nothing acknowledged is lost: the order of the system calls, kill -9 at each step, a disk that lies, a full disk."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_edge.facts import AssociationEnded, AssociationRejected
from tests.conftest import Peers
from tests.edge import sender
from tests.edge.conftest import Edges
from tests.edge.objects import ct, save
from tests.eventually import eventually


def acknowledged(output: subprocess.CompletedProcess[str]) -> int:
    return output.stderr.count("Received Store Response (Success)") + output.stdout.count(
        "Received Store Response (Success)"
    )


def test_order_of_system_calls(peers: Peers, edges: Edges, tmp_path: Path) -> None:
    """fsync(file), rename into ready/, fsync(folder), and only then the answer."""
    trace = tmp_path / "trace"
    calls = "trace=fsync,rename,sendto,openat"
    strace = peers.need("strace")
    edge = edges.start(wrap=(strace, "-D", "-f", "-y", "-xx", "-s", "12", "-e", calls, "-o", str(trace)))
    file = save(ct(), tmp_path / "one.dcm")
    assert sender.store(peers.need("storescu"), edges.port, str(file)).returncode == 0
    eventually(lambda: edges.facts(AssociationEnded))
    edge.terminate()
    eventually(lambda: re.search(rf"\b{edge.pid} +\+\+\+ exited", trace.read_text()))
    steps = []
    for line in trace.read_text().splitlines():
        if "fsync(" in line and "= 0" in line:
            steps.append("fsync folder" if line.rstrip().endswith("= 0") and "ready>" in _plain(line) else "fsync")
        elif "rename(" in line and ".dcm" in _plain(line):
            steps.append("rename")
        elif "sendto(" in line and r"\x04\x00" in line.split(",")[1]:
            steps.append("answer")
    at = steps.index("rename")
    assert steps[at - 1 : at + 3] == ["fsync", "rename", "fsync folder", "answer"], steps


def _plain(line: str) -> str:
    """strace's -xx writes every byte as hex: back to text."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found.group(1), 16)), line)


@pytest.mark.parametrize("fault", ["die-after-keep", "die-before-fsync", "die-before-folder-fsync"])
def test_killed_amid_a_store(peers: Peers, edges: Edges, tmp_path: Path, fault: str) -> None:
    """What was acknowledged is in ready/ and readable; who sent it is on record; the next edge clears up."""
    edge = edges.start(fault=fault)
    files = [save(ct(), tmp_path / f"{n}.dcm") for n in range(5)]
    sent = sender.store(peers.need("storescu"), edges.port, *map(str, files))
    edge.child.wait(10)
    assert edge.child.returncode == -9
    assert acknowledged(sent) == 2
    kept = edges.spool.ready()
    assert len(kept) >= 2
    stored = {dcmread(one.path).SOPInstanceUID for one in kept}
    assert {dcmread(file).SOPInstanceUID for file in files[:2]} <= stored
    who = edges.spool.association(kept[0].association)
    assert who is not None
    assert not edges.spool.edge_is_alive(who.edge)
    edges.start()
    assert edges.temporary() == []
    again = sender.store(peers.need("storescu"), edges.port, *map(str, files))
    assert again.returncode == 0


def test_killed_amid_many_associations(peers: Peers, edges: Edges, tmp_path: Path) -> None:
    """Ten senders at once: whatever any of them was told is stored, is."""
    edge = edges.start()
    program = peers.need("storescu")
    files = [[save(ct(64, 64), tmp_path / f"{m}-{n}.dcm") for n in range(25)] for m in range(10)]
    senders = [
        subprocess.Popen(
            [program, "-v", "-aec", "IEP", "127.0.0.1", str(edges.port), *map(str, own)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for own in files
    ]
    eventually(lambda: len(edges.spool.ready()) >= 30, every=0.005)
    edge.kill()
    told = []
    for one, own in zip(senders, files, strict=True):
        output, _ = one.communicate(timeout=30)
        # They are sent one after the other: so many successes, so many of the first files.
        told += own[: output.count("Received Store Response (Success)")]
    assert 20 <= len(told) < 250
    stored = {dcmread(one.path).SOPInstanceUID for one in edges.spool.ready()}
    assert {dcmread(file).SOPInstanceUID for file in told} <= stored
    assert {one.association for one in edges.spool.ready()} <= set(edges.spool.associations())


def test_failed_fsync_is_not_acknowledged(edges: Edges) -> None:
    """EIO: out of resources to the sender, the bytes are not trusted, the next object is fine."""
    edges.start(fault="fail-fsync")
    objects = [ct() for _ in range(3)]
    with sender.association(edges.port) as made:
        statuses = [made.send_c_store(ds).Status for ds in objects]
    assert statuses == [0x0000, 0xA700, 0x0000]
    stored = {dcmread(one.path).SOPInstanceUID for one in edges.spool.ready()}
    assert stored == {objects[0].SOPInstanceUID, objects[2].SOPInstanceUID}
    eventually(lambda: not edges.temporary())


def test_disk_full_amid_an_object(edges: Edges) -> None:
    """The rest is swallowed, the file is gone, the answer is A700, and a smaller object still goes through."""
    edges.start(largest_file=300_000)
    with sender.association(edges.port) as made:
        assert made.send_c_store(ct(512, 512)).Status == 0xA700
        assert edges.temporary() == []
        assert made.send_c_store(ct()).Status == 0x0000
    assert len(edges.spool.ready()) == 1


def test_low_spool(edges: Edges) -> None:
    """Below the low-water mark nobody is let in, for now (result 2, source 3, reason 2)."""
    edges.start(limits={"low_water": 1 << 60})
    assert sender.rejection(edges.port) == (2, 3, 2)
    (fact,) = eventually(lambda: edges.facts(AssociationRejected))
    assert fact.reason == "spool-low"


def test_no_descriptors_to_spare(edges: Edges) -> None:
    """With 64 descriptors, connections beyond what fits are turned away; the process goes on."""
    edge = edges.start(descriptors=64)
    made = [sender.associate(edges.port) for _ in range(12)]
    seated = [one for one in made if one.is_established]
    assert 1 <= len(seated) < 12
    assert sender.rejection(edges.port) == (2, 3, 2)
    assert seated[0].send_c_store(ct()).Status == 0x0000
    for one in seated:
        one.release()
    with sender.association(edges.port) as again:
        assert again.send_c_store(ct()).Status == 0x0000
    assert edge.terminate() == 0
