"""Numbers that look like counters and that nothing maps: what is listed, for what reason, and what is not."""

import pytest

from flexprint_agent.capture.counters import unexplained
from flexprint_agent.snmp import ber

TREE = "1.3.6.1.4.1.54321"


def found(table, mapped=(), **known):
    values = {}
    for short, given in table.items():
        name = short if short.startswith("1.3") else f"{TREE}.{short}"
        match given:
            case str():
                values[ber.oid(name)] = ber.OCTET_STRING, given.encode()
            case bytes():
                values[ber.oid(name)] = ber.OCTET_STRING, given
            case tuple():
                values[ber.oid(name)] = given
            case _:
                values[ber.oid(name)] = ber.INTEGER, ber.signed(given)
    names = [ber.oid(f"{TREE}.{name}") for name in mapped]
    return {one.oid.removeprefix(f"{TREE}."): one for one in unexplained(values, names, known)}


@pytest.mark.parametrize("given", [7342, "7342", "0007342", (ber.COUNTER32, ber.signed(7342))])
def test_a_number_that_equals_a_known_total_is_listed_however_it_is_sent(given):
    assert found({"1.1.0": given}, total=7342)["1.1.0"].hints[0] == "equals total"


def test_a_number_near_a_known_total_is_listed():
    assert found({"1.1.0": 7342}, life=7432)["1.1.0"].hints == ["near life (7432)"]


def test_two_of_one_table_that_add_up_to_a_known_total_are_listed_each_with_the_other():
    listed = found({"1.1.2.1": 7296, "1.1.3.1": 46, "1.1.4.1": 300}, total=7342)
    assert listed["1.1.2.1"].hints == [f"with {TREE}.1.1.3.1 it adds up to total (7342)"]
    assert listed["1.1.3.1"].hints == [f"with {TREE}.1.1.2.1 it adds up to total (7342)"]
    assert "1.1.4.1" not in listed


def test_all_rows_of_a_column_that_add_up_to_a_known_total_are_listed():
    listed = found({f"1.1.6.{row}": count for row, count in enumerate((7000, 300, 42), 1)}, total=7342)
    assert {one.hints[0] for one in listed.values()} == {"the 3 rows of its column add up to total (7342)"}


def test_a_number_beside_a_label_of_counters_is_listed_with_the_label():
    listed = found({"3.1.2.7": "Copy (Total 1)", "3.1.3.7": 535, "3.1.2.8": "Ethernet", "3.1.3.8": 536})
    assert listed["3.1.3.7"].label == "Copy (Total 1)"
    assert "3.1.3.8" not in listed


def test_the_neighbour_of_a_mapped_row_that_the_device_calls_a_counter_is_listed():
    listed = found({"9.1.1": (ber.COUNTER32, b"\x64"), "9.1.2": (ber.COUNTER32, b"\x65")}, mapped=["9.1.1"])
    assert listed["9.1.2"].hints == ["beside an object that a table maps", "the device calls it a counter"]
    assert "9.1.1" not in listed


def test_a_total_inside_packed_octets_is_found():
    assert found({"5.5.10.0": bytes.fromhex("00010400000f4aff")}, total=3914)["5.5.10.0"].hints == [
        "holds total (3914) as four octets from octet 3 on"
    ]


@pytest.mark.parametrize(
    "table",
    [
        {"1.1.0": 161, "1.2.0": 3},
        {f"1.1.2.{row}": 600 for row in range(1, 20)} | {f"1.1.3.{row}": "Total" for row in range(1, 20)},
        {"1.1.2.1": 65535, "1.1.3.1": "Total"},
        {"1.1.2.1": 2_000_000, "1.1.3.1": "Total"},
        {"1.3.6.1.2.1.43.8.2.1.4.1.1": 7342},
        {"1.3.6.1.4.1.1347.47.6.1.1.2.5": 7342, "1.3.6.1.4.1.1347.47.6.1.1.3.5": "Print of a letter"},
        {"1.1.2.1": 21, "1.1.3.1": 25},
    ],
    ids=["ports", "constants", "masks", "sizes", "standard tables", "job logs", "small sums"],
)
def test_what_is_no_counter_is_not_listed(table):
    assert found(table, total=7342, duplex=46) == {}


def test_the_most_telling_come_first():
    listed = found({"1.1.2.1": 535, "1.1.3.1": "Copies", "2.1.0": 7342}, total=7342)
    assert list(listed) == ["2.1.0", "1.1.2.1"]
