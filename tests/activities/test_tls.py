"""TLS towards a Node: nothing is said to a peer that cannot be trusted, and each reason has its sentence and step."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from typing import Any

import pytest
from sqlalchemy import select

from activities.asking import echo, finder
from activities.dicom import DicomActivities
from activities.peer import PeerAddress, association
from activities.secured import OWN
from models.domain.errors import ExchangeError, NotSecured, PeerUnreachable
from models.outbox import alarm_not_secured
from models.tables import AuditEntry, Node
from models.tls import Identity, server_context
from tests.activities.misbehaving import misbehaving
from tests.activities.orthanc import free_port, running_orthanc
from tests.activities.parcels import Parcels, fails, fault, ten
from tests.activities.trust import HOST, Trust
from tests.conftest import Peers
from tests.edge.certificates import Authority
from tests.eventually import eventually
from tests.ingest.filling import small_ct

FIND = finder()


def address(port: int, tls: str = "name", **more: Any) -> PeerAddress:
    return PeerAddress("ZX2_PACS", "PACS", HOST, port, 5.0, tls=tls, **more)


def refused(peer: PeerAddress) -> tuple[type[ExchangeError], str, str]:
    with pytest.raises(ExchangeError) as failed:
        echo(peer)
    return type(failed.value), str(failed.value), str(failed.value.step)


def test_a_study_goes_by_tls_and_is_compared_by_tls(parcels: Parcels, trust: Trust) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(tls=trust.server()) as peer:
        parcels.set_node(peer.port, tls="name")
        assert parcels.send(delivery).accepted == 10
        assert parcels.compare(delivery).present == 10
        # Without TLS the same peer is not understood: it really was by TLS.
        parcels.set_node(peer.port, tls="")
        fails(parcels, parcels.release(small_ct(99)), "PeerUnreachable")


def test_the_registered_certificate_needs_no_name(trust: Trust) -> None:
    elsewhere = trust.authority.issue("elsewhere", "pacs.example")
    with misbehaving(tls=trust.server(elsewhere)) as peer:
        with association(address(peer.port, "certificate", certificate_sha256=elsewhere.sha256.upper()), FIND):
            pass
        kind, words, step = refused(address(peer.port))
        assert (kind, step) == (NotSecured, "tls")
        assert "does not name 127.0.0.1" in words


def test_another_certificate_of_the_same_authority(trust: Trust) -> None:
    other = trust.authority.issue("other", HOST)
    with misbehaving(tls=trust.server(other)) as peer:
        kind, words, step = refused(address(peer.port, "certificate", certificate_sha256=trust.pacs.sha256))
    assert (kind, step) == (NotSecured, "tls")
    assert "another certificate than is registered" in words


def test_a_certificate_of_another_authority(trust: Trust) -> None:
    stranger = Authority(trust.folder / "stranger", "stranger").issue("pacs", HOST)
    for tls in ("name", "certificate"):
        with misbehaving(tls=trust.server(stranger)) as peer:
            kind, words, step = refused(address(peer.port, tls, certificate_sha256=stranger.sha256))
        assert (kind, step) == (NotSecured, "tls")
        assert "from nobody whom the exchange trusts" in words


def test_an_expired_certificate(trust: Trust) -> None:
    expired = trust.authority.issue("expired", HOST, days=-1)
    with misbehaving(tls=trust.server(expired)) as peer:
        kind, words, _ = refused(address(peer.port, "certificate", certificate_sha256=expired.sha256))
    assert kind is NotSecured
    assert words == "The certificate of ZX2_PACS has expired; let its people renew it."


def test_our_certificate_is_not_accepted(trust: Trust) -> None:
    authority = Authority(trust.folder / "theirs", "theirs").certificate
    theirs = server_context(Identity(trust.pacs.key, trust.pacs.certificate, authority))
    with misbehaving(tls=theirs) as peer:
        kind, words, _ = refused(address(peer.port))
    assert kind is NotSecured
    assert "does not accept the exchange's certificate" in words


def test_old_tls_is_no_tls(trust: Trust) -> None:
    old = trust.server()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("ECDHE+AES256+SHA384:!AESGCM")
    with misbehaving(tls=old) as peer:
        kind, words, _ = refused(address(peer.port))
    assert kind is NotSecured
    assert "no TLS that is safe" in words


def test_a_peer_in_the_clear_is_never_spoken_to(trust: Trust) -> None:
    """It answers a ClientHello as an upper layer does that knows no such PDU: by an A-ABORT (PS3.8 Section 9.3.8)."""
    heard = bytearray()
    with socket.create_server((HOST, 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                heard.extend(connection.recv(4096))
                connection.sendall(bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 1]))
                with contextlib.suppress(ConnectionError):
                    while more := connection.recv(4096):
                        heard.extend(more)

        answering = threading.Thread(target=answer)
        answering.start()
        kind, words, step = refused(address(listening.getsockname()[1]))
        answering.join()
    assert (kind, step) == (NotSecured, "tls")
    assert "speaks no TLS at 127.0.0.1:" in words
    assert heard[0] == 0x16, "a handshake (RFC 8446 Section 5.1)"
    assert b"PACS" not in heard


@pytest.mark.parametrize("drips", [False, True])
def test_a_peer_that_is_silent_in_the_handshake_costs_its_timeout(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    """Also one that says a byte now and then: the handshake has one time for all of it."""
    monkeypatch.setattr("activities.peer.CONNECT_TIMEOUT", 1.0)
    over = threading.Event()
    with socket.create_server((HOST, 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                # The beginning of a record that promises 16 KiB.
                connection.sendall(b"\x16\x03\x03\x40\x00") if drips else None
                while not over.wait(0.2):
                    if drips:
                        connection.send(b"\x02")

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        kind, words, step = refused(address(listening.getsockname()[1]))
        took = time.monotonic() - began
        over.set()
        dripping.join()
    assert (kind, step) == (PeerUnreachable, "tls")
    assert "does not finish the TLS handshake" in words
    assert took < 10


def test_a_peer_that_shakes_hands_and_then_says_nothing(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tickets of TLS 1.3 make its connection readable; nobody may wait there for what never comes."""
    monkeypatch.setattr("activities.peer.ACSE_TIMEOUT", 0.5)
    over = threading.Event()
    with socket.create_server((HOST, 0)) as listening:

        def shake() -> None:
            connection, _ = listening.accept()
            with trust.server().wrap_socket(connection, server_side=True):
                over.wait(60)

        shaking = threading.Thread(target=shake)
        shaking.start()
        peer = address(listening.getsockname()[1])
        with pytest.raises(PeerUnreachable, match="does not answer the request"), association(peer, FIND, patience=0.5):
            pass
        over.set()
        shaking.join()


def test_what_could_not_be_trusted_parks_is_in_the_audit_and_on_the_page(
    parcels: Parcels, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alarm(node_id: str, sentence: str) -> None:
        with parcels.database.begin() as session:
            alarm_not_secured(session, node_id, sentence)

    monkeypatch.setattr(OWN, "alarm", alarm)
    delivery = parcels.release(*ten())
    other = trust.authority.issue("other", HOST)
    with misbehaving(tls=trust.server(other)) as peer:
        parcels.set_node(peer.port, tls="certificate", certificate_sha256=trust.pacs.sha256)
        assert "another certificate" in fails(parcels, delivery, "NotSecured", for_good=True)
        facts = parcels.environment.run(DicomActivities(parcels.database, parcels.archive).look, parcels.node_id)
        assert not facts.answered
        assert peer.received == []
        # No restart: what the Node is set to counts from the next attempt on.
        parcels.set_node(peer.port, tls="certificate", certificate_sha256=other.sha256)
        assert parcels.send(delivery).accepted == 10
    with parcels.database.begin() as session:
        node = session.get_one(Node, parcels.node_id)
        assert (node.last_fault_step, node.last_fault) == ("tls", facts.detail)
        acts = session.scalars(select(AuditEntry).where(AuditEntry.act == "node.not-secured")).all()
        assert [(entry.subject, entry.facts) for entry in acts] == [(node.id, {"why": facts.detail})]


def test_what_waits_for_a_node_that_is_down_for_its_certificate_says_so(parcels: Parcels) -> None:
    """Nobody is told that it goes on by itself without anybody's act."""
    why = "The certificate of ZX2_PACS has expired; let its people renew it."
    delivery = parcels.release(small_ct())
    parcels.set_node(1, state="down", last_fault=why, last_fault_step="tls")
    assert parcels.send(delivery).node_away
    assert fault(parcels, delivery) == f"ZX2_PACS is down: {why}"


def test_no_certificate_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OWN, "identity", None)
    kind, words, _ = refused(address(1))
    assert kind is NotSecured
    assert "set IEP_TLS_KEY" in words


def test_a_host_without_address_is_said() -> None:
    kind, words, step = refused(PeerAddress("ZX2_PACS", "PACS", "pacs.invalid", 104, 5.0))
    assert (kind, step) == (PeerUnreachable, "name")
    assert "pacs.invalid" in words


@pytest.mark.peer
def test_storescp(peers: Peers, parcels: Parcels, trust: Trust) -> None:
    """DCMTK, which demands our certificate as well."""
    port, kept = free_port(), trust.folder / "kept"
    kept.mkdir()
    program = [peers.need("storescp"), "+tls", str(trust.pacs.key), str(trust.pacs.certificate)]
    options = ["+cf", str(trust.authority.certificate), "-od", str(kept), str(port)]
    with subprocess.Popen([*program, *options]) as process:
        try:
            parcels.set_node(port, tls="name")
            eventually(lambda: _listens(port))
            assert parcels.send(parcels.release(*ten())).accepted == 10
            assert len(list(kept.iterdir())) == 10
        finally:
            process.terminate()


@pytest.mark.peer
def test_orthanc(peers: Peers, parcels: Parcels, trust: Trust) -> None:
    options = {
        "DicomTlsEnabled": True,
        "DicomTlsPrivateKey": str(trust.pacs.key),
        "DicomTlsCertificate": str(trust.pacs.certificate),
        "DicomTlsTrustedCertificates": str(trust.authority.certificate),
        "DicomTlsRemoteCertificateRequired": True,
    }
    with running_orthanc(peers.need("Orthanc"), trust.folder / "orthanc", **options) as orthanc:
        parcels.set_node(orthanc.port, tls="certificate", certificate_sha256=trust.pacs.sha256)
        delivery = parcels.release(*ten())
        assert parcels.send(delivery).accepted == 10
        assert orthanc.count() == 10
        assert parcels.compare(delivery).present == 10


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
