"""What a device answered, arranged by column and row: by whole index, in its order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_agent.read import objects as at
from flexprint_agent.snmp import ber

LEVEL = ber.dotted(at.SUPPLY_LEVEL)


def answers(*names):
    return at.Answers({ber.oid(name): (ber.INTEGER, ber.signed(place)) for place, name in enumerate(names)})


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4).map(tuple), unique=True, max_size=12))
def test_the_rows_of_a_column_are_in_the_order_of_their_index(indexes):
    """Which is not that of their octets: 127 is 7F and 128 is 81 00, and 16383 (FF 7F) comes before 16384 (81 80 00)."""
    said = answers(*(f"{LEVEL}.{'.'.join(map(str, index))}" for index in indexes), "1.3.6.1.2.1.43.11.1.1.10.1.1")
    assert list(said.column(at.SUPPLY_LEVEL)) == sorted(indexes)
    assert said.integers(at.SUPPLY_LEVEL) == {index: place for place, index in enumerate(indexes)}
    assert all(at.instance(at.SUPPLY_LEVEL, *index) in said.values for index in indexes)


def test_a_column_that_was_answered_itself_is_no_row():
    assert list(answers(LEVEL, f"{LEVEL}.1.1").column(at.SUPPLY_LEVEL)) == [(1, 1)]


def test_neighbours_of_a_column_are_not_in_it():
    """43.11.1.1.9 is neither 43.11.1.1.90 nor 43.11.1.1.9 of another tree."""
    said = answers(f"{LEVEL}0.1.1", "1.3.6.1.2.1.43.11.1.1.8.1.1", "1.3.6.1.2.1.43.11.1.1.10.1.1", f"1.{LEVEL}.1")
    assert said.column(at.SUPPLY_LEVEL) == {}
    assert not said.any_under(at.SUPPLY_LEVEL)


@pytest.mark.parametrize(
    ("name", "under"),
    [
        ("1.3.6.1.2.1.43.11.1.1.9.1.1", True),
        ("1.3.6.1.2.1.43.11.1.1", True),
        ("1.3.6.1.2.1.43.11.1", False),
        ("1.3.6.1.2.1.43.11.1.128.1", False),
        ("1.3.6.1.2.1.43.12.1.1.4.1.1", False),
    ],
)
def test_what_was_answered_under_a_table_shows_that_it_is_there(name, under):
    assert answers("1.3.6.1.2.1.1.1.0", name, "1.3.6.1.4.1.9").any_under(at.SUPPLIES_TABLE) is under


def test_the_printers_own_row_is_taken_and_the_first_where_it_has_none():
    """An MFP lists its scanner first."""
    status, serial = ber.dotted(at.HR_PRINTER_STATUS), ber.dotted(at.GENERAL_SERIAL)
    assert answers(f"{status}.1", f"{status}.3", f"{serial}.3").at_device(at.HR_PRINTER_STATUS) == (2, b"\x01")
    assert answers(f"{status}.7", f"{status}.8", f"{serial}.3").at_device(at.HR_PRINTER_STATUS) == (2, b"\x00")
    assert answers(f"{serial}.3").at_device(at.HR_PRINTER_STATUS) is None


def test_the_names_that_are_remembered_are_bounded():
    """A hostile device makes up any number of them; each is still found in its row."""
    many = [(2, 2 + place // 16384, place % 16384) for place in range(at._MOST_NAMES + 10)]
    said = at.Answers({at.instance(at.SUPPLY_LEVEL, *index): (ber.INTEGER, b"\x01") for index in many})
    assert list(said.column(at.SUPPLY_LEVEL)) == many
    assert len(at._PLACES) <= at._MOST_NAMES
