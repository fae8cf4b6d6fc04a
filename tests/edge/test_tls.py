"""Mutual TLS: the certificate is bound to the Node, and a silent peer holds nobody up."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicom_edge.facts import AssociationRejected
from tests.conftest import Peers
from tests.edge import sender
from tests.edge.certificates import Authority, Pair, client_context
from tests.edge.conftest import Edges, node, running
from tests.edge.objects import ct, save
from tests.eventually import eventually


@dataclass
class Secured:
    """An edge that listens with TLS, and the certificates around it."""

    edges: Edges
    authority: Authority
    bound: Pair
    unbound: Pair


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder / "certificates")
    own, bound, unbound = (authority.issue(name) for name in ("edge", "bound", "unbound"))
    with running(folder) as edges:
        edges.allow(
            node("SENDER", "ZX1", certificate=bound.sha256.upper()),
            node("PLAIN", "ZX1"),
            node("STORESCU", "ZX1", certificate=bound.sha256),
        )
        edges.start(
            tls=True,
            key=str(own.key),
            certificate=str(own.certificate),
            authorities=str(authority.certificate),
            limits={"handshake_seconds": 2},
        )
        yield Secured(edges, authority, bound, unbound)


@pytest.fixture(autouse=True)
def no_facts(secured: Secured) -> None:
    for event in secured.edges.spool.events():
        secured.edges.spool.forget(event)


def test_bound_certificate(secured: Secured) -> None:
    context = client_context(secured.authority.certificate, secured.bound)
    with sender.association(secured.edges.port, tls=context) as made:
        assert made.send_c_store(ct(256, 256)).Status == 0x0000
    who = secured.edges.spool.association(secured.edges.spool.ready()[0].association)
    assert who is not None
    assert (who.tls, who.node_id, who.standing) == (True, "node-ZX1-SENDER", "known")


@pytest.mark.parametrize("calling", ["SENDER", "PLAIN", "RENAMED"])
def test_certificate_of_somebody_else(secured: Secured, calling: str) -> None:
    """Not the Node's own, a Node that has none, and a name that no Node has: with TLS none of them is let in."""
    context = client_context(secured.authority.certificate, secured.unbound)
    assert sender.rejection(secured.edges.port, calling=calling, tls=context) == (1, 1, 3)
    (fact,) = eventually(lambda: secured.edges.facts(AssociationRejected))
    assert (fact.calling_ae_title, fact.reason) == (calling, "certificate-not-bound")


def test_without_certificate(secured: Secured) -> None:
    made = sender.associate(secured.edges.port, tls=client_context(secured.authority.certificate, None))
    assert not made.is_established
    assert not made.is_rejected


def test_certificate_of_another_authority(secured: Secured, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger", "stranger").issue("bound")
    made = sender.associate(secured.edges.port, tls=client_context(secured.authority.certificate, stranger))
    assert not made.is_established
    assert not made.is_rejected


def test_old_tls(secured: Secured) -> None:
    context = client_context(secured.authority.certificate, secured.bound)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AES256+SHA384:!AESGCM")
    assert not sender.associate(secured.edges.port, tls=context).is_established


def test_silent_clients(secured: Secured) -> None:
    """They hold nobody up, and are hung up on when the time for a handshake is over."""
    silent = [sender.raw(secured.edges.port) for _ in range(10)]
    context = client_context(secured.authority.certificate, secured.bound)
    with sender.association(secured.edges.port, tls=context) as made:
        assert made.send_c_echo().Status == 0x0000
    assert all(sender.is_closed(connected, 10) for connected in silent)
    for connected in silent:
        connected.close()


def test_storescu(peers: Peers, secured: Secured, tmp_path: Path) -> None:
    """DCMTK with the same certificate."""
    file = save(ct(256, 256), tmp_path / "one.dcm")
    options = ["+tls", str(secured.bound.key), str(secured.bound.certificate)]
    sent = subprocess.run(
        [
            peers.need("storescu"),
            *options,
            "+cf",
            str(secured.authority.certificate),
            *("-aec", "IEP", "127.0.0.1", str(secured.edges.port), str(file)),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert sent.returncode == 0, sent.stderr
