"""`python -m bench.decoding`: what a comparison of two encodings costs, by a new process and by one that forks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pydicom.data

from bench.measure import spread
from models.decoders import Decoders

FILES = Path(pydicom.data.__file__).parent / "test_files"
ENCODED = ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_gdcm.dcm")
TIMES = 5


def main() -> None:
    warm = Decoders()
    warm.content_digest(FILES / ENCODED[0])
    ways: dict[str, Callable[[Path], object]] = {"a process that forks": warm.content_digest, "a new process": _anew}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for path in [FILES / name for name in ENCODED] * TIMES:
        for name, way in ways.items():
            began = time.perf_counter()
            way(path)
            took[name].append(1000 * (time.perf_counter() - began))
    warm.close()
    for name, times in took.items():
        found = spread(times)
        print(f"{name:22} {found.median:6.0f} ms an object ({found.least:.0f}–{found.most:.0f})")


def _anew(path: Path) -> None:
    decoders = Decoders()
    decoders.content_digest(path)
    decoders.close()


if __name__ == "__main__":
    main()
