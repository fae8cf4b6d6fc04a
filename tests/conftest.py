"""Fixtures every room shares: peers, and the real input."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["tests.database", "tests.end_to_end.exchange", "tests.side_by_side"]
"""A database; the demo that end-to-end and fault tests share, one for the whole run; how tests share processes."""


PACKAGES = {
    "Orthanc": "orthanc",
    "chromium-headless-shell": "chromium-headless-shell",
    "dciodvfy": "dicom3tools",
    "strace": "strace",
}


class Peers:
    """Programs of other people that the exchange is tested against."""

    def need(self, program: str) -> str:
        """The path of `program`; skips the test, or fails it where peers are required, when it is missing."""
        # Debian's programs only: the virtual environment has namesakes of DCMTK's.
        found = shutil.which(program, path="/usr/bin:/usr/sbin:/usr/local/bin")
        if found:
            return found
        package = PACKAGES.get(program, "dcmtk")
        reason = f"{program} is missing; install it with: apt-get install {package}"
        if os.environ.get("IEP_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def peers() -> Peers:
    return Peers()


@pytest.fixture(scope="session")
def real_dicom() -> Path:
    """The folder of real DICOM files (environment variable IEP_REAL_DATA, else beside the checkout)."""
    root = Path(os.environ.get("IEP_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / "dicom").is_dir():
        pytest.skip(f"no real data at {root}; set IEP_REAL_DATA to a folder that has dicom/ and hl7/")
    return root / "dicom"
