"""Senders: pynetdicom where the source address, the bytes or the misbehaviour matter, DCMTK where it does not."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import CTImageStorage, Verification

from activities.gate import closed_gate

TIMEOUT = 20


def associate(
    port: int,
    *,
    calling: str = "SENDER",
    called: str = "IEP",
    source: str = "127.0.0.1",
    contexts: Sequence[tuple[str, Sequence[str]]] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Association:
    """An attempt at an association, proposing `contexts` (CT and Verification unless said)."""
    entity = AE(calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT
    for abstract, transfer in contexts or [
        (CTImageStorage, [ExplicitVRLittleEndian]),
        (Verification, [ExplicitVRLittleEndian]),
    ]:
        entity.add_requested_context(abstract, list(transfer))
    options: dict[str, Any] = {"tls_args": (tls, "edge")} if tls else {}
    made = entity.associate("127.0.0.1", port, ae_title=called, bind_address=(source, 0), **options)
    if made.is_established:
        # An image is several writes: without this one waits 40 ms for the acknowledgement of another.
        made.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


@contextmanager
def association(port: int, **options: Any) -> Iterator[Association]:
    made = associate(port, **options)
    assert made.is_established, "not established"
    try:
        yield made
    finally:
        if made.is_established:
            made.release()


def rejection(
    port: int,
    *,
    calling: str = "SENDER",
    called: str = "IEP",
    source: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> tuple[int, int, int]:
    """Result, source and reason of the A-ASSOCIATE-RJ that is the answer (PS3.8 Table 9-21).

    Over a bare socket: a pynetdicom requestor sometimes takes a quick rejection for a failed connection.
    """
    with raw(port, source) as plain, tls.wrap_socket(plain, server_hostname="edge") if tls else plain as connected:
        connected.sendall(associate_request(calling, called))
        answer = connected.recv(10, 0)
    assert answer[:1] == b"\x03", answer
    return answer[7], answer[8], answer[9]


def store_command(sop_class: str, sop_instance: str, message_id: int = 1) -> bytes:
    """The command set of a C-STORE request with any UIDs, good or bad (PS3.7 Section 9.3.1)."""

    def element(number: int, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        return struct.pack("<HHL", 0, number, len(value)) + value

    body = b"".join(
        [
            element(0x0002, sop_class.encode()),
            element(0x0100, struct.pack("<H", 0x0001)),
            element(0x0110, struct.pack("<H", message_id)),
            element(0x0700, struct.pack("<H", 0)),
            element(0x0800, struct.pack("<H", 0x0001)),
            element(0x1000, sop_instance.encode()),
        ]
    )
    return element(0, struct.pack("<L", len(body))) + body


def send_fragment(made: Association, control: int, value: bytes) -> None:
    """One P-DATA with one value; `control`: 1 command, 2 last fragment (PS3.8 Annex E.2)."""
    pdata = P_DATA()
    pdata.presentation_data_value_list.append((made.accepted_contexts[0].context_id, bytes([control]) + value))
    made.dul.send_pdu(pdata)


def begin_store(made: Association, sop_class: str, sop_instance: str, fragment: bytes) -> None:
    """A C-STORE request that never ends."""
    send_fragment(made, 3, store_command(sop_class, sop_instance))
    send_fragment(made, 0, fragment)


def send_bytes(made: Association, data_set: bytes, sop_class: str, sop_instance: str) -> int | None:
    """Store `data_set` exactly as it is, under the named UIDs; the status, or None when there was no answer."""
    with closed_gate(made):
        send_fragment(made, 3, store_command(sop_class, sop_instance))
        for start in range(0, len(data_set), 16000):
            last = start + 16000 >= len(data_set)
            send_fragment(made, 2 if last else 0, data_set[start : start + 16000])
        _, answer = made.dimse.get_msg(block=True)
    return None if answer is None else int(answer.Status)


def echo(program: str, port: int, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *options, "-ta", "5", "-td", "5", "-to", "5", "-aec", "IEP", "127.0.0.1", str(port)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def store(program: str, port: int, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, "-v", "-aec", "IEP", "127.0.0.1", str(port), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def associate_request(calling: str = "SENDER", called: str = "IEP") -> bytes:
    """An A-ASSOCIATE-RQ for CT as bytes, for raw sockets."""

    def of(kind: int, value: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(value)) + value

    context = of(
        0x20,
        b"\x01\0\0\0" + of(0x30, CTImageStorage.encode()) + of(0x40, ExplicitVRLittleEndian.encode()),
    )
    user = of(0x50, of(0x51, struct.pack(">L", 16384)) + of(0x52, b"1.2.3.4"))
    body = (
        struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), calling.ljust(16).encode())
        + of(0x10, b"1.2.840.10008.3.1.1.1")
        + context
        + user
    )
    return struct.pack(">BBL", 1, 0, len(body)) + body


def raw(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT, source_address=(source, 0))


def is_closed(connected: socket.socket, timeout: float) -> bool:
    """Whether the peer hangs up within `timeout` seconds; what it says before is thrown away."""
    connected.settimeout(timeout)
    try:
        while connected.recv(4096):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True
