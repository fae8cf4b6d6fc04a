"""What the engine keeps is unreadable: payloads, failures, and whatever its file holds."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from models.domain.contracts import Decision, DeliveryStart, Listing
from models.domain.errors import Permanent
from models.domain.urgency import Urgency
from temporal.encryption import ENCODING, EncryptingCodec, PayloadKeys, converter, new_key_line
from tests.engine import Server
from tests.workflows.fakes import Fakes
from tests.workflows.stage import working
from workflows.delivery import Delivery
from workflows.policies import WORKFLOWS

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"Canarybird^Testcase"')


def keys(path: Path, *lines: str) -> PayloadKeys:
    path.write_text("".join(lines))
    return PayloadKeys.read(path)


async def test_the_engines_file_holds_no_content(tmp_path: Path) -> None:
    said, failed, detailed = ("Canaryword", "Canaryfailure", "Canarydetail")
    server = Server(tmp_path)
    sealed = converter(keys(tmp_path / "keys", new_key_line("k1")))
    fakes = Fakes()
    world = fakes.world()
    world.answers["list"] = Listing(False, said)
    world.answers["send"] = ApplicationError(failed, detailed, type="PeerRefuses", non_retryable=True)
    try:
        client = await server.client(data_converter=sealed)
        async with working(client, fakes):
            handle = await client.start_workflow(
                Delivery.run, DeliveryStart(world.delivery_id, Urgency.ROUTINE), id="delivery-x", task_queue=WORKFLOWS
            )
            while "tell" not in world.done:
                await handle.query("state")
            await handle.execute_update(Delivery.release, Decision("Canaryperson"))
            while "delivery.parked" not in world.walk:
                await handle.query("state")
            # They went through the engine and came back readable to whoever has the key.
            assert (world.steps[0].detail, world.steps[1].actor, world.steps[2].detail) == (
                said,
                "Canaryperson",
                failed,
            )
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(Delivery.release, Decision("bob"))
            assert "released by Canaryperson" in str(refused.value.cause)
            history = (await handle.fetch_history()).to_json()
            await handle.terminate()
    finally:
        server.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("temporal.db*"))
    assert b"delivery-x" in kept
    for canary in (said, failed, detailed, "Canaryperson"):
        for form in (canary.encode(), base64.b64encode(canary.encode())[:-4], canary.encode("utf-16-le")):
            assert form not in kept
        assert canary not in history


async def test_a_rotated_key_still_reads_what_it_wrote(tmp_path: Path) -> None:
    old_line = new_key_line("k1")
    written = await EncryptingCodec(keys(tmp_path / "old", old_line)).encode([PLAIN])
    both = EncryptingCodec(keys(tmp_path / "both", new_key_line("k2"), old_line))
    assert await both.decode(written) == [PLAIN]
    (fresh,) = await both.encode([PLAIN])
    assert (fresh.metadata["encoding"], fresh.metadata["key"]) == (ENCODING, b"k2")
    assert await both.decode([fresh]) == [PLAIN]


async def test_the_same_content_never_looks_the_same(tmp_path: Path) -> None:
    codec = EncryptingCodec(keys(tmp_path / "keys", new_key_line("k1")))
    first, second = await codec.encode([PLAIN, PLAIN])
    assert first.data != second.data


async def test_a_key_that_is_gone_is_named(tmp_path: Path) -> None:
    written = await EncryptingCodec(keys(tmp_path / "old", new_key_line("k1"))).encode([PLAIN])
    with pytest.raises(Permanent, match="The payload key k1 is missing"):
        await EncryptingCodec(keys(tmp_path / "new", new_key_line("k2"))).decode(written)


@pytest.mark.parametrize("at", [0, 20, -1])
async def test_changed_bytes_are_not_read(tmp_path: Path, at: int) -> None:
    codec = EncryptingCodec(keys(tmp_path / "keys", new_key_line("k1")))
    (written,) = await codec.encode([PLAIN])
    changed = bytearray(written.data)
    changed[at] ^= 1
    with pytest.raises(InvalidTag):
        await codec.decode([Payload(metadata=written.metadata, data=bytes(changed))])


async def test_a_key_of_another_name_does_not_read_even_if_it_is_the_same(tmp_path: Path) -> None:
    secret = base64.b64encode(os.urandom(32)).decode()
    codec = EncryptingCodec(keys(tmp_path / "keys", f"k1 {secret}\n", f"k2 {secret}\n"))
    (written,) = await codec.encode([PLAIN])
    with pytest.raises(InvalidTag):
        await codec.decode([Payload(metadata={"encoding": ENCODING, "key": b"k2"}, data=written.data)])


async def test_what_was_written_before_encryption_is_still_read(tmp_path: Path) -> None:
    codec = EncryptingCodec(keys(tmp_path / "keys", new_key_line("k1")))
    assert await codec.decode([PLAIN]) == [PLAIN]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("k1\n", "cannot be read"),
        ("k1 not-base64!\n", "cannot be read"),
        ("k1 c2hvcnQ=\n", "not 32 bytes"),
    ],
)
def test_a_file_of_keys_that_is_wrong_is_refused_without_quoting_it(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(Permanent, match=words) as refused:
        keys(tmp_path / "keys", content)
    assert "c2hvcnQ" not in str(refused.value)
    assert "not-base64" not in str(refused.value)


def test_a_file_of_keys_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        PayloadKeys.read(tmp_path / "nothing")


def test_failures_are_encrypted_by_the_same_converter(tmp_path: Path) -> None:
    sealed = converter(keys(tmp_path / "keys", new_key_line("k1")))
    assert sealed.failure_converter_class is not DataConverter.default.failure_converter_class
