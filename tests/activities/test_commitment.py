"""The answer to a commitment request, given to a sender that listens on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pynetdicom.sop_class import MRImageStorage, Verification
from sqlalchemy import select
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.commitment import CommitmentActivities
from models.domain.commitment_contracts import Answer, AnswerRequest
from models.tables import CommitmentRequest, Instance, Node, now
from tests.activities.commitment_listener import Listener, listening
from tests.edge.conftest import closed_sockets
from tests.engine import free_port
from tests.ingest.filling import CT, Filling, small_ct

__all__ = ["closed_sockets"]

FIRST, SECOND = "2.25.10001", "2.25.10002"
NO_SUCH_INSTANCE, CLASS_INSTANCE_CONFLICT = 0x0112, 0x0119


@pytest.fixture
def listener(filling: Filling) -> Iterator[Listener]:
    with listening() as made:
        place(filling, host="127.0.0.1", port=made.port)
        yield made


def place(filling: Filling, **columns: Any) -> None:
    """Where STORESCU listens, and other columns of that Node."""
    with filling.database.begin() as session:
        node = session.get_one(Node, filling.registry.nodes["STORESCU"])
        for column, value in ({"dimse_timeout": 5.0} | columns).items():
            setattr(node, column, value)


def asked(filling: Filling, *uids: str) -> str:
    """The id of a request, of which the first image is kept."""
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ask(association, *uids)
    filling.ingest.round()
    with filling.database.begin() as session:
        return session.scalars(select(CommitmentRequest.id)).one()


def answer(filling: Filling, request_id: str, *, in_any_case: bool = False) -> Answer:
    activities = CommitmentActivities(filling.database, filling.archive)
    return ActivityEnvironment().run(activities.answer, AnswerRequest(request_id, in_any_case))


def fault(filling: Filling, request_id: str) -> ApplicationError:
    with pytest.raises(ApplicationError) as failed:
        answer(filling, request_id)
    return failed.value


def test_a_sender_is_told_that_all_is_kept(filling: Filling, listener: Listener) -> None:
    request_id = asked(filling, FIRST)
    assert answer(filling, request_id) == Answer(True, 0, 1)
    (report,) = listener.reports
    assert (report.event_type, report.information.TransactionUID) == (1, "2.25.4711")
    assert report.kept == {FIRST: CT}
    assert "FailedSOPSequence" not in report.information
    # By the name under which it was asked, in the role of the provider.
    assert report.calling == "IEP_ZX2"
    assert listener.roles == [(False, True)]


def test_what_is_not_kept_is_waited_for(filling: Filling, listener: Listener) -> None:
    request_id = asked(filling, FIRST, SECOND)
    assert answer(filling, request_id) == Answer(False, 1, 2)
    assert listener.reports == []
    filling.bring(small_ct(2))
    assert answer(filling, request_id) == Answer(True, 0, 2)
    assert listener.reports[0].kept == {FIRST: CT, SECOND: CT}


def test_in_any_case_a_sender_is_told_what_failed(filling: Filling, listener: Listener) -> None:
    request_id = asked(filling, FIRST, SECOND)
    assert answer(filling, request_id, in_any_case=True) == Answer(True, 1, 2)
    (report,) = listener.reports
    assert (report.event_type, report.kept, report.failed) == (2, {FIRST: CT}, {SECOND: NO_SUCH_INSTANCE})
    with filling.database.begin() as session:
        assert session.get_one(CommitmentRequest, request_id).failed == 1


@pytest.mark.parametrize("how", ["purged", "lost"])
def test_what_is_gone_is_not_kept(filling: Filling, listener: Listener, how: str) -> None:
    request_id = asked(filling, FIRST)
    with filling.database.begin() as session:
        instance = session.scalars(select(Instance)).one()
        assert instance.key
        if how == "purged":
            instance.store = instance.key = None
            instance.purged_at = now()
        else:
            filling.archive.remove(instance.key)
    answer(filling, request_id, in_any_case=True)
    (report,) = listener.reports
    assert (report.event_type, report.failed) == (2, {FIRST: NO_SUCH_INSTANCE})
    assert "ReferencedSOPSequence" not in report.information


def test_an_image_of_another_class_is_not_the_one_that_was_meant(filling: Filling, listener: Listener) -> None:
    request_id = asked(filling, FIRST)
    with filling.database.begin() as session:
        session.get_one(CommitmentRequest, request_id).references = {FIRST: str(MRImageStorage)}
    answer(filling, request_id, in_any_case=True)
    assert listener.reports[0].failed == {FIRST: CLASS_INSTANCE_CONFLICT}


def test_nobody_is_told_of_what_another_institution_sent(filling: Filling, listener: Listener) -> None:
    filling.keep(filling.open(institution_id="ZX3"), small_ct(2))
    answer(filling, asked(filling, FIRST, SECOND), in_any_case=True)
    assert listener.reports[0].failed == {SECOND: NO_SUCH_INSTANCE}


@pytest.mark.parametrize(
    ("status", "kind", "for_good"),
    [(0x0110, "PeerBusy", False), (0x0213, "PeerBusy", False), (0x0112, "PeerRefuses", True)],
)
def test_what_the_sender_answers_is_passing_or_permanent(
    filling: Filling, listener: Listener, status: int, kind: str, for_good: bool
) -> None:
    listener.statuses = [status]
    failed = fault(filling, asked(filling, FIRST))
    assert (failed.type, failed.non_retryable) == (kind, for_good)


def test_a_sender_that_is_away_is_tried_again(filling: Filling) -> None:
    place(filling, host="127.0.0.1", port=free_port())
    failed = fault(filling, asked(filling, FIRST))
    assert (failed.type, failed.non_retryable) == ("PeerUnreachable", False)


def test_a_sender_that_is_held_is_left_alone_for_now(filling: Filling, listener: Listener) -> None:
    place(filling, state="held")
    failed = fault(filling, asked(filling, FIRST))
    assert (failed.type, failed.non_retryable) == ("NodeHeld", False)
    assert listener.reports == []


def test_a_sender_that_does_not_take_such_answers_is_not_tried_again(filling: Filling) -> None:
    with listening(supports=Verification) as listener:
        place(filling, host="127.0.0.1", port=listener.port)
        failed = fault(filling, asked(filling, FIRST))
    assert (failed.type, failed.non_retryable) == ("PeerRefuses", True)


def test_a_sender_without_address_cannot_be_told(filling: Filling) -> None:
    failed = fault(filling, asked(filling, FIRST))
    assert (failed.type, failed.non_retryable) == ("PeerRefuses", True)
    assert failed.message == "STORESCU has no address to answer to."
