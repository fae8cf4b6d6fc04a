"""Whose an ID is: the destination's PACS is asked before the exchange releases by itself, or sends to another Node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom.association import Association

from activities.asking import find
from activities.deliveries import ANOTHER_IS_THERE, IT_DOES_NOT_SAY, DeliveryActivities
from activities.peer import PeerAddress
from models.domain.contracts import CommandKind, NodeQuestion
from models.domain.errors import PeerUnreachable
from models.filed_under import ANOTHER_WENT, CALLED_OTHERWISE_WENT, NEEDS_A_LOOK
from models.local_patients import ANOTHERS_ID
from models.tables import Delivery, Node
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import Parcels
from tests.activities.test_filed_under import NHS, arrives, by_itself, listed, waits
from tests.activities.test_local_identity import AGNES, BORIS, check, image, known, on_worklist, pacs, released
from tests.demo.programs import Program
from tests.ingest.filling import next_study, small_ct
from tests.workflows.rows import command

__all__ = ["pacs"]
ANNA: dict[str, Any] = {"PatientName": "EXAMPLE^Anna", "PatientBirthDate": "19900101", "PatientSex": "F"}
SPACED = {"PatientID": "999 000 0018", "IssuerOfPatientID": ""}


def pair(patient: dict[str, Any], second: dict[str, str]) -> list[Dataset]:
    """Two images of one study."""
    first, study = image(patient), next_study()
    first.StudyInstanceUID = study
    other = small_ct(2, StudyInstanceUID=study, SOPInstanceUID=f"{study}.2", **patient | second)
    return [first, other]


def add_node(parcels: Parcels, port: int) -> str:
    """The id of a second PACS of ZX2."""
    with parcels.database.begin() as session:
        neuro = Node(institution_id="ZX2", name="NEURO", ae_title="NEURO", host="127.0.0.1", port=port)
        session.add(neuro)
        session.flush()
        return neuro.id


@pytest.fixture
def there(parcels: Parcels, pacs: Program) -> Program:
    """ZX2's PACS, which has Anna under her NHS number; the exchange does not know."""
    parcels.set_node(pacs.port, query_back=True)
    first = parcels.release(image(ANNA | NHS))
    assert parcels.send(first).accepted == 1
    with parcels.database.begin() as session:
        session.get_one(Delivery, first).state = "refused"
    by_itself(parcels)
    return pacs


@pytest.mark.parametrize("state", ["up", "down", "held"])
def test_one_that_is_away_is_asked_before_anything_goes_by_itself(parcels: Parcels, state: str) -> None:
    by_itself(parcels)
    parcels.set_node(1, query_back=True, state=state)
    delivery_id = arrives(parcels, AGNES)
    listing = listed(parcels, delivery_id)
    assert (listing.automatic, listing.unasked) == (False, True)
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state = "on-worklist"
        assert delivery.waiting_since is not None
        assert (delivery.waiting_until is not None) is (state == "up"), "asked again soon, or once it is back"
    assert listed(parcels, delivery_id).unasked
    with parcels.database.begin() as session:
        words = session.get_one(Delivery, delivery_id).state_detail
    assert words == "It goes by itself once ZX2_PACS can be asked whose the Patient ID is."


@pytest.mark.parametrize("patient", [ANNA, BORIS], ids=["the same", "another"])
def test_then_it_goes_or_waits_for_a_person(parcels: Parcels, there: Program, patient: dict[str, Any]) -> None:
    parcels.set_node(there.port, state="down")
    delivery_id = arrives(parcels, patient | NHS)
    assert listed(parcels, delivery_id).unasked
    with parcels.database.begin() as session:
        # As once it was told that its Node may be asked.
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state, delivery.waiting_since = "on-worklist", None
    parcels.set_node(there.port, state="up")
    listing = listed(parcels, delivery_id)
    with parcels.database.begin() as session:
        words = session.get_one(Delivery, delivery_id).state_detail
    assert (words == NEEDS_A_LOOK) is (patient is BORIS)
    assert (listing.automatic, listing.unasked) == (patient is ANNA, False)
    assert (listing.detail == NEEDS_A_LOOK) is (patient is BORIS)
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, delivery_id).waiting_since is None


@pytest.mark.parametrize("issuer", ["", "ZX1", "NHS", "ZX2"])
def test_an_nhs_number_is_one_whoever_issues_it_in_the_pacs(parcels: Parcels, there: Program, issuer: str) -> None:
    del there
    assert listed(parcels, arrives(parcels, BORIS | NHS | {"IssuerOfPatientID": issuer})).automatic is False
    assert listed(parcels, arrives(parcels, BORIS | SPACED | {"IssuerOfPatientID": issuer})).automatic is False


def test_what_one_image_leaves_out_another_says(parcels: Parcels) -> None:
    """A son with his father's name and number."""
    parcels.set_node(1, query_back=False)
    parcels.filling.bring(*pair(AGNES | NHS, {"PatientBirthDate": ""}))
    parcels.open()
    for left_out in ({"PatientBirthDate": ""}, {"PatientBirthDate": "19801231"}):
        parcels.filling.bring(*pair(AGNES | NHS | {"PatientBirthDate": "19801231"}, left_out))
        assert check(parcels, on_worklist(parcels, parcels.open()), "") == CALLED_OTHERWISE_WENT


def test_of_whom_nothing_is_said_nobody_else_is_taken_for(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    nobody = {"PatientName": "", "PatientBirthDate": "", "PatientSex": ""}
    parcels.release(image(AGNES | nobody))
    released(parcels, waits(parcels, **AGNES | nobody | {"PatientID": "N3"}), "H9")
    assert known(parcels) == {}, "it teaches nothing"
    by_itself(parcels)
    assert listed(parcels, arrives(parcels, AGNES)).detail == NEEDS_A_LOOK
    parcels.release(image(AGNES | nobody | {"PatientID": "N4", "PatientSex": "M"}))
    other_sex = waits(parcels, **AGNES | {"PatientID": "N4", "PatientSex": "F"})
    assert check(parcels, other_sex, "") == CALLED_OTHERWISE_WENT


def test_another_node_of_the_institution_is_asked_for_itself(parcels: Parcels, there: Program) -> None:
    """What went to one PACS tells nothing about another."""
    neuro = add_node(parcels, there.port)
    parcels.set_node(1, query_back=False)
    parcels.release(image(BORIS | NHS))
    same = arrives(parcels, BORIS | NHS)
    assert listed(parcels, same).automatic
    with parcels.database.begin() as session:
        session.get_one(Delivery, same).node_id = neuro
    assert not listed(parcels, same).automatic


@pytest.mark.parametrize("carried", [NHS, {"PatientID": "N1"}], ids=["NHS number", "sender's ID"])
@pytest.mark.parametrize("other", [{"PatientBirthDate": "19801231"}, {"PatientName": "EXAMPLE^Berta"}])
def test_a_second_study_of_a_stranger_settles_nothing(
    parcels: Parcels, carried: dict[str, str], other: dict[str, str]
) -> None:
    """A first one that only waits, and at which nobody has looked, is no reason for the next to go."""
    parcels.set_node(1, query_back=False)
    parcels.release(image(AGNES | carried))
    by_itself(parcels)
    both = [arrives(parcels, AGNES | carried | other) for _ in range(2)]
    for _ in range(2):
        assert [listed(parcels, one).detail for one in both] == [NEEDS_A_LOOK, NEEDS_A_LOOK]
    assert listed(parcels, arrives(parcels, AGNES | carried)).automatic, "whose it is goes on"


def test_who_went_under_a_number_is_not_locked_out_by_who_was_refused(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    parcels.release(image(AGNES | NHS))
    released(parcels, waits(parcels, **BORIS | NHS), "H5")
    assert check(parcels, waits(parcels, **AGNES | NHS), "") == ""
    assert check(parcels, waits(parcels, **BORIS | NHS), "") == ANOTHER_WENT


def test_half_an_answer_releases_nothing_by_itself(
    parcels: Parcels, there: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody whom it had not listed yet may be another."""
    del there

    def falls_silent(peer: PeerAddress, assoc: Association, level: str, **keys: str) -> Iterator[Dataset]:
        yield from find(peer, assoc, level, **keys)
        raise PeerUnreachable("It fell silent.")

    anna = arrives(parcels, ANNA | NHS)
    with monkeypatch.context() as patched:
        patched.setattr("activities.whose_id.find", falls_silent)
        assert listed(parcels, anna).unasked
    assert listed(parcels, anna).automatic


def test_one_that_refuses_to_be_asked_keeps_nothing_back(parcels: Parcels) -> None:
    by_itself(parcels)
    with misbehaving(with_find=False) as peer:
        parcels.set_node(peer.port, query_back=True)
        assert listed(parcels, arrives(parcels, AGNES)).automatic


@pytest.mark.parametrize("other", [{"PatientSex": "M"}, {"PatientName": "EXAMPLE^Bella"}, {"PatientName": "SAMPLE"}])
def test_it_says_name_birth_date_and_sex(parcels: Parcels, there: Program, other: dict[str, str]) -> None:
    del there
    assert listed(parcels, arrives(parcels, ANNA | NHS | other)).detail == NEEDS_A_LOOK
    assert listed(parcels, arrives(parcels, ANNA | NHS)).automatic


def test_what_is_vague_settles_nothing(parcels: Parcels) -> None:
    """A twin does not go because somebody with an initial, or without a given name, went before."""
    parcels.set_node(1, query_back=False)
    for name in ("EXAMPLE^Anna", "EXAMPLE^A", "EXAMPLE"):
        parcels.release(image(ANNA | NHS | {"PatientName": name}))
    by_itself(parcels)
    assert not listed(parcels, arrives(parcels, ANNA | NHS | {"PatientName": "EXAMPLE^Alice"})).automatic
    assert check(parcels, waits(parcels, **ANNA | NHS | {"PatientName": "EXAMPLE^Alice"}), "") == CALLED_OTHERWISE_WENT


@pytest.mark.parametrize(
    "written", [SPACED, SPACED | {"PatientID": "999-000-0018"}, NHS], ids=["blanks", "hyphens", "NHS"]
)
def test_an_nhs_number_is_one_however_it_is_written(parcels: Parcels, written: dict[str, str]) -> None:
    parcels.set_node(1, query_back=False)
    parcels.release(image(AGNES | SPACED))
    assert check(parcels, waits(parcels, **BORIS | written), "") == ANOTHER_WENT
    by_itself(parcels)
    assert not listed(parcels, arrives(parcels, BORIS | written)).automatic


def test_capitals_make_no_other_id(parcels: Parcels, pacs: Program) -> None:
    """The demonstration's PACS tells them apart when it is asked, as many do."""
    parcels.set_node(pacs.port, query_back=True)
    first = parcels.release(image(AGNES | {"PatientID": "LOCAL7"}))
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, first)
        delivery.identity = (delivery.identity or {}) | {"IssuerOfPatientID": ""}
    assert parcels.send(first).accepted == 1
    assert check(parcels, parcels.release(image(BORIS)), "local7") == ANOTHERS_ID


def test_nothing_is_redirected_to_where_the_id_is_somebody_else_s(parcels: Parcels, there: Program) -> None:
    neuro_id = add_node(parcels, there.port)
    parcels.set_node(1, query_back=False)
    anna, boris = parcels.release(image(ANNA | NHS)), parcels.release(image(BORIS | NHS))

    def cannot_go(delivery_id: str) -> object:
        with parcels.database.begin() as session:
            chosen = command(session, CommandKind.REDIRECT_DELIVERY, delivery_id, node_id=neuro_id)
        return parcels.environment.run(
            DeliveryActivities(parcels.database).cannot_go_to, NodeQuestion(delivery_id, chosen)
        )

    with parcels.database.begin() as session:
        # What is known here of the others is no matter now.
        for one in (anna, boris):
            session.get_one(Delivery, one).state = "refused"
    assert cannot_go(boris) == ANOTHER_IS_THERE
    assert cannot_go(anna) == ""
    entered = waits(parcels, **BORIS)
    released(parcels, entered, "9990000018")
    assert cannot_go(entered) == ANOTHER_IS_THERE
    with parcels.database.begin() as session:
        session.get_one(Node, neuro_id).state = "down"
    assert cannot_go(boris) == IT_DOES_NOT_SAY
