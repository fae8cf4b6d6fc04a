"""What the numbers depend on: the machine, its disk, the versions, the commit."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.programs import need

ROOT = Path(__file__).parents[1]
FSYNCS = 200


def facts(folder: Path) -> dict[str, str]:
    """Facts by name; `folder` is on the disk whose fsync is measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{os.cpu_count()} × {_processor()}, {memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "fsync": f"median {fsync_ms(folder):.2f} ms for 4 KiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Orthanc": _first_line(need("Orthanc", "orthanc"), "--version"),
        "storescu": _first_line(need("storescu", "dcmtk"), "--version"),
        "commit": commit(),
    }


def fsync_ms(folder: Path) -> float:
    """The median time of writing and syncing 4 KiB, in milliseconds."""
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(FSYNCS):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def commit() -> str:
    head = _git("rev-parse", "--short", "HEAD") or "none"
    return f"{head}, with changes" if _git("status", "--porcelain") else head


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _first_line(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0].removeprefix("$dcmtk: ").removesuffix(" $").split("/")[-1]
