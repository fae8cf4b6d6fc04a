"""Serves the portal with gunicorn: a few worker processes, each with threads."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from gunicorn.app.base import BaseApplication


class Portal(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up from values in place of a command line or a file."""

    def __init__(self, app_factory: Callable[[], Flask], options: dict[str, object]) -> None:
        self.app_factory = app_factory
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app_factory()


def serve(
    app_factory: Callable[[], Flask],
    host: str,
    port: int,
    workers: int = 2,
    threads: int = 8,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves until a signal ends it; `ready` is called once it listens.

    `app_factory` runs once in each worker, after the fork: the connection to the workflow engine and the
    database pool must not be shared between processes.
    """
    options: dict[str, object] = {
        "bind": f"{host}:{port}",
        "worker_class": "gthread",
        "workers": workers,
        "threads": threads,
        "preload_app": False,
        "timeout": 60,
        "graceful_timeout": 10,
        # It would open a control socket in the home directory, the same one for every instance.
        "control_socket_disable": True,
        # Addresses may carry references; who did what is in the audit trail, not in an access log.
        "accesslog": None,
        "loglevel": "warning",
        "when_ready": lambda server: ready(),
    }
    Portal(app_factory, options).run()
