"""On what evidence a study counts as complete: the sender's own list, then the source's count, then silence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from temporalio.testing import ActivityEnvironment

from activities.arrivals import CALM, LONGEST_SILENCE, ArrivalActivities
from models.domain.contracts import Sealed, SealRequest
from models.tables import Arrival, Association, CommitmentRequest, now
from tests.ingest.filling import Filling, small_ct
from tests.ingest.key_objects import key_objects

UIDS = tuple(f"2.25.1000{n}" for n in range(1, 6))
COMMITTED = "3 of 3, listed by the sender's storage commitment."


class Sender:
    """STORESCU of ZX1 on one association, and what the exchange thinks of its study."""

    def __init__(self, filling: Filling) -> None:
        self.filling = filling
        self.association = filling.open()

    def store(self, *numbers: int, study: str = "2.25.1") -> None:
        self.filling.keep(self.association, *(small_ct(n, StudyInstanceUID=study) for n in numbers))

    def ask(self, *uids: str, transaction: str = "2.25.4711") -> None:
        self.filling.ask(self.association, *uids, transaction=transaction)

    def release(self) -> None:
        self.filling.close(self.association)
        self.association = self.filling.open()

    def sealed(self, asked: int | None = None, *, silent: float = CALM, arrival: str = "") -> Sealed:
        """Whether the arrival (the newest if not said) is complete after `silent` seconds without an image."""
        self.filling.ingest.round()
        with self.filling.database.begin() as session:
            newest = select(Arrival.id).order_by(Arrival.opened_at.desc()).limit(1)
            arrival = arrival or session.scalars(newest).one()
            at = now() - timedelta(seconds=silent)
            session.execute(update(Arrival).where(Arrival.id == arrival).values(last_received_at=at))
        seal = ArrivalActivities(self.filling.database).seal
        return ActivityEnvironment().run(seal, SealRequest(arrival, asked))


@pytest.fixture
def sender(filling: Filling) -> Sender:
    return Sender(filling)


def waits(sealed: Sealed) -> int:
    assert not sealed.sealed, sealed.basis
    return round(sealed.wait_seconds)


def test_all_that_a_commitment_lists_is_complete_at_once_though_its_sender_stays(sender: Sender) -> None:
    sender.store(1, 2, 3)
    assert waits(sender.sealed()) > 60
    sender.ask(*UIDS[:3])
    assert sender.sealed() == Sealed(True, COMMITTED)
    with sender.filling.database.begin() as session:
        assert session.scalars(select(Arrival.basis)).one() == COMMITTED
        assert session.scalars(select(Association.ended_at)).one() is None
    # Whatever is asked afterwards, it stays so.
    assert sender.sealed(9) == Sealed(True, COMMITTED)


def test_an_image_that_came_a_moment_ago_may_be_followed_by_another(sender: Sender) -> None:
    sender.store(1)
    sender.ask(UIDS[0])
    assert waits(sender.sealed(silent=0)) == CALM


def test_several_requests_are_one_list(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.ask(*UIDS[:2])
    # The third image may be the first of more.
    assert waits(sender.sealed()) > 60
    sender.ask(UIDS[2], transaction="2.25.4712")
    assert sender.sealed() == Sealed(True, COMMITTED)


def test_what_a_commitment_lists_beyond_is_waited_for(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.ask(*UIDS)
    sender.release()
    longest = LONGEST_SILENCE.total_seconds()
    assert waits(sender.sealed()) == 30
    assert waits(sender.sealed(3, silent=longest - 5)) == 5
    assert sender.sealed(3, silent=longest) == Sealed(True, "3 of 5, by the sender's storage commitment.")


def test_the_last_image_that_was_waited_for_completes_it(sender: Sender) -> None:
    sender.store(1, 2)
    sender.ask(*UIDS[:3])
    assert waits(sender.sealed()) > 60
    sender.store(3)
    assert sender.sealed() == Sealed(True, COMMITTED)


def test_a_commitment_to_two_studies_is_read_for_each(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.sealed()
    with sender.filling.database.begin() as session:
        first = session.scalars(select(Arrival.id)).one()
    sender.store(4, 5, study="2.25.77")
    sender.ask(*UIDS)
    assert sender.sealed() == Sealed(True, "2 of 2, listed by the sender's storage commitment.")
    assert sender.sealed(arrival=first) == Sealed(True, COMMITTED)


def test_late_images_are_not_measured_by_what_came_before(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.ask(*UIDS[:3])
    assert sender.sealed().sealed
    sender.store(4)
    assert waits(sender.sealed()) > 60
    sender.ask(*UIDS[:4], transaction="2.25.4712")
    assert sender.sealed() == Sealed(True, "1 of 1, listed by the sender's storage commitment.")


def test_an_older_request_says_nothing_of_a_study_that_is_sent_again(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.ask(*UIDS[:3])
    assert sender.sealed().sealed
    sender.release()
    sender.store(1)
    assert waits(sender.sealed()) > 60


def test_the_request_of_another_sender_does_not_complete_what_still_arrives(sender: Sender, filling: Filling) -> None:
    sender.store(1, 2)
    sender.sealed()
    with filling.database.begin() as session:
        here = session.scalars(select(Arrival.id)).one()
    other = filling.open(calling="DCMSEND")
    filling.keep(other, *(small_ct(n) for n in (1, 2, 3)))
    filling.ask(other, *UIDS[:3], node="DCMSEND")
    assert sender.sealed() == Sealed(True, COMMITTED)
    assert waits(sender.sealed(arrival=here)) > 60


def test_a_document_completes_what_it_lists(sender: Sender) -> None:
    sender.store(1, 2)
    sender.filling.keep(sender.association, key_objects(*UIDS[:3]))
    assert waits(sender.sealed()) > 60
    sender.store(3)
    assert sender.sealed() == Sealed(True, "3 of 3, listed by the sender's key object selection.")


def test_a_document_whose_images_never_come_says_so(sender: Sender) -> None:
    sender.filling.keep(sender.association, key_objects(*UIDS))
    sender.store(1, 2)
    sender.release()
    assert waits(sender.sealed(2)) == 30
    sealed = sender.sealed(2, silent=LONGEST_SILENCE.total_seconds())
    assert sealed == Sealed(True, "2 of 5, by the sender's key object selection.")


def test_a_commitment_is_stronger_than_a_document(sender: Sender) -> None:
    document = key_objects(*UIDS)
    sender.store(1, 2)
    sender.filling.keep(sender.association, document)
    sender.ask(*UIDS[:2], document.SOPInstanceUID)
    # The document is of another class than asked for; that matters to the answer, not to what has come.
    assert sender.sealed() == Sealed(True, COMMITTED)


def test_a_document_is_stronger_than_the_count_of_the_source(sender: Sender) -> None:
    sender.filling.keep(sender.association, key_objects(*UIDS[:3]))
    sender.store(1, 2, 3)
    assert sender.sealed(9).basis == "3 of 3, listed by the sender's key object selection."


def test_without_a_list_the_count_of_the_source_decides(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.release()
    assert waits(sender.sealed(4)) == 30
    assert sender.sealed(3) == Sealed(True, "3 of 3, by the source's own count.")


def test_the_count_of_the_source_may_not_be_reached(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.release()
    sealed = sender.sealed(4, silent=LONGEST_SILENCE.total_seconds())
    assert sealed == Sealed(True, "3 of 4, by the source's own count.")


def test_silence_is_the_last_resort_and_never_before_the_source_was_asked(sender: Sender) -> None:
    sender.store(1, 2, 3)
    sender.release()
    assert waits(sender.sealed()) == 28
    assert sender.sealed(silent=31) == Sealed(False, wait_seconds=0)
    sealed = sender.sealed(0, silent=31)
    assert sealed == Sealed(True, "3 received, then 31 s of silence; not confirmed by the sender.")


def test_ten_thousand_references_are_compared(sender: Sender) -> None:
    sender.store(1)
    sender.ask(*UIDS[:1], *(f"2.25.{10**38 + n}" for n in range(9_999)))
    assert waits(sender.sealed()) > 60
    with sender.filling.database.begin() as session:
        assert len(session.scalars(select(CommitmentRequest.references)).one()) == 10_000
