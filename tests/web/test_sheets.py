"""Sending from a sheet, without a browser: upload, how its rows stand, the sheet to take home, once more."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from models.db import Database
from models.domain.bulk_sheet import read_sheet
from models.sheet_files import CSV, XLSX, read_file, written
from models.tables import AuditEntry, BulkRow, BulkSheet, Node, OutboxCommand, Transfer, new_id, now
from tests.database import Registry
from tests.web.portal import Gateway, field_of, make, sign_in
from tests.web.seeded_sheet import COLUMNS, add_sheet

RIGHT = ("2.25.771", "ZX2", "Dr R Cipient", "For the meeting.", "=1+1")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "officer.zx1")


@pytest.fixture
def sheet_id(database: Database, registry: Registry) -> str:
    with database.begin() as session:
        return add_sheet(session, registry).id


def post(client: FlaskClient, content: bytes, name: str = "list.csv", command: str = "", **more: Any) -> TestResponse:
    text = client.get("/send/sheets").text
    data = {
        "csrf_token": field_of(text, "csrf_token"),
        "command": command or field_of(text, "command"),
        "file": (BytesIO(content), name),
    }
    return client.post("/send/sheets", data=data | more, content_type="multipart/form-data")


def again(client: FlaskClient, sheet_id: str, command: str = "") -> TestResponse:
    text = client.get(f"/send/sheets/{sheet_id}").text
    data = {
        "csrf_token": field_of(text, "csrf_token"),
        "command": command or field_of(text, "command"),
    }
    return client.post(f"/send/sheets/{sheet_id}/again", data=data)


def sheets(database: Database) -> list[BulkSheet]:
    with database.begin() as session:
        return list(session.scalars(select(BulkSheet)))


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_a_sheet_is_kept_and_handed_to_the_engine(
    client: FlaskClient, gateway: Gateway, database: Database, registry: Registry, kind: str
) -> None:
    answer = post(client, written(kind, [COLUMNS, RIGHT, ("no", *RIGHT[1:])]), f"list.{kind}")
    (sheet,) = sheets(database)
    assert (answer.status_code, answer.location) == (303, f"/send/sheets/{sheet.id}")
    assert (sheet.institution_id, sheet.node_id) == ("ZX1", registry.nodes["ZX1_PACS"])
    with database.begin() as session:
        rows = session.scalars(select(BulkRow).order_by(BulkRow.position)).all()
        assert [(row.position, row.state) for row in rows] == [(2, "waiting"), (3, "failed")]
        assert tuple(rows[0].cells) == RIGHT
        command = session.get_one(OutboxCommand, gateway.tried[0])
        assert (command.kind, command.subject_id, command.payload) == ("send-sheet", sheet.id, {})
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.subject == sheet.id)).all()
        assert acts == ["asked.send-sheet"]
    page = client.get(answer.location).text
    for words in (f"list.{kind}", "2 rows", "1 failed", "digits and points", "Dr R Cipient"):
        assert words in page


def test_the_same_form_twice_is_one_sheet(client: FlaskClient, database: Database) -> None:
    command, content = new_id(), written(CSV, [COLUMNS, RIGHT])
    first, second = (post(client, content, command=command) for _ in range(2))
    assert first.location == second.location
    assert len(sheets(database)) == 1


def test_anothers_token_opens_nothing(app: Flask, client: FlaskClient, database: Database) -> None:
    command, content = new_id(), written(CSV, [COLUMNS, RIGHT])
    post(client, content, command=command)
    answer = post(sign_in(app, "officer.zx2"), content, command=command)
    assert answer.status_code == 422
    assert "This form was used before" in answer.text
    assert len(sheets(database)) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"a,b\r\n1,2\r\n", "no Destination"), (b"\0", "no text"), (b"PK\x03\x04", "cannot be read")],
)
def test_a_sheet_that_cannot_be_read_is_not_kept(
    client: FlaskClient, database: Database, content: bytes, words: str
) -> None:
    answer = post(client, content)
    assert answer.status_code == 422
    assert words in answer.text
    assert sheets(database) == []


def test_without_a_file_or_a_token(client: FlaskClient) -> None:
    assert "Choose the sheet" in post(client, b"", "").text
    data = {"file": (BytesIO(b"a"), "a.csv")}
    assert client.post("/send/sheets", data=data, content_type="multipart/form-data").status_code == 400


def test_a_pacs_of_somebody_else_is_not_asked(client: FlaskClient, database: Database, registry: Registry) -> None:
    answer = post(client, written(CSV, [COLUMNS, RIGHT]), node=registry.nodes["ZX2_PACS"])
    assert answer.status_code == 422
    assert "That PACS cannot be searched" in answer.text
    assert sheets(database) == []


def test_with_no_pacs_that_can_be_searched_there_is_no_form(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        session.get_one(Node, registry.nodes["ZX1_PACS"]).query_back = False
    page = client.get("/send/sheets").text
    assert "None of your PACS can be searched." in page
    assert 'type="file"' not in page


def test_rows_stand_as_their_transfers_do(client: FlaskClient, database: Database, sheet_id: str) -> None:
    page = client.get(f"/send/sheets/{sheet_id}").text
    for words in ("Placed", "Failed", "No such study.", "Waiting", "hx-get"):
        assert words in page
    with database.begin() as session:
        transfer = session.scalars(select(Transfer)).one()
        transfer.state, transfer.state_detail = "needs-attention", "ZX1_PACS lists no image of 1 of 1 picked."
        reference = transfer.transaction.reference
    live = client.get(f"/send/sheets/{sheet_id}/live")
    assert live.status_code == 200
    for words in ("Needs attention", "lists no image", f"/transactions/{reference}"):
        assert words in live.text
    with database.begin() as session:
        session.scalars(select(Transfer)).one().state = "fulfilled"
        for row in session.scalars(select(BulkRow).where(BulkRow.state == "waiting")):
            row.state = "failed"
    assert client.get(f"/send/sheets/{sheet_id}/live").status_code == 286
    assert "hx-get" not in client.get(f"/send/sheets/{sheet_id}").text
    assert "1 fulfilled" in client.get("/send/sheets").text


def test_a_long_sheet_is_shown_in_parts(client: FlaskClient, database: Database, registry: Registry) -> None:
    content = written(CSV, [COLUMNS, *((f"2.25.{n}", *RIGHT[1:]) for n in range(1, 151))])
    page = client.get(post(client, content).location).text
    assert "150 rows" in page
    assert ("2.25.100<" in page, "2.25.101<" in page) == (True, False)
    assert "?from=102" in page
    page = client.get(f"/send/sheets/{sheets(database)[0].id}?from=102").text
    assert ("2.25.100<" in page, "2.25.101<" in page, "2.25.150<" in page) == (False, True, True)


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_the_same_sheet_comes_back_with_states(
    client: FlaskClient, database: Database, registry: Registry, kind: str
) -> None:
    with database.begin() as session:
        sheet_id = add_sheet(session, registry, file_name=f"our list.{kind}").id
    answer = client.get(f"/send/sheets/{sheet_id}/file")
    assert f'filename="our list-states.{kind}"' in answer.headers["Content-Disposition"]
    assert "attachment" in answer.headers["Content-Disposition"]
    table = read_file(answer.data)
    assert table[0][1] == [*COLUMNS, "State", "State reason"]
    assert [cells[0] for _, cells in table[1:]] == ["2.25.771", "2.25.772", "2.25.773"]
    assert [[*cells[5:], ""][:2] for _, cells in table[1:]] == [
        ["Placed", ""], ["Failed", "No such study."], ["Waiting", ""],
    ]  # fmt: skip
    # Uploaded as it came, only what failed goes.
    again_ = read_sheet(table)
    assert ([row.cells[0] for row in again_.rows], again_.done) == (["2.25.772"], 2)
    assert (
        "2 rows are left out: only rows that failed are sent again."
        in client.get(post(client, answer.data, f"b.{kind}").location).text
    )


def test_failed_rows_go_again_once(client: FlaskClient, gateway: Gateway, database: Database, sheet_id: str) -> None:
    command = new_id()
    answer = again(client, sheet_id, command)
    assert answer.status_code == 303
    assert "1 row is sent again." in client.get(answer.location).text
    with database.begin() as session:
        assert [row.state for row in session.scalars(select(BulkRow).order_by(BulkRow.position))] == [
            "sent", "waiting", "waiting",
        ]  # fmt: skip
        assert session.get_one(OutboxCommand, command).kind == "send-sheet-again"
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.subject == sheet_id)).all()
        assert acts == ["asked.send-sheet-again"]
        session.get_one(BulkRow, (sheet_id, 3)).state = "failed"
    answer = client.post(f"/send/sheets/{sheet_id}/again", data={
        "csrf_token": field_of(client.get("/send/sheets").text, "csrf_token"), "command": command,
    })  # fmt: skip
    with database.begin() as session:
        assert session.get_one(BulkRow, (sheet_id, 3)).state == "failed", "a double click sends nothing twice"
    assert gateway.tried.count(command) == 2
    assert "Nothing is sent again" not in client.get(answer.location).text


def test_a_row_that_is_wrong_does_not_go_again(client: FlaskClient, database: Database) -> None:
    post(client, written(CSV, [COLUMNS, ("no", *RIGHT[1:])]))
    (sheet,) = sheets(database)
    page = client.get(again(client, sheet.id).location).text
    assert "Nothing is sent again" in page


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_a_template(client: FlaskClient, kind: str) -> None:
    answer = client.get(f"/send/sheets/template.{kind}")
    assert answer.headers["Content-Type"].count("charset") == (kind == "csv")
    assert f"studies-to-send.{kind}" in answer.headers["Content-Disposition"]
    assert read_file(answer.data)[0][1][:3] == ["Study Instance UID", "Accession Number", "Destination"]
    assert client.get("/send/sheets/template.exe").status_code == 404


@pytest.mark.parametrize("page", ["", "/live", "/file"])
def test_another_institution_s_sheet_is_not_there(app: Flask, sheet_id: str, page: str) -> None:
    other = sign_in(app, "officer.zx2")
    assert other.get(f"/send/sheets/{sheet_id}{page}").status_code == 404
    assert sheet_id not in other.get("/send/sheets").text


def test_nor_is_it_sent_again_by_them(app: Flask, sheet_id: str, database: Database) -> None:
    other = sign_in(app, "officer.zx2")
    data = {"csrf_token": field_of(other.get("/send/sheets").text, "csrf_token"), "command": new_id()}
    assert other.post(f"/send/sheets/{sheet_id}/again", data=data).status_code == 404
    with database.begin() as session:
        assert session.get_one(BulkRow, (sheet_id, 3)).state == "failed"


@pytest.mark.parametrize("who", ["clinician.zx1", "support.zx1"])
def test_only_those_who_may_send(app: Flask, sheet_id: str, who: str) -> None:
    client = sign_in(app, who)
    for path in ("/send/sheets", f"/send/sheets/{sheet_id}", "/send/sheets/template.csv"):
        assert client.get(path).status_code == 403


def test_what_has_been_removed_is_not_shown_handed_out_or_sent_again(
    client: FlaskClient, database: Database, sheet_id: str
) -> None:
    with database.begin() as session:
        sheet = session.get_one(BulkSheet, sheet_id)
        sheet.columns, sheet.emptied_at = [], now()
        for row in sheet.rows:
            row.cells = []
    page = client.get(f"/send/sheets/{sheet_id}").text
    for words in ("What its rows said was removed", "No longer kept", "No such study."):
        assert words in page
    for words in ("/file", "Send the failed rows again"):
        assert words not in page
    assert client.get(f"/send/sheets/{sheet_id}/file").status_code == 404
    data = {"csrf_token": field_of(client.get("/send/sheets").text, "csrf_token"), "command": new_id()}
    answer = client.post(f"/send/sheets/{sheet_id}/again", data=data)
    assert "has been removed; upload it again." in client.get(answer.location).text
