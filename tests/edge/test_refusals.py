"""Objects and UIDs that are not taken, and what the sender is told."""

from __future__ import annotations

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_edge.facts import ObjectRefused
from tests.edge import sender
from tests.edge.conftest import Edges
from tests.edge.hostile_objects import HOSTILE, deflate_bomb
from tests.edge.objects import SOP_CLASS, ct, encoded
from tests.eventually import eventually


@pytest.fixture(autouse=True)
def no_facts(lasting: Edges) -> None:
    for event in lasting.spool.events():
        lasting.spool.forget(event)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("uid", ["../../etc/x", "1.2.3/../4", "1.2.a", "1.2.3\n4", "%00", "."])
def test_hostile_uids(lasting: Edges, uid: str) -> None:
    """Refused as an invalid instance; nothing outside the spool's own names appears."""
    with sender.association(lasting.port) as made:
        status = sender.send_bytes(made, encoded(ct()), SOP_CLASS, uid)
        assert status == (0xA900 if uid == "." else 0x0117)
        assert made.send_c_store(ct()).Status == 0x0000
    assert all(len(path.name.split(".")[0]) == 32 for path in lasting.spool.root.rglob("*.*"))


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.filterwarnings("ignore:The value length")
@pytest.mark.parametrize("uid", ["", "1." * 40])
def test_unusable_uids(lasting: Edges, uid: str) -> None:
    """A request that cannot be answered ends its association, and nothing else."""
    made = sender.associate(lasting.port)
    status = sender.send_bytes(made, encoded(ct()), SOP_CLASS, uid)
    assert status != 0x0000
    made.abort()
    with sender.association(lasting.port) as again:
        assert again.send_c_store(ct()).Status == 0x0000
    eventually(lambda: not lasting.temporary())


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_objects(lasting: Edges, name: str) -> None:
    """Refused for the right reason and written down, within the same association that goes on."""
    hostile = HOSTILE[name]
    with sender.association(lasting.port) as made:
        assert sender.send_bytes(made, hostile.content, SOP_CLASS, hostile.sop_instance) == hostile.status
        assert made.send_c_store(ct()).Status == 0x0000
    (event,) = [one for one in lasting.spool.events() if isinstance(one.fact, ObjectRefused)]
    assert isinstance(event.fact, ObjectRefused)
    assert (event.fact.reason, event.fact.status) == (hostile.reason, hostile.status)
    assert (event.fact.SOPClassUID, event.fact.SOPInstanceUID) == (SOP_CLASS, hostile.sop_instance)
    lasting.spool.forget(event)


def test_deflate_bomb(lasting: Edges) -> None:
    """470 MB in 0.5 MB: taken, since it may be what it says, but not inflated beyond the bound."""
    bomb = deflate_bomb("1.2.3.4")
    contexts = [(SOP_CLASS, [DeflatedExplicitVRLittleEndian])]
    with sender.association(lasting.port, contexts=contexts) as made:
        (edge,) = lasting.processes
        before = edge.peak_memory()
        assert sender.send_bytes(made, bomb, SOP_CLASS, "1.2.3.4") == 0x0000
        assert sender.send_bytes(made, bomb, SOP_CLASS, "1.2.3.5") == 0xA900
    assert edge.peak_memory() - before < 25_000_000
