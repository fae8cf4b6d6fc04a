"""ZX1 sends from a sheet: kill -9 amid its rows, yet each is one transfer; what failed goes again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from demo.patients import FARAH
from demo.studies import Study
from models.bulk import upload
from models.domain.bulk_sheet import read_sheet
from models.queries.sheets import RowFacts, rows_of, sheet_of
from models.sheet_files import XLSX, read_file, with_states, written
from models.tables import Account, BulkRow, Node, Transaction, Transfer, TransferStudy, new_id
from tests.conftest import Peers
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count
from tests.end_to_end.test_transfers import kept
from tests.eventually import eventually
from web.words import phrase

COLUMNS = ("Study Instance UID", "Destination", "Recipient", "Reason", "Patient ID")
FIRST, MIDDLE, STUDIES = 2, 5, 6
"""Numbers of the first row below the names, and of the one at which the worker dies; how many studies there are."""


def sheet_of_studies(studies: list[Study]) -> bytes:
    rows = ((one.study_instance_uid, "ZX2", "Dr Example Reader", "For the meeting.", "") for one in studies)
    return written(XLSX, [COLUMNS, *rows])


def uploaded(exchange: Exchange, content: bytes) -> str:
    """ZX1's officer uploads it; the sheet's id."""
    with exchange.database.begin() as session:
        return upload(
            session,
            institution_id="ZX1",
            account_id=session.scalars(select(Account.id).where(Account.username == "officer.zx1")).one(),
            node_id=session.scalars(select(Node.id).where(Node.name == "ZX1_PACS")).one(),
            file_name="list.xlsx",
            sheet=read_sheet(read_file(content)),
            command_id=new_id(),
        )


def rows(exchange: Exchange, sheet_id: str) -> tuple[RowFacts, ...]:
    with exchange.database.begin() as session:
        return rows_of(session, sheet_id)


def come_to(exchange: Exchange, sheet_id: str, **states: int) -> None:
    """Waits until so many rows of the sheet stand so, and no other does."""
    try:
        eventually(lambda: Counter(row.state for row in rows(exchange, sheet_id)) == states, timeout=180)
    except AssertionError:
        raise AssertionError([(row.state, row.reason) for row in rows(exchange, sheet_id)]) from None


def placed(exchange: Exchange, sheet_id: str) -> int:
    with exchange.database.begin() as session:
        sent = select(func.count()).where(BulkRow.sheet_id == sheet_id, BulkRow.state == "sent")
        return session.scalars(sent).one()


def transfers_of(exchange: Exchange, studies: list[Study]) -> Counter[str]:
    """How many transfers there are of each study."""
    with exchange.database.begin() as session:
        found = session.execute(
            select(TransferStudy.StudyInstanceUID, Transaction.urgency)
            .join(Transfer, Transfer.id == TransferStudy.transfer_id)
            .join(Transaction, Transaction.id == Transfer.transaction_id)
            .where(TransferStudy.StudyInstanceUID.in_([one.study_instance_uid for one in studies]))
        ).all()
    assert {urgency for _, urgency in found} <= {"bulk"}
    return Counter(uid for uid, _ in found)


def taken_home(exchange: Exchange, sheet_id: str) -> bytes:
    with exchange.database.begin() as session:
        sheet = sheet_of(session, "ZX1", sheet_id)
        assert sheet
        said = [(row.cells, phrase(row.state), row.reason) for row in rows_of(session, sheet_id)]
        return written(XLSX, with_states(sheet.columns, said))


def test_kill_9_amid_a_sheet_and_the_failed_row_once_more(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    studies = [kept(exchange, tmp_path, f"sheet-{n}", 1) for n in range(STUDIES)]
    late = site.study(tmp_path / "unknown", "sheet-late", 1, FARAH)
    exchange.stop("transfer-bulk")
    sheet_id = uploaded(exchange, sheet_of_studies([*studies, late]))
    with exchange.database.begin() as session:
        # The rows before this one are placed, and with this one the worker is busy until it dies.
        session.get_one(BulkRow, (sheet_id, MIDDLE), with_for_update=True)
        exchange.start("transfer-bulk")
        eventually(lambda: placed(exchange, sheet_id) == MIDDLE - FIRST, timeout=60)
        killed = {part: exchange.kill(part) for part in ("transfer-bulk", "workflows")}
    for part, pid in killed.items():
        exchange.wait_for_another(part, pid)
    come_to(exchange, sheet_id, fulfilled=STUDIES, failed=1)
    assert transfers_of(exchange, studies) == Counter(one.study_instance_uid for one in studies)
    for study in studies:
        assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 1
    (unknown,) = [row for row in rows(exchange, sheet_id) if row.state == "failed"]
    assert unknown.reason == "ZX1_PACS has no study of this Study Instance UID; look at what was entered."
    kept(exchange, tmp_path, "sheet-late", 1)
    again = uploaded(exchange, taken_home(exchange, sheet_id))
    come_to(exchange, again, fulfilled=1)
    everything = [*studies, late]
    assert transfers_of(exchange, everything) == Counter(one.study_instance_uid for one in everything)
