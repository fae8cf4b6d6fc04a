"""A way to a PACS that can fall silent: connections stay open on both sides, and nothing comes through any more."""

from __future__ import annotations

import contextlib
import socket
import threading

CHUNK = 1 << 16


class ChaosProxy:
    """Listens on a `port` of its own and passes on to `target`; what is silenced stays so, what comes later is new."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._silenced: set[int] = set()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """On every connection that there is now, for good. Neither side is told."""
        self._silenced.update(range(self.accepted))

    def close(self) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self._open += [near, far]
                number, self.accepted = self.accepted, self.accepted + 1
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(number, one, other), daemon=True).start()

    def _pass_on(self, number: int, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(CHUNK):
                if number in self._silenced:
                    # It is read and lost, as by a firewall that has forgotten the connection.
                    continue
                other.sendall(data)
            if number not in self._silenced:
                other.shutdown(socket.SHUT_WR)
