"""What pages and workflows look up by is indexed in the database that the migrations make."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

from models.db import Database


@pytest.mark.parametrize(
    "column",
    [
        "transaction.follows_id",
        "transaction.opened_at",
        "transition.subject_id",
        "study.StudyInstanceUID",
        "arrival.study_id",
        "arrival.state",
        "delivery.node_id",
        "delivery.institution_id",
        "held_object.arrival_id",
        "arrival_instance.instance_id",
        "image_request.transaction_id",
        "requested_study.request_id",
        "candidate.arrival_id",
        "draft.account_id",
        "arrival.calling_ae_title",
        "instance.SeriesInstanceUID",
        "outbox.subject_id",
        "support_act.transaction_id",
        "shift_note.transaction_id",
    ],
)
def test_it_is_found_without_reading_the_whole_table(database: Database, column: str) -> None:
    table, _, name = column.partition(".")
    assert name in {index["column_names"][0] for index in inspect(database.engine).get_indexes(table)}
