"""A local Patient ID that is another person's: by what was learned, and by what the destination's own PACS says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.misc import is_dicom
from sqlalchemy import select, update

from activities.journal import JournalActivities
from activities.local_identity import LocalIdentityActivities
from models.domain.contracts import CommandKind, LocalIdentityQuestion, Transition
from models.domain.identity import PatientFacts
from models.local_patients import ANOTHERS_ID, CALLED_OTHERWISE, NOBODY_WAS_ASKED, known_patients, names_another
from models.outbox import post
from models.tables import Delivery, Instance, LocalPatient, Node, OutboxCommand, new_id, now
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import Parcels
from tests.demo.programs import Program, program
from tests.ingest.filling import next_study, small_ct

AGNES: dict[str, Any] = {"PatientID": "N1", "PatientName": "EXAMPLE^Agnes", "PatientBirthDate": "19510203"}
BORIS: dict[str, Any] = {"PatientID": "N2", "PatientName": "SAMPLE^Boris", "PatientBirthDate": "19480809"}


@pytest.fixture
def pacs(parcels: Parcels, tmp_path: Path) -> Iterator[Program]:
    with program(
        tmp_path / "log", "demo.pacs", "--ae-title", "ZX2_PACS", "--folder", str(tmp_path / "pacs")
    ) as running:
        parcels.set_node(running.port)
        yield running


def image(patient: dict[str, Any], n: int = 1) -> Dataset:
    study = next_study()
    return small_ct(n, StudyInstanceUID=study, SOPInstanceUID=f"{study}.1", **patient)


def entered(parcels: Parcels, delivery_id: str, patient_id: str, **more: Any) -> str:
    """The command of a release under that local ID."""
    command_id = new_id()
    with parcels.database.begin() as session:
        post(
            session,
            command_id,
            institution_id="ZX2",
            kind=CommandKind.RELEASE_DELIVERY,
            subject_id=delivery_id,
            actor="ann",
            content={"patient_id": patient_id, "accession": "", **more},
        )
    return command_id


def check(parcels: Parcels, delivery_id: str, patient_id: str, **more: Any) -> str:
    return asked(parcels, delivery_id, entered(parcels, delivery_id, patient_id, **more))


def asked(parcels: Parcels, delivery_id: str, command_id: str) -> str:
    question = LocalIdentityQuestion(delivery_id, command_id)
    answer = parcels.environment.run(LocalIdentityActivities(parcels.database).check, question)
    assert isinstance(answer, str)
    return answer


def released(parcels: Parcels, delivery_id: str, patient_id: str, **more: Any) -> None:
    """As the journal writes a release by a person."""
    command_id = entered(parcels, delivery_id, patient_id, **more)
    step = Transition(
        "delivery", delivery_id, new_id(), 1, "released", "on-worklist", "sending", "ann", now(), content_id=command_id
    )
    parcels.environment.run(JournalActivities(parcels.database).record, (step,))


def on_worklist(parcels: Parcels, delivery_id: str) -> str:
    """A delivery that waits for its release; its id."""
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state, delivery.released_at = "on-worklist", None
    return delivery_id


def too_late(parcels: Parcels, delivery_id: str) -> None:
    """As the page notes what the engine says to a release that came after another decision."""
    with parcels.database.begin() as session:
        session.execute(
            update(OutboxCommand)
            .where(OutboxCommand.subject_id == delivery_id)
            .values(delivered_at=now(), refusal="Too late: it was refused by bob at 09:00 UTC and is now refused.")
        )


def known(parcels: Parcels) -> dict[str, str]:
    """By local ID, under which name a patient is known to be filed."""
    with parcels.database.begin() as session:
        found = known_patients(session, "ZX2", set(session.scalars(select(LocalPatient.patient_id))))
        return {patient_id: patient.PatientName for patient_id, patient in found.items()}


def unlearned(parcels: Parcels) -> None:
    with parcels.database.begin() as session:
        session.query(LocalPatient).delete()


def test_what_nobody_knows_is_free(parcels: Parcels, pacs: Program) -> None:
    delivery_id = parcels.release(image(AGNES))
    assert check(parcels, delivery_id, "H123") == ""
    assert check(parcels, delivery_id, "") == "", "nothing was entered"


def test_an_nhs_number_is_entered_for_nobody_else() -> None:
    facts = PatientFacts(other_ids=(("9990000026", "NHS"),))
    assert names_another("999 000 0034", facts)
    assert not names_another("9990000026", facts)
    assert not names_another("9990000035", facts), "that is no NHS number"
    assert not names_another("9990000034", PatientFacts()), "whose it is nobody says"


def test_a_release_teaches_whose_the_id_is(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    first, other, again = (
        parcels.release(image(one)) for one in (AGNES, BORIS, AGNES | {"PatientName": "Example^AGNES^Mary"})
    )
    released(parcels, first, "H123")
    with parcels.database.begin() as session:
        known = session.get_one(LocalPatient, ("ZX2", "H123"))
        assert (known.PatientName, known.PatientBirthDate) == ("EXAMPLE^Agnes", "19510203")
    assert check(parcels, other, "H123") == ANOTHERS_ID
    assert "H123" not in ANOTHERS_ID, "it crosses the engine"
    assert check(parcels, again, "H123") == ""


def test_what_was_known_stays_as_it_was_until_something_is_released(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    released(parcels, parcels.release(image(AGNES)), "H123")
    renamed = parcels.release(image(AGNES | {"PatientName": "EXAMPLE^Agnes^M"}))
    assert check(parcels, renamed, "H123") == ""
    too_late(parcels, renamed)
    assert known(parcels) == {"H123": "EXAMPLE^Agnes"}


def test_an_id_in_another_case_is_no_other_id(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    first, other, again = (parcels.release(image(one)) for one in (AGNES, BORIS, AGNES))
    assert check(parcels, first, "H123a") == ""
    assert check(parcels, other, "h123A") == ANOTHERS_ID
    assert check(parcels, again, "h123A") == ""


def test_of_two_released_at_once_the_later_is_not_sent(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    first, second = parcels.release(image(AGNES)), parcels.release(image(BORIS))
    released(parcels, first, "H123")
    released(parcels, second, "H123")
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, first).identity is not None
        assert session.get_one(Delivery, second).identity is None, "without identity nothing is ever sent"
        assert session.get_one(LocalPatient, ("ZX2", "H123")).PatientName == "EXAMPLE^Agnes"


NUMBERED = {"PatientID": "9990000018", "IssuerOfPatientID": "NHS"}
TWIN = AGNES | {"PatientName": "EXAMPLE^Berta"}


def test_a_twin_s_id_is_not_taken_unless_somebody_has_looked(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    first, twin = parcels.release(image(AGNES)), parcels.release(image(TWIN))
    released(parcels, first, "H123")
    assert check(parcels, twin, "H123") == CALLED_OTHERWISE
    assert check(parcels, twin, "H123", same_person="H123") == ""
    assert check(parcels, twin, "H123", same_person="H300") == CALLED_OTHERWISE, (
        "who has looked at one ID has seen no other"
    )
    released(parcels, twin, "H123")
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, twin).identity is None, "nor where both were released at once"
        assert session.get_one(LocalPatient, ("ZX2", "H123")).PatientName == "EXAMPLE^Agnes"


@pytest.mark.parametrize("patient", [TWIN, TWIN | NUMBERED], ids=["no NHS number", "with one"])
def test_who_has_looked_may_say_so_and_the_record_stays_whose_it_is(parcels: Parcels, patient: dict[str, Any]) -> None:
    """A tick may be a mistake: it does not make the ID that of somebody else."""
    parcels.set_node(1, query_back=False)
    first, other = parcels.release(image(AGNES)), parcels.release(image(patient))
    released(parcels, first, "H123")
    released(parcels, other, "H123", same_person="H123")
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, other).identity is not None
        known = session.get_one(LocalPatient, ("ZX2", "H123"))
        assert (known.PatientName, known.nhs_number) == ("EXAMPLE^Agnes", "")
    assert check(parcels, parcels.release(image(AGNES)), "H123") == ""


def test_a_twin_is_found_in_the_destination_s_own_pacs(parcels: Parcels, pacs: Program) -> None:
    first = parcels.release(image(AGNES))
    released(parcels, first, "H123")
    assert parcels.send(first).accepted == 1
    unlearned(parcels)
    assert check(parcels, parcels.release(image(TWIN)), "H123") == CALLED_OTHERWISE


def test_the_destination_s_own_pacs_is_asked(parcels: Parcels, pacs: Program) -> None:
    first = parcels.release(image(AGNES))
    released(parcels, first, "H123")
    assert parcels.send(first).accepted == 1
    unlearned(parcels)
    assert check(parcels, parcels.release(image(BORIS)), "H123") == ANOTHERS_ID
    assert check(parcels, parcels.release(image(AGNES)), "H123") == ""
    assert check(parcels, parcels.release(image(BORIS)), "H12*") == "", "a star in an ID is no wildcard"


def test_the_delivered_object_keeps_the_source_s_identifiers(parcels: Parcels, pacs: Program, tmp_path: Path) -> None:
    delivery_id = parcels.release(image(AGNES | {"AccessionNumber": "A1"}))
    released(parcels, delivery_id, "H123")
    assert parcels.send(delivery_id).accepted == 1
    (stored,) = (path for path in (tmp_path / "pacs").rglob("*") if path.is_file() and is_dicom(path))
    arrived = dcmread(stored)
    assert (arrived.PatientID, arrived.IssuerOfPatientID) == ("H123", "ZX2")
    (original,) = arrived.OriginalAttributesSequence
    (kept,) = original.ModifiedAttributesSequence
    assert (kept.PatientID, kept.AccessionNumber, original.SourceOfPreviousValues) == ("N1", "A1", "ZX1")
    with parcels.database.begin() as session:
        instance = session.scalars(select(Instance)).one()
        assert instance.patient["PatientID"] == "N1", "what was received is not touched"


def test_another_issuer_s_id_is_another_id(parcels: Parcels, pacs: Program) -> None:
    """ZX1's N1 in the PACS of ZX2 says so in its issuer; ZX2's own N1 is somebody else."""
    first = parcels.release(image(AGNES))
    assert parcels.send(first).accepted == 1
    with parcels.database.begin() as session:
        identity = session.get_one(Delivery, first).identity
        assert identity is not None
        assert (identity["PatientID"], identity["IssuerOfPatientID"]) == ("N1", "ZX1")
    assert check(parcels, parcels.release(image(BORIS)), "N1") == ""


# pynetdicom leaves the socket of a refused connection to be closed when it is collected.
@pytest.mark.filterwarnings("ignore:.*unclosed.*socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("state", ["up", "down", "held"])
def test_where_the_pacs_does_not_answer_somebody_must_know_whose_the_id_is(parcels: Parcels, state: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        parcels.set_node(silent.getsockname()[1], state=state)
        delivery_id = parcels.release(image(AGNES))
        assert check(parcels, delivery_id, "H123") == NOBODY_WAS_ASKED
        assert check(parcels, delivery_id, "") == NOBODY_WAS_ASKED, "what it carries may be somebody else's there"
        assert check(parcels, delivery_id, "", known_unasked="N1") == ""
    assert check(parcels, delivery_id, "H123") == NOBODY_WAS_ASKED, "nobody listens there any more"
    assert check(parcels, delivery_id, "H123", same_person="H123") == NOBODY_WAS_ASKED, "another question"
    assert check(parcels, delivery_id, "H123", known_unasked="H123") == ""
    released(parcels, delivery_id, "H123")
    assert check(parcels, parcels.release(image(AGNES)), "H123") == "", "known by now"
    assert "H123" not in NOBODY_WAS_ASKED, "it crosses the engine"


def test_a_pacs_that_may_not_be_asked_is_not(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find(*given: object, **keys: str) -> Iterator[Dataset]:
        asked.append(keys["PatientID"])
        return iter(())

    monkeypatch.setattr("activities.whose_id.find", find)
    with misbehaving() as peer:
        parcels.set_node(peer.port, query_back=False)
        delivery_id = parcels.release(image(AGNES))
        assert check(parcels, delivery_id, "H123") == ""
        assert asked == []
        with parcels.database.begin() as session:
            session.get_one(Node, parcels.node_id).query_back = True
        assert check(parcels, delivery_id, "H123") == ""
        assert asked == ["H123", "h123"]
