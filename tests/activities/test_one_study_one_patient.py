"""Later images of a study are filed under the Patient ID of those before, unless somebody wants it otherwise."""

from __future__ import annotations

import pytest

from activities.deliveries import DeliveryActivities
from models.filed_before import FILED_OTHERWISE, filed_before
from models.tables import Arrival, Delivery, Parcel, Study
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import asked, check, entered, on_worklist, released
from tests.ingest.filling import seal, small_ct


@pytest.fixture
def first(parcels: Parcels) -> str:
    """Released under Y1, and under way."""
    parcels.set_node(1, query_back=False)
    delivery_id = parcels.release(small_ct(1), small_ct(2))
    released(parcels, delivery_id, "Y1")
    return delivery_id


def later(parcels: Parcels, n: int = 3) -> str:
    """More images of the same study, in a delivery of their own that waits for its release."""
    seal(parcels.filling)
    delivery_id = parcels.release(small_ct(n))
    return on_worklist(parcels, delivery_id)


def set_delivery(parcels: Parcels, delivery_id: str, **columns: object) -> None:
    with parcels.database.begin() as session:
        for name, value in columns.items():
            setattr(session.get_one(Delivery, delivery_id), name, value)


def test_another_id_is_refused_until_somebody_wants_it(parcels: Parcels, first: str) -> None:
    second = later(parcels)
    assert check(parcels, second, "Y2") == FILED_OTHERWISE
    assert check(parcels, second, "Y1") == ""
    assert check(parcels, second, "Y2", under_another_id=True) == ""


def test_nor_does_it_go_as_it_is(parcels: Parcels, first: str) -> None:
    assert check(parcels, later(parcels), "") == FILED_OTHERWISE
    assert check(parcels, later(parcels, 4), "", under_another_id=True) == ""


def test_what_went_as_it_is_goes_so_again(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    parcels.release(small_ct(1))
    second = later(parcels)
    assert check(parcels, second, "") == ""
    assert check(parcels, second, "Y2") == FILED_OTHERWISE


def test_after_both_either_is_right(parcels: Parcels, first: str) -> None:
    released(parcels, later(parcels), "Y2", under_another_id=True)
    third = later(parcels, 4)
    assert [check(parcels, third, given) for given in ("Y1", "Y2", "Y3")] == ["", "", FILED_OTHERWISE]
    with parcels.database.begin() as session:
        assert [one.patient_id for one in filed_before(session, [third])[third]] == ["Y2", "Y1"]


def test_what_did_not_get_there_has_left_no_patient(parcels: Parcels, first: str) -> None:
    second = later(parcels)
    for state in ("refused", "abandoned"):
        set_delivery(parcels, first, state=state)
        assert check(parcels, second, "Y2") == ""


def test_another_node_has_no_such_study(parcels: Parcels, first: str) -> None:
    set_delivery(parcels, first, node_id=parcels.filling.registry.nodes["ZX3_PACS"])
    assert check(parcels, later(parcels), "Y2") == ""


def test_another_study_is_filed_as_it_is_decided(parcels: Parcels, first: str) -> None:
    second = later(parcels)
    with parcels.database.begin() as session:
        arrival = session.get_one(
            Arrival, session.get_one(Parcel, session.get_one(Delivery, second).parcel_id).arrival_id
        )
        before = arrival.study
        other = Study(institution_id="ZX1", StudyInstanceUID="2.25.77", first_received_at=before.first_received_at)
        session.add(other)
        session.flush()
        arrival.study_id = other.id
    assert check(parcels, second, "Y2") == ""


def test_nor_is_it_released_by_itself(parcels: Parcels, first: str) -> None:
    second = later(parcels)
    listing = DeliveryActivities(parcels.database).put_on_worklist(second)
    assert (listing.automatic, listing.detail) == (False, FILED_OTHERWISE)


def test_of_two_parts_that_are_released_at_once_the_later_is_asked(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    first = on_worklist(parcels, parcels.release(small_ct(1)))
    second = later(parcels)
    earlier = entered(parcels, first, "Y1")
    assert [check(parcels, second, given) for given in ("Y2", "", "Y1")] == [FILED_OTHERWISE, FILED_OTHERWISE, ""]
    assert check(parcels, second, "Y2", under_another_id=True) == ""
    assert asked(parcels, first, earlier) == "", "the earlier goes"
