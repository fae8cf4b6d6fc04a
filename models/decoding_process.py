"""`python -m models.decoding_process SOCKET` has the decoders loaded, and forks a confined process for each object.

A request is a question and open descriptors: where the answer goes, the object, and where to write if anything is
written. Nothing but the answer leaves the process; any failure is an answer that does not come. Ends with the socket.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

from models.decode_in_child import digest
from models.decompress_in_child import decompress

MEMORY = 3 * 1024**3
"""Bytes of address space for an object, libraries included."""
CPU_SECONDS = 60
PATIENCE = 120
"""Seconds for an object, however little of the processor it uses."""
LONGEST = 256
"""Bytes of a question."""
DESCRIPTORS = 3


def serve(requests: socket.socket) -> None:
    """Until the other end is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    gc.freeze()
    while True:
        question, descriptors, _, _ = socket.recv_fds(requests, LONGEST, DESCRIPTORS)
        if not question:
            return
        if os.fork() == 0:
            requests.close()
            _answer(question.decode(), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def confine() -> None:
    """Limits this process for good."""
    signal.alarm(PATIENCE)
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_CORE, 0)):
        _, allowed = resource.getrlimit(kind)
        # Whoever runs us may allow less; nobody may raise that again.
        bound = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(kind, (bound, bound))


def _answer(question: str, descriptors: Sequence[int]) -> NoReturn:
    try:
        confine()
        answer, source, *target = descriptors
        os.write(answer, b"begun ")
        os.write(answer, _done(question.split(), f"/proc/self/fd/{source}", target).encode())
    finally:
        # Whatever happened: what stands behind the fork is not this process's to do.
        os._exit(0)


def _done(question: Sequence[str], source: str, target: Sequence[int]) -> str:
    match question, target:
        case ["digest"], []:
            return digest(source)
        case ["decompress", syntax], [descriptor]:
            decompress(source, descriptor, syntax)
            return "done"
        case _:
            raise ValueError(question)


if __name__ == "__main__":
    # All that a fork would load otherwise, each for itself.
    import pydicom.pixels.utils  # noqa: F401

    serve(socket.socket(fileno=int(sys.argv[1])))
