"""In which transfer syntax images leave for a Node that prefers some: as received where something would be lost."""

from __future__ import annotations

import pytest
from pydicom.uid import JPEG2000, JPEG2000Lossless, RLELossless

from activities.getting import _best_first
from activities.storage import TRANSFER_SYNTAXES
from models.domain.errors import Permanent
from models.domain.syntaxes import in_order
from models.node_settings import read_settings
from tests.activities.misbehaving import EXPLICIT, IMPLICIT, misbehaving
from tests.activities.parcels import TEN, Parcels
from tests.activities.test_odd_images import bring, compressed
from tests.ingest.filling import small_ct

BASELINE = "1.2.840.10008.1.2.4.50"
ALL = [EXPLICIT, IMPLICIT, RLELossless, JPEG2000Lossless, JPEG2000]


def syntaxes(parcels: Parcels, delivery: str) -> list[str]:
    """What each image was converted to; empty for as it was received."""
    ledger = parcels.ledger(delivery)
    return [ledger[uid].syntax for uid in TEN[: len(ledger)]]


def test_a_preferred_syntax_is_what_is_sent_and_the_pixels_are_the_same(parcels: Parcels) -> None:
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (compressed(2), RLELossless), (small_ct(3), IMPLICIT))
    with misbehaving(syntaxes=ALL) as peer:
        parcels.set_node(peer.port, preferred_syntaxes=[EXPLICIT])
        assert parcels.send(delivery).accepted == 3
        assert peer.kept[TEN[1]].PixelData == bytes([2]) * 64 * 64 * 2
    assert syntaxes(parcels, delivery) == ["", EXPLICIT, EXPLICIT]


def test_what_was_received_in_one_that_is_preferred_stays_as_it_is(parcels: Parcels) -> None:
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (compressed(2), RLELossless))
    with misbehaving(syntaxes=ALL) as peer:
        parcels.set_node(peer.port, preferred_syntaxes=[RLELossless, IMPLICIT])
        assert parcels.send(delivery).accepted == 2
    assert syntaxes(parcels, delivery) == [IMPLICIT, ""], "nothing is ever compressed"


def test_a_preferred_one_that_is_not_taken_is_passed_over(parcels: Parcels) -> None:
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (compressed(2), RLELossless))
    with misbehaving(syntaxes=[EXPLICIT, RLELossless]) as peer:
        parcels.set_node(peer.port, preferred_syntaxes=[IMPLICIT])
        assert parcels.send(delivery).accepted == 2
    assert syntaxes(parcels, delivery) == ["", ""]


def test_what_cannot_be_converted_goes_as_it_was_received(parcels: Parcels) -> None:
    """Broken in its pixels: to send it as it is loses nothing, to set it aside would."""
    broken = compressed(2)
    broken.PixelData = broken.PixelData[:40]
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (broken, RLELossless))
    with misbehaving(syntaxes=ALL) as peer:
        parcels.set_node(peer.port, preferred_syntaxes=[EXPLICIT])
        assert parcels.send(delivery).accepted == 2
    assert syntaxes(parcels, delivery) == ["", ""]


@pytest.mark.parametrize(
    ("received", "preferred", "order"),
    [
        (RLELossless, [], [RLELossless, EXPLICIT, IMPLICIT]),
        (RLELossless, [IMPLICIT], [IMPLICIT, RLELossless, EXPLICIT]),
        (IMPLICIT, [EXPLICIT, IMPLICIT], [EXPLICIT, IMPLICIT]),
        (BASELINE, [EXPLICIT], [BASELINE, EXPLICIT, IMPLICIT]),
        (JPEG2000, [EXPLICIT], [JPEG2000, EXPLICIT, IMPLICIT]),
    ],
)
def test_what_was_compressed_with_loss_stays_so_whatever_is_preferred(
    received: str, preferred: list[str], order: list[str]
) -> None:
    assert list(in_order(received, preferred)) == order


def test_c_get_offers_the_preferred_first_and_all_the_others() -> None:
    offered = _best_first([RLELossless, IMPLICIT])
    assert offered[:2] == [RLELossless, IMPLICIT]
    assert sorted(offered) == sorted(TRANSFER_SYNTAXES)


def test_they_are_given_by_name_or_uid() -> None:
    typed = {"preferred_syntaxes": f"jpeg 2000 lossless, {EXPLICIT}"}
    assert read_settings(typed) == {"preferred_syntaxes": [JPEG2000Lossless, EXPLICIT]}
    assert read_settings({"preferred_syntaxes": "as received"}) == {"preferred_syntaxes": []}
    with pytest.raises(Permanent, match="Preferred transfer syntaxes takes names or UIDs"):
        read_settings({"preferred_syntaxes": "the best"})
