"""Who may send: judged from a snapshot of the directory, so that neither database nor engine is asked.

An AE title is not authentication (PS3.8 knows none); what is trusted is the address, and with TLS (PS3.15 B.12)
the client's certificate.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, NamedTuple

from dicom_edge.facts import Standing

log = logging.getLogger(__name__)
USERNAME = 1
Networks = Sequence[IPv4Network | IPv6Network]


class Reason(StrEnum):
    """Why an association was rejected."""

    CALLED_AE_TITLE_UNKNOWN = "called-ae-title-unknown"
    CALLING_AE_TITLE_UNKNOWN = "calling-ae-title-unknown"
    ADDRESS_SHARED = "address-shared"
    CERTIFICATE_NOT_BOUND = "certificate-not-bound"
    NO_DIRECTORY = "no-directory"
    SPOOL_LOW = "spool-low"
    TOO_MANY_ASSOCIATIONS = "too-many-associations"


class Rejection(NamedTuple):
    """The three numbers of an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

    result: int
    source: int
    diagnostic: int


CALLING_NOT_RECOGNISED = Rejection(1, 1, 3)
CALLED_NOT_RECOGNISED = Rejection(1, 1, 7)
TEMPORARY_CONGESTION = Rejection(2, 3, 1)
LOCAL_LIMIT_EXCEEDED = Rejection(2, 3, 2)

REJECTIONS = {
    Reason.CALLED_AE_TITLE_UNKNOWN: CALLED_NOT_RECOGNISED,
    Reason.CALLING_AE_TITLE_UNKNOWN: CALLING_NOT_RECOGNISED,
    Reason.ADDRESS_SHARED: CALLING_NOT_RECOGNISED,
    Reason.CERTIFICATE_NOT_BOUND: CALLING_NOT_RECOGNISED,
    Reason.NO_DIRECTORY: TEMPORARY_CONGESTION,
    Reason.SPOOL_LOW: LOCAL_LIMIT_EXCEEDED,
    Reason.TOO_MANY_ASSOCIATIONS: LOCAL_LIMIT_EXCEEDED,
}


@dataclass(frozen=True)
class Admitted:
    """The sender, as far as it is known."""

    node_id: str | None
    institution_id: str
    standing: Standing


@dataclass(frozen=True)
class Rejected:
    reason: Reason


@dataclass(frozen=True)
class Node:
    """A sender on the directory; `certificate_sha256` is that of the DER certificate, in lower-case hex.

    What is `fetched` from it by C-GET our own workers hand on in its name.
    """

    node_id: str
    institution_id: str
    ae_title: str
    addresses: frozenset[str]
    certificate_sha256: str | None
    fetched: bool = False


@dataclass(frozen=True)
class Directory:
    """One snapshot of who may send."""

    called_ae_titles: frozenset[str]
    nodes: tuple[Node, ...]
    by_address: dict[str, tuple[Node, ...]] = field(repr=False)

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> Directory:
        """Raises KeyError, TypeError, AttributeError or ValueError when `read` is no directory."""
        nodes = tuple(
            Node(
                node_id=str(node["node_id"]),
                institution_id=str(node["institution_id"]),
                ae_title=node["ae_title"].strip(),
                addresses=frozenset(node["addresses"]),
                certificate_sha256=(node.get("certificate_sha256") or "").lower() or None,
                fetched=node.get("retrieve_by") == "get",
            )
            for node in read["nodes"]
        )
        by_address: dict[str, tuple[Node, ...]] = {}
        for node in nodes:
            for address in node.addresses:
                by_address[address] = (*by_address.get(address, ()), node)
        return cls(frozenset(title.strip() for title in read["called_ae_titles"]), nodes, by_address)


class Admission:
    """Judges callers by the newest readable snapshot at `path`; looks at the file again when it has changed.

    `workers` are where our own workers may be.
    """

    def __init__(self, path: Path, workers: Networks = ()) -> None:
        self._path = path
        self._workers = workers
        self._seen: tuple[int, int, int] | None = None
        self._directory: Directory | None = None
        self._lock = threading.Lock()

    def judge(
        self,
        calling: str,
        called: str,
        address: str,
        certificate_sha256: str | None,
        *,
        tls: bool = False,
        user: str = "",
    ) -> Admitted | Rejected:
        """Whether `calling` at `address` may send to `called`.

        With `tls` the certificate must be the one bound to that very Node, and a Node that has one may not come
        without. In the clear, an unknown AE title from an address of exactly one Institution is let in: people rename
        their systems, and images must not be lost. The address of Nodes that all have a certificate lets nobody in.

        At a worker's address the `user` (PS3.7 Section D.3.3.7) is the id of the Node from which something was
        fetched: AE titles are not unique, and what is one hospital's must not count as another's.
        """
        directory = self._current()
        if directory is None:
            return Rejected(Reason.NO_DIRECTORY)
        if called.strip() not in directory.called_ae_titles:
            return Rejected(Reason.CALLED_AE_TITLE_UNKNOWN)
        if user and not tls and self._is_worker(address):
            return _in_the_name_of(directory, user, calling.strip())
        neighbours = directory.by_address.get(address, ())
        namesakes = [node for node in neighbours if node.ae_title == calling.strip()]
        proven = [node for node in namesakes if node.certificate_sha256 == (certificate_sha256 if tls else None)]
        if (tls and not (certificate_sha256 and proven)) or (namesakes and not proven):
            return Rejected(Reason.CERTIFICATE_NOT_BOUND)
        namesakes = proven
        institutions = {node.institution_id for node in namesakes or neighbours}
        if not namesakes and all(node.certificate_sha256 for node in neighbours):
            return Rejected(Reason.CALLING_AE_TITLE_UNKNOWN)
        if len(institutions) > 1:
            return Rejected(Reason.ADDRESS_SHARED)
        if namesakes:
            return Admitted(namesakes[0].node_id, namesakes[0].institution_id, Standing.KNOWN)
        return Admitted(None, institutions.pop(), Standing.CHANGED_AE_TITLE)

    def knows_address(self, address: str) -> bool:
        """Whether any Node lives there: others share one small number of connections."""
        directory = self._current()
        return directory is not None and (address in directory.by_address or self._is_worker(address))

    def _is_worker(self, address: str) -> bool:
        try:
            here = ip_address(address)
        except ValueError:
            return False
        return any(here in network for network in self._workers)

    def _current(self) -> Directory | None:
        with self._lock:
            try:
                status = os.stat(self._path)
                seen = (status.st_mtime_ns, status.st_ino, status.st_size)
                if seen != self._seen:
                    self._directory = Directory.from_json(json.loads(self._path.read_bytes()))
                    # Only now: what could not be read is tried again, or a revoked sender would stay admitted.
                    self._seen = seen
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                # A snapshot that was good once serves until there is a better one.
                if not isinstance(error, FileNotFoundError):
                    log.error("the directory snapshot cannot be read: %s", type(error).__name__)
            return self._directory


def _in_the_name_of(directory: Directory, node_id: str, ae_title: str) -> Admitted | Rejected:
    for node in directory.nodes:
        if node.node_id == node_id and node.fetched and node.ae_title == ae_title:
            return Admitted(node.node_id, node.institution_id, Standing.KNOWN)
    return Rejected(Reason.CALLING_AE_TITLE_UNKNOWN)


def user_of(association: Any) -> str:
    """Whom the user's identity names, if it is a name (PS3.7 Section D.3.3.7.1); else nothing."""
    identity = association.requestor.user_identity
    if identity is None or identity.user_identity_type != USERNAME:
        return ""
    return str(identity.primary_field.decode("utf-8", "replace"))
