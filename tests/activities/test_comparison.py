"""The destination's own answer: Orthanc, the demo's PACS, and Nodes that cannot or will not say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pynetdicom.association import Association
from sqlalchemy import select

from activities.comparison import Manifest, compare
from activities.peer import PeerAddress
from models.domain.contracts import Comparison, Verdict
from models.domain.identity import SentIdentity
from models.tables import Delivery, Instance
from tests.activities.misbehaving import Misbehaving, misbehaving
from tests.activities.parcels import Parcels, ten
from tests.demo.programs import program
from tests.ingest.filling import next_study, small_ct


@pytest.fixture(params=["orthanc", "demo"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    if request.param == "orthanc":
        yield request.getfixturevalue("orthanc").port
        return
    with program(tmp_path / "log", "demo.pacs", "--ae-title", "ZX2_PACS", "--folder", str(tmp_path / "pacs")) as pacs:
        yield pacs.port


@pytest.fixture
def delivered(parcels: Parcels, port: int) -> str:
    """Ten images of two series, accepted by the peer."""
    images = [small_ct(n, SeriesInstanceUID=f"2.25.2{n % 2}") for n in range(1, 11)]
    delivery = parcels.release(*images)
    parcels.set_node(port)
    assert parcels.send(delivery).accepted == 10
    return delivery


def ask(parcels: Parcels, delivery_id: str, port: int, *, identity: SentIdentity) -> tuple[Comparison, list[str]]:
    """As the activity does, with another identity."""
    with parcels.database.begin() as session:
        series: dict[str, dict[str, str]] = {}
        for instance in session.scalars(select(Instance)):
            series.setdefault(instance.SeriesInstanceUID, {})[instance.SOPInstanceUID] = instance.id
    address = PeerAddress("ZX2_PACS", "ZX2_PACS", "127.0.0.1", port, 5.0)
    return compare(address, Manifest("2.25.1", series, identity))


def sent(parcels: Parcels, delivery_id: str) -> SentIdentity:
    with parcels.database.begin() as session:
        identity = session.get_one(Delivery, delivery_id).identity
        assert identity is not None
        return SentIdentity(**identity)


def test_what_was_sent_is_confirmed(parcels: Parcels, delivered: str) -> None:
    comparison = parcels.compare(delivered)
    assert (comparison.verdict, comparison.present, comparison.total) == (Verdict.CONFIRMED, 10, 10)
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, delivered)
        assert (delivery.present, delivery.missing) == (10, [])
        assert delivery.node.last_answer_at is not None


def test_what_it_does_not_list_is_missing(parcels: Parcels, delivered: str) -> None:
    parcels.filling.bring(small_ct(11, SeriesInstanceUID="2.25.21"), small_ct(12, SeriesInstanceUID="2.25.22"))
    comparison = parcels.compare(delivered)
    assert (comparison.verdict, comparison.present, comparison.total) == (Verdict.MISSING, 10, 12)
    with parcels.database.begin() as session:
        late = session.scalars(select(Instance.id).where(Instance.SOPInstanceUID.in_(["2.25.100011", "2.25.100012"])))
        assert set(session.get_one(Delivery, delivered).missing or []) == set(late)


def test_a_study_it_does_not_have_at_all(parcels: Parcels, port: int) -> None:
    delivery = parcels.release(*ten())
    parcels.set_node(port)
    comparison = parcels.compare(delivery)
    assert (comparison.verdict, comparison.present, comparison.total) == (Verdict.MISSING, 0, 10)


@pytest.mark.parametrize(
    ("keyword", "words"), [("PatientID", "another Patient ID"), ("AccessionNumber", "another Accession Number")]
)
def test_other_identifiers_are_found_out_and_not_repeated(
    parcels: Parcels, delivered: str, port: int, keyword: str, words: str
) -> None:
    identity = sent(parcels, delivered)
    comparison, missing = ask(parcels, delivered, port, identity=replace(identity, **{keyword: "SOMETHINGELSE"}))
    assert (comparison.verdict, missing) == (Verdict.DIFFERENT, [])
    assert comparison.detail == f"It gives {words}."
    assert getattr(identity, keyword) not in comparison.detail
    assert "SOMETHINGELSE" not in comparison.detail


def test_the_issuer_is_compared_where_it_is_returned(parcels: Parcels, delivered: str, port: int) -> None:
    identity = sent(parcels, delivered)
    assert identity.IssuerOfPatientID == "ZX1"
    comparison, _ = ask(parcels, delivered, port, identity=replace(identity, IssuerOfPatientID="ZX9"))
    assert comparison.verdict is Verdict.DIFFERENT
    assert comparison.detail == "It gives another issuer of the Patient ID."


def test_an_issuer_goes_with_its_patient_id(parcels: Parcels, delivered: str, port: int) -> None:
    identity = sent(parcels, delivered)
    others = {"PatientID": "SOMETHINGELSE", "IssuerOfPatientID": "ZX9", "AccessionNumber": "SOMETHINGELSE"}
    comparison, _ = ask(parcels, delivered, port, identity=replace(identity, **others))
    assert comparison.detail == "It gives another Patient ID, another issuer of it, and another Accession Number."


def test_an_older_copy_under_other_identifiers(parcels: Parcels, tmp_path: Path) -> None:
    """The demo's PACS keeps the first copy, as many do, and answers Success to the second."""
    with program(tmp_path / "log", "demo.pacs", "--ae-title", "ZX2_PACS", "--folder", str(tmp_path / "pacs")) as pacs:
        study = next_study()
        old = parcels.release(small_ct(1, StudyInstanceUID=study, PatientID="OLD1"))
        parcels.set_node(pacs.port)
        assert parcels.send(old).accepted == 1
        with parcels.database.begin() as session:
            # As if it were sent a second time, corrected.
            delivery = session.get_one(Delivery, old)
            assert delivery.identity is not None
            delivery.identity = delivery.identity | {"PatientID": "NEW1"}
        comparison = parcels.compare(old)
    assert (comparison.verdict, comparison.present) == (Verdict.DIFFERENT, 1)
    assert comparison.detail == "It gives another Patient ID."


def test_images_without_their_study_are_no_proof_of_the_patient(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PACS that has rows of images already, and none of the study yet."""
    find = Misbehaving.find

    def without_study(self: Misbehaving, event: Any) -> Iterator[tuple[int, Any]]:
        return iter(()) if event.identifier.QueryRetrieveLevel == "STUDY" else find(self, event)

    monkeypatch.setattr(Misbehaving, "find", without_study)
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        comparison = parcels.compare(delivery)
    assert (comparison.verdict, comparison.present, comparison.total) == (Verdict.MISSING, 10, 10)
    assert comparison.detail.endswith("lists 10 of 10 images, but not their study: for which patient is not known.")


def test_an_answer_that_cannot_be_read_confirms_nothing(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        # As pynetdicom hands over an identifier that it cannot decode.
        answered = Association.send_c_find
        monkeypatch.setattr(
            Association, "send_c_find", lambda *words: ((status, None) for status, _ in answered(*words))
        )
        comparison = parcels.compare(delivery)
    assert comparison.verdict is Verdict.UNVERIFIABLE
    assert comparison.detail.endswith("gave an answer that cannot be read.")


def test_keys_that_are_not_returned_are_not_compared(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    find = Misbehaving.find

    def taciturn(self: Misbehaving, event: Any) -> Iterator[tuple[int, Any]]:
        for status, found in find(self, event):
            for keyword in ("PatientID", "IssuerOfPatientID", "AccessionNumber"):
                if keyword in found:
                    delattr(found, keyword)
            yield status, found

    monkeypatch.setattr(Misbehaving, "find", taciturn)
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        comparison = parcels.compare(delivery)
    assert comparison.verdict is Verdict.CONFIRMED
    assert comparison.detail == "Not compared, because it does not say: PatientID, IssuerOfPatientID, AccessionNumber."


def test_one_study_of_two_patients_is_different(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    find = Misbehaving.find

    def twice(self: Misbehaving, event: Any) -> Iterator[tuple[int, Any]]:
        for status, found in find(self, event):
            yield status, found
            if event.identifier.QueryRetrieveLevel == "STUDY":
                yield status, found

    monkeypatch.setattr(Misbehaving, "find", twice)
    delivery = parcels.release(small_ct())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        assert parcels.compare(delivery).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("gives", ["H999", None])
def test_one_image_that_is_filed_under_another_patient(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch, gives: str | None
) -> None:
    """A Node may list PatientID at IMAGE level, or refuse to be asked for it there: then the study's own counts."""
    find = Misbehaving.find

    def of_another(self: Misbehaving, event: Any) -> Iterator[tuple[int, Any]]:
        images = event.identifier.QueryRetrieveLevel == "IMAGE"
        if images and gives is None and "PatientID" in event.identifier:
            yield 0xA900, None
            return
        for number, (status, found) in enumerate(find(self, event)):
            if images and gives and found is not None:
                found.PatientID = gives if number == 0 else sent(parcels, delivery).PatientID
            yield status, found

    monkeypatch.setattr(Misbehaving, "find", of_another)
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        comparison = parcels.compare(delivery)
    if gives:
        assert comparison.verdict is Verdict.DIFFERENT
        assert comparison.detail == "It gives another Patient ID for 1 of 10 images."
    else:
        assert comparison.verdict is Verdict.CONFIRMED


def test_images_with_accession_numbers_of_their_own_agree_with_none(parcels: Parcels, port: int) -> None:
    delivery = parcels.release(small_ct(1), small_ct(2, AccessionNumber="OTHER2"))
    parcels.set_node(port)
    parcels.send(delivery)
    assert parcels.compare(delivery).verdict is Verdict.CONFIRMED
