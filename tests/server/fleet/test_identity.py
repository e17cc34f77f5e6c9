"""Which device a read belongs to."""

import pytest

from flexprint_server.fleet.identity import Match, conflict_note, cut, match, place_key
from flexprint_shared.identity import keys

S1, S2, M1, M2 = "serial:kyocera:ONE", "serial:kyocera:TWO", "mac:0017c8000001", "mac:0017c8000002"


@pytest.mark.parametrize(
    ("told", "names", "with_serial", "expected"),
    [
        # Never seen before.
        ((S1, M1), {}, set(), Match(None, (S1, M1), ())),
        # Known by everything it says.
        ((S1, M1), {S1: 1, M1: 1}, {1}, Match(1, (), ())),
        # A new network card in a known device.
        ((S1, M2), {S1: 1}, {1}, Match(1, (M2,), ())),
        # Known by its card alone; now it tells its serial too.
        ((S1, M1), {M1: 1}, set(), Match(1, (S1,), ())),
        # It did not tell its serial this time.
        ((M1,), {S1: 1, M1: 1}, {1}, Match(1, (), ())),
        # A card moved from device 1 to a device never seen before.
        ((S2, M1), {S1: 1, M1: 1}, {1}, Match(None, (S2,), (M1,))),
        # A card moved between two known devices: the serial decides.
        ((S2, M1), {S1: 1, S2: 2, M1: 1}, {1, 2}, Match(2, (), (M1,))),
        # Two cards, known as two devices: the first decides and the other is told.
        ((M1, M2), {M1: 1, M2: 2}, set(), Match(1, (), (M2,))),
    ],
)
def test_the_strongest_key_decides(told, names, with_serial, expected):
    assert match(told, names, with_serial) == expected


def test_a_device_that_says_nothing_is_known_by_where_it_was_found():
    """Until it moves; and only for the agent that found it there."""
    assert place_key("a1", "10.1.2.3", 161) == "address:a1:10.1.2.3:161"


def test_a_key_fits_its_column_whatever_the_device_says():
    assert all(len(key) <= 300 for key in cut(keys("x" * 255, None, "ß" * 255, ())))
    assert len(place_key("a" * 36, "x" * 255, 65535)) <= 300
    assert cut((S1, M1)) == (S1, M1)


def test_a_conflict_is_told_in_words():
    assert conflict_note(M1, 12) == "mac 0017c8000001 also names device 12; the stronger key decided"
