"""Receiving alone: an edge of the exchange beside a bare pynetdicom SCP that keeps as durably.

Both write each image to a file of their own, sync it, rename it and sync its folder before they acknowledge it; both
offer the same PDU size. Neither has anything behind it. The edge also records who calls, and inspects each header.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from bench.bare_relay import bare_receiver
from bench.measure import spread
from bench.outcome import Row, Section, at_least, spread_of
from bench.programs import free_base, listens, running, scratch, until
from bench.pushing import push
from demo.studies import bench_study
from settings import OFFSETS

NAME = "receive"
TARGET = 0.85
IMAGES, PAIRS = 500, 8
QUICK_IMAGES, QUICK_PAIRS = 60, 4
WARM_UP = 20
CALLED = "IEP"
PATIENCE = 30.0
RATE = "receiving: the edge / a bare SCP with the same fsyncs"


def measure(wanted: argparse.Namespace) -> Section:
    images, pairs = (QUICK_IMAGES, QUICK_PAIRS) if wanted.quick else (IMAGES, PAIRS)
    with scratch(wanted.folder) as folder, _edge(folder / "edge") as ours, _bare(folder / "bare") as bare:
        for port, kept in (ours, bare):
            _rate(folder, port, kept, WARM_UP)
        rates: list[tuple[float, float]] = []
        for number in range(pairs):
            # There and back, so that each is first as often as the other.
            order = (ours, bare) if number % 2 else (bare, ours)
            found = {port: _rate(folder, port, kept, images) for port, kept in order}
            rates.append((found[ours[0]], found[bare[0]]))
            print(f"pair {number + 1} of {pairs}: {rates[-1][0]:.0f}, {rates[-1][1]:.0f}", file=sys.stderr, flush=True)
    edges, bares = zip(*rates, strict=True)
    ratio = spread([edge / plain for edge, plain in rates])
    return Section(
        NAME,
        "Receiving",
        f"{images} CT of 0.5 MB by one storescu, {pairs} interleaved pairs; images a second: median (least–most).",
        [
            Row("the edge of the exchange", spread_of(spread(edges), " images/s", 0)),
            Row("a bare pynetdicom SCP", spread_of(spread(bares), " images/s", 0)),
            at_least(RATE, ratio.median, TARGET, spread_of(ratio)),
        ],
    )


def _rate(folder: Path, port: int, kept: Path, images: int) -> float:
    """Images a second; what was kept is removed again, outside of the time."""
    with tempfile.TemporaryDirectory(dir=folder) as study:
        bench_study(Path(study), images, seed=f"bench-{uuid.uuid4().hex}")
        seconds = push(Path(study), port, CALLED)
    for path in kept.iterdir():
        path.unlink()
    return images / seconds


@contextlib.contextmanager
def _edge(var: Path) -> Iterator[tuple[int, Path]]:
    """One edge with a directory of one sender: its port, and where it keeps."""
    base = free_base(sorted(OFFSETS.values()))
    var.mkdir()
    node = {
        "node_id": "bench",
        "institution_id": "ZX1",
        "ae_title": "STORESCU",
        "addresses": ["127.0.0.1"],
        "certificate_sha256": None,
    }
    (var / "directory.json").write_text(json.dumps({"version": 1, "called_ae_titles": [CALLED], "nodes": [node]}))
    environment = {"IEP_PORT_BASE": str(base), "IEP_VAR": str(var)}
    port = base + OFFSETS["dicom"]
    try:
        with running([sys.executable, "-m", "cli", "edge", "--name", "bench"], var / "log", environment) as edge:
            until(lambda: listens(port), PATIENCE, "The start of the edge", edge)
            yield port, var / "spool" / "ready"
    finally:
        shutil.rmtree(var)


@contextlib.contextmanager
def _bare(folder: Path) -> Iterator[tuple[int, Path]]:
    folder.mkdir()
    with bare_receiver(folder) as port:
        yield port, folder / "ready"
