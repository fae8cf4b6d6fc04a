"""The portal under gunicorn: an application for each worker, no control socket, an orderly end."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path

from tests.web.serving import serving


def test_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    with serving("tests.web.sample:make_app", home) as portal:
        with urllib.request.urlopen(portal.address + "/made-by", timeout=20) as page:
            made_by, answered_by, arbiter = map(int, page.read().split())
        assert made_by == answered_by, "an application made before the fork would share its connections"
        assert arbiter == portal.process.pid
        portal.process.send_signal(signal.SIGTERM)
        assert portal.process.wait(20) == 0
    assert list(tmp_path.iterdir()) == [], "gunicorn left a control socket"
