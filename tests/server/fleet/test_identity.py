"""Which device a read belongs to."""

from datetime import timedelta

import pytest

from flexprint_server.fleet.identity import (
    Decision,
    Known,
    Seen,
    conflict_note,
    cut,
    decide,
    goes_on,
    place_key,
    plainly,
)
from flexprint_shared.identity import keys
from services.reads import NOON

S1, S2, M1, M2 = "serial:kyocera:ONE", "serial:kyocera:TWO", "mac:0017c8000001", "mac:0017c8000002"
E1 = "engine:8000053d0300"
KIND = ("Kyocera", "ECOSYS P2040dw")
YESTERDAY = NOON - timedelta(days=1)


def known(device, *, serial=True, card=True, kind=KIND, total=5000, at=YESTERDAY):
    return Known(device, serial, card, kind, total, at)


ONE, TWO = known(1), known(2)
NAMELESS = known(1, serial=False)


@pytest.mark.parametrize(
    ("told", "names", "devices", "expected"),
    [
        # Never seen before.
        ((S1, M1), {}, [], Decision(None, (S1, M1))),
        # Known by everything it says, wherever it stands now and whatever it is called.
        ((S1, M1), {S1: 1, M1: 1}, [ONE], Decision(1)),
        # A new network card in a known device.
        ((S1, M2), {S1: 1}, [ONE], Decision(1, (M2,), (), "card_swapped")),
        # Its first network card that tells an address.
        ((S1, M2), {S1: 1}, [known(1, card=False)], Decision(1, (M2,))),
        # Known by its card alone; now it tells its serial too.
        ((S1, M1), {M1: 1}, [NAMELESS], Decision(1, (S1,), (), "serial_learnt")),
        # It did not tell its serial this time.
        ((M1,), {S1: 1, M1: 1}, [ONE], Decision(1)),
        # Another serial behind the same card, and the counter goes on: another main board.
        ((S2, M1), {M1: 1}, [ONE], Decision(1, (S2,), (), "board_swapped")),
        # The same, but the counter is another one: whether the card or the board was swapped, nobody can know.
        ((S2, M1), {M1: 1}, [known(1, total=90_000)], Decision(None, (S2,), (M1,), None, "card_or_board")),
        ((S2, M1), {M1: 1}, [known(1, total=4_100)], Decision(None, (S2,), (M1,), None, "card_or_board")),
        # Two young printers have counters close to each other by chance.
        ((S2, M1), {M1: 1}, [known(1, total=700)], Decision(None, (S2,), (M1,), None, "card_or_board")),
        # A card moves from one model to another.
        ((S2, M1), {M1: 1}, [known(1, kind=("HP", "M612"))], Decision(None, (S2,), (M1,), None, "card_or_board")),
        # A card moved between two known devices: the serial decides.
        ((S2, M1), {S1: 1, S2: 2, M1: 1}, [ONE, TWO], Decision(2, (), (M1,), None, "card_or_board")),
        # Two cards, known as two devices: the one known for longest, and the doubt stays.
        ((M1, M2), {M1: 2, M2: 1}, [ONE, TWO], Decision(1, (), (M1,), None, "two_cards")),
        # Two cards of one device outweigh one of another.
        (("mac:1", M1, M2), {"mac:1": 1, M1: 2, M2: 2}, [ONE, TWO], Decision(2, (), ("mac:1",), None, "two_cards")),
        # A card outweighs an engine id.
        ((M2, E1), {M2: 2, E1: 1}, [ONE, TWO], Decision(2, (), (E1,), None, "two_cards")),
        # An engine id alone never makes two serials one, whatever the counter says.
        ((S2, E1), {E1: 1}, [ONE], Decision(None, (S2,), (E1,), None, "card_or_board")),
        # Two cards of two known devices, and a serial of neither.
        (("serial:x:3", M1, M2), {M1: 1, M2: 2}, [ONE, TWO],
         Decision(None, ("serial:x:3",), (M1, M2), None, "card_or_board")),
        # Of two devices behind its cards one has no serial yet: it is that one, and the other is doubted.
        ((S2, M1, M2), {M1: 1, M2: 2}, [NAMELESS, TWO], Decision(1, (S2,), (M2,), "serial_learnt", "card_or_board")),
    ],
)  # fmt: skip
def test_who_a_read_is_of(told, names, devices, expected):
    seen = Seen(told, KIND, 5000 + 120, NOON)
    assert decide(seen, names, {one.device: one for one in devices}) == expected


def test_what_all_keys_agree_on_takes_no_decision():
    assert plainly((S1, M1), {S1: 1, M1: 1}) == 1
    assert plainly((S1, M1), {S1: 1}) is None
    assert plainly((S1, M1), {S1: 1, M1: 2}) is None
    assert plainly((S1, M1), {}) is None


@pytest.mark.parametrize(
    ("days", "total", "expected"), [(0, 5_500, True), (0, 5_501, False), (9, 9_900, True), (9, 4_999, False)]
)
def test_a_counter_goes_on_as_far_as_a_printer_prints_in_that_time(days, total, expected):
    """Whatever else is the same."""
    seen = Seen((S2, M1), KIND, total, NOON)
    assert goes_on(seen, known(1, at=NOON - timedelta(days=days))) == expected


def test_a_device_that_says_nothing_is_known_by_where_it_was_found():
    """Until it moves; and only for the agent that found it there."""
    assert place_key("a1", "10.1.2.3", 161) == "address:a1:10.1.2.3:161"


def test_a_key_fits_its_column_whatever_the_device_says():
    assert all(len(key) <= 300 for key in cut(keys("x" * 255, None, "ß" * 255, ())))
    assert len(place_key("a" * 36, "x" * 255, 65535)) <= 300
    assert cut((S1, M1)) == (S1, M1)


def test_a_conflict_is_told_in_words():
    assert conflict_note(M1, 12) == "mac 0017c8000001 also names device 12; the stronger key decided"
