"""How a device is asked: few packets, only what is needed, and again everything when it changed."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from flexprint_agent.read import tables
from flexprint_agent.read.layout import from_json
from flexprint_agent.read.reader import identify, read_device
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Silent, Traits

MIB = "1.3.6.1.2.1"
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def oid(dotted):
    return ber.OBJECT_ID, ber.oid(dotted)


def colour_printer():
    """A colour machine with some 230 values in the columns that are asked, built from the MIBs."""
    table = {
        f"{MIB}.1.1.0": "KYOCERA Document Solutions Printing System",
        f"{MIB}.1.2.0": oid("1.3.6.1.4.1.1347.41"),
        f"{MIB}.1.3.0": (ber.TIMETICKS, ber.signed(8640000)),
        f"{MIB}.1.4.0": "it@example.com",
        f"{MIB}.1.5.0": "COLOUR-1",
        f"{MIB}.1.6.0": "2nd floor",
        f"{MIB}.2.2.1.6.1": bytes.fromhex("0017c8b902de"),
        f"{MIB}.25.3.2.1.2.1": oid(f"{MIB}.25.3.1.5"),
        f"{MIB}.25.3.2.1.3.1": "TASKalfa 3253ci",
        f"{MIB}.25.3.5.1.1.1": 3,
        f"{MIB}.25.3.5.1.2.1": b"\x00",
        f"{MIB}.43.5.1.1.1.1": 7,
        f"{MIB}.43.5.1.1.2.1": 1,
        f"{MIB}.43.5.1.1.17.1": "W2K9504118",
        f"{MIB}.43.7.1.1.4.1.1": 106,
        f"{MIB}.43.10.2.1.3.1.1": 7,
        f"{MIB}.43.10.2.1.4.1.1": 432951,
        f"{MIB}.43.10.2.1.6.1.1": 4,
        "1.3.6.1.4.1.1347.43.10.1.1.12.1.1": 424405,
        "1.3.6.1.4.1.1347.43.5.4.1.5.1.1": "2V6_2000.004.101",
    }
    for row in range(1, 5):
        table[f"{MIB}.43.12.1.1.4.1.{row}"] = ["cyan", "magenta", "yellow", "black"][row - 1]
        table[f"{MIB}.43.16.5.1.2.1.{row}"] = f"Line {row}"
    for row in range(1, 23):
        facts = {2: 1, 3: row % 5, 4: 3, 5: 3, 6: f"Supply number {row}", 7: 7, 8: 20000, 9: 900 * row}
        table |= {f"{MIB}.43.11.1.1.{column}.1.{row}": given for column, given in facts.items()}
    for row in range(40, 46):
        table |= {f"{MIB}.43.18.1.1.{column}.1.{row}": 4 if column == 2 else 807 for column in (2, 7)}
        table[f"{MIB}.43.18.1.1.8.1.{row}"] = "Add paper"
    return table


def test_a_full_read_of_230_values_takes_eight_packets(device):
    table = colour_printer()
    assert len(table) >= 220
    asked = device(table, most=60)
    found = asked.read()
    assert len(asked.asks) <= 8, [(ask.kind, len(ask.oids), ask.repetitions) for ask in asked.asks]
    assert (found.read.meter("total"), len(found.read.supplies), len(found.read.alerts)) == (424405, 22, 6)


def test_a_known_printer_is_read_in_three_packets(device):
    """Two GETs for meters, supplies, status and console, and one GETBULK for the alerts."""
    asked = device(colour_printer())
    layout = asked.read().layout
    asked.asks.clear()
    again = asked.read(layout)
    assert [ask.kind for ask in asked.asks] == ["get", "get", "bulk"]
    assert again.layout is layout
    assert (again.read.meter("total"), len(again.read.supplies), len(again.read.alerts)) == (424405, 22, 6)


def test_what_moves_is_asked_and_what_stands_still_is_remembered(device):
    asked = device(colour_printer())
    layout = asked.read().layout
    asked.values[ber.oid("1.3.6.1.4.1.1347.43.10.1.1.12.1.1")] = (ber.INTEGER, ber.signed(424500))
    asked.values[ber.oid(f"{MIB}.43.11.1.1.9.1.3")] = (ber.INTEGER, ber.signed(-3))
    asked.values[ber.oid(f"{MIB}.1.6.0")] = (ber.OCTET_STRING, b"3rd floor")
    read = asked.read(layout).read
    assert read.meter("total") == 424500
    assert read.supplies[2].state == "some"
    assert read.supplies[2].name == "Supply number 3"
    assert read.identity.location == "3rd floor"


@pytest.mark.parametrize(
    ("changed", "to"),
    [
        pytest.param(f"{MIB}.43.5.1.1.1.1", 8, id="prtGeneralConfigChanges"),
        pytest.param(f"{MIB}.43.5.1.1.17.1", "W2K9509999", id="another printer stands there"),
        pytest.param(f"{MIB}.1.2.0", oid("1.3.6.1.4.1.1347.41.1"), id="sysObjectID"),
        pytest.param("1.3.6.1.4.1.1347.43.5.4.1.5.1.1", "2V6_2000.005.001", id="firmware"),
        pytest.param(f"{MIB}.43.11.1.1.8.1.3", 6000, id="a supply of another capacity"),
        pytest.param("1.3.6.1.4.1.1347.43.10.1.1.12.1.1", None, id="a meter is answered no more"),
    ],
)
def test_a_printer_that_changed_is_learned_again(device, changed, to):
    table = colour_printer()
    layout = device(table).read().layout
    table[changed] = to
    asked = device({name: given for name, given in table.items() if given is not None})
    again = asked.read(layout)
    assert again.layout is not layout
    assert again.read == device({name: given for name, given in table.items() if given is not None}).read().read


TOTAL = "1.3.6.1.4.1.1347.43.10.1.1.12.1.1"
KYOCERA = "1.3.6.1.4.1.1347"


def test_meters_that_only_a_walk_gives_are_read_and_remembered(device):
    """Nobody else pays for it: whether there is something to be walked is asked in a packet that leaves anyway."""
    asked = device(colour_printer(), walk_only=(KYOCERA,))
    found = asked.read()
    assert meters(found.read)["total"] == 424405
    assert len(asked.asks) == len(asked_by(device(colour_printer()))) + 1
    asked.asks.clear()
    again = asked.read(found.layout)
    assert meters(again.read) == meters(found.read)
    assert again.layout is found.layout
    assert [ask.kind for ask in asked.asks] == ["get", "get", "next", "bulk"]
    assert not any(name.startswith(ber.oid(KYOCERA)) for ask in asked.asks if ask.kind == "get" for name in ask.oids)
    assert from_json(json.loads(json.dumps(found.layout.as_json()))) == found.layout


def test_a_life_count_that_only_a_walk_gives_is_found_out_at_the_second_read(device):
    """The first read walked its column, so nothing told that a GET would not do."""
    table = colour_printer()
    del table[TOTAL]
    asked = device(table, walk_only=(f"{MIB}.43.10",))
    first = asked.read()
    second = asked.read(first.layout)
    assert meters(second.read) == meters(first.read) == {"total": 432951}
    assert (second.reason, second.layout.learned_at) == ("a known printer", first.layout.learned_at)
    asked.asks.clear()
    third = asked.read(second.layout)
    assert third.layout is second.layout
    assert [ask.kind for ask in asked.asks] == ["get", "get", "next", "bulk"]


def test_an_object_that_has_gone_is_learned_anew(device):
    table = colour_printer()
    asked = device(table)
    layout = asked.read().layout
    del table[TOTAL]
    found = device(table).read(layout)
    assert meters(found.read)["total"] == 432951
    assert found.layout.learned_at == MONDAY
    assert ber.oid(TOTAL) not in found.layout.asked()


def test_another_printer_at_the_place_is_not_searched_for_what_the_first_one_had(device):
    layout = device(colour_printer()).read().layout
    other = device({f"{MIB}.1.2.0": oid("1.3.6.1.4.1.2435.2.3.9.1"), f"{MIB}.1.1.0": "Brother NC-8700w"})
    other.read(layout)
    # What was remembered, in two; then who is there, and its first rows.
    assert [ask.kind for ask in other.asks[:4]] == ["get", "get", "get", "next"]


def meters(read):
    return {meter.name: meter.value for meter in read.meters}


def asked_by(device):
    device.read()
    return device.asks


def test_a_layout_is_learned_again_after_a_week(device, now):
    """So that a name that changed unseen does not stay for ever; and a clock set back keeps no layout alive."""
    asked = device(colour_printer())
    layout = asked.read(at=now).layout
    assert asked.read(layout, at=now + timedelta(days=6)).layout is layout
    assert asked.read(layout, at=now + timedelta(days=8)).layout is not layout
    assert asked.read(layout, at=now - timedelta(days=1)).layout is not layout


def test_a_layout_survives_being_kept(device):
    asked = device(colour_printer())
    first = asked.read()
    kept = from_json(json.loads(json.dumps(first.layout.as_json())))
    assert kept == first.layout
    assert asked.read(kept).read == first.read


@pytest.mark.parametrize(
    "kept", [None, {}, [], "x", {"format": 99}, {"format": 1, "learned_at": "never"}, {"format": 1}]
)
def test_a_damaged_layout_is_none(kept):
    assert from_json(kept) is None


def test_a_printer_without_meters_is_asked_everything_again(device):
    """It may only have been starting up."""
    assert device({f"{MIB}.1.1.0": "Zebra Wired"}).read().layout is None


def test_a_v1_device_is_read_the_same(device):
    """No GETBULK, and one missing object fails a whole GET."""
    table = colour_printer()
    assert device(table, version=ber.V1).read().read == device(table).read().read


@pytest.mark.parametrize("lacking", [False, True], ids=["has what its maker's table names", "lacks most of it"])
def test_a_v1_device_takes_hardly_more_packets_than_a_v2c_one_without_getbulk(device, lacking):
    """The maker's objects that it lacks, and the end of its MIB, cost two or three in all, not one each."""
    table = colour_printer()
    if not lacking:
        for row in tables.matched("Kyocera", None)[0].meters:
            table |= {ber.dotted(name): 100 for name in row.oids if ber.dotted(name) not in table}
    by_steps, v1 = device(table), device(table, version=ber.V1)
    same = by_steps.hold(read_device("10.1.2.3", 161, MONDAY, Traits(bulk=False)))
    assert v1.read().read == same.read
    assert len(v1.asks) <= len(by_steps.asks) + 3, [(ask.kind, len(ask.oids)) for ask in v1.asks]


def test_a_v1_device_that_is_no_printer_is_known_for_none_in_four_packets(device):
    """The signs of all makers lie beyond the end of its MIB: they are refused once, not one by one."""
    switch = {f"{MIB}.1.{number}.0": text for number, text in ((1, "a switch"), (4, "x"), (5, "y"), (6, "z"))}
    switch |= {f"{MIB}.1.2.0": oid("1.3.6.1.4.1.9.1"), f"{MIB}.1.3.0": (ber.TIMETICKS, b"\x09")}
    asked = device(switch, version=ber.V1)
    assert not asked.read().printer
    assert len(asked.asks) <= 4


@pytest.mark.parametrize("most", [1, 3, 7])
def test_a_device_that_answers_little_at_a_time_is_read_whole(device, most):
    """Short answers cost packets, never values."""
    table = colour_printer()
    assert device(table, most=most).read().read == device(table).read().read


def test_one_lost_packet_is_no_weakness(device):
    """After a silence the columns are asked one by one, and the read is whole; nothing is held against the device."""
    asked = device(colour_printer())
    usual, lost = asked.answer, []

    def answer(ask):
        if ask.kind == "next" and len(ask.oids) > 1 and not lost:
            lost.append(ask)
            return None
        return usual(ask)

    asked.answer = answer
    traits = Traits()
    found = asked.hold(read_device("10.1.2.3", 161, MONDAY, traits))
    assert found.read == device(colour_printer()).read().read
    assert traits.most_objects == Traits().most_objects


def test_the_first_row_of_a_table_may_be_another_device(device):
    """An MFP lists its scanner first; the printer is hrDevice 3."""
    table = {
        f"{MIB}.1.1.0": "SHARP MX-3100N",
        f"{MIB}.25.3.2.1.2.1": oid(f"{MIB}.25.3.1.1"),
        f"{MIB}.25.3.2.1.2.3": oid(f"{MIB}.25.3.1.5"),
        f"{MIB}.25.3.2.1.3.1": "Scanner Unit",
        f"{MIB}.25.3.2.1.3.3": "SHARP MX-3100N",
        f"{MIB}.25.3.5.1.1.3": 4,
        f"{MIB}.43.10.2.1.4.3.1": 89298,
        f"{MIB}.43.10.2.1.3.3.1": 7,
    }
    read = device(table).read().read
    assert (read.identity.model, read.status.state, read.meter("total")) == ("MX-3100N", "printing", 89298)


def test_a_device_that_does_not_answer_gives_no_read(device):
    with pytest.raises(Silent):
        device(colour_printer(), silent_after=0).read()


def test_a_device_that_falls_silent_before_its_meters_gives_no_read(device):
    """Half a read is none: it would look like a printer without meters."""
    for answered in (1, 2):
        with pytest.raises(Silent):
            device(colour_printer(), silent_after=answered).read()


def test_a_device_that_falls_silent_after_its_meters_gives_what_it_said(device):
    found = device(colour_printer(), silent_after=3).read()
    assert (found.read.identity.serial, found.read.meter("total")) == ("W2K9504118", 424405)
    assert any("not whole" in warning and "stopped answering" in warning for warning in found.read.warnings)
    assert found.layout is None


def test_a_known_printer_that_falls_silent_before_its_alerts_is_read(device):
    asked = device(colour_printer())
    layout = asked.read().layout
    asked.asks.clear()
    asked.silent_after = 2
    found = asked.read(layout)
    assert found.read.meter("total") == 424405
    assert any("not whole" in warning for warning in found.read.warnings)


def test_a_search_is_told_who_a_printer_is_in_three_packets(device):
    asked = device(colour_printer())
    sighting = asked.hold(identify(Traits()))
    identity = sighting.identity
    assert (sighting.printer, identity.manufacturer, identity.model, identity.serial) == (
        True,
        "Kyocera",
        "TASKalfa 3253ci",
        "W2K9504118",
    )
    assert len(asked.asks) == 3


def test_nothing_is_asked_but_columns_and_objects(device):
    """No whole tree, no job table: every request names system, interface, host resources, Printer MIB or table rows."""
    asked = device(colour_printer())
    asked.read()
    for ask in asked.asks:
        for name in ask.oids:
            assert len(ber.arcs(name)) >= 8, ber.dotted(name)


MAC, SERIAL = f"{MIB}.2.2.1.6.1", f"{MIB}.43.5.1.1.17.1"


@pytest.mark.parametrize("serial", [None, "0000000000", "in its 1284 id"])
def test_a_printer_without_a_real_serial_that_is_swapped_shows_its_own_mac(device, serial):
    """Its MAC is all that tells it from the one before; it is asked in the same packets."""
    table = colour_printer()
    del table[SERIAL]
    if serial == "in its 1284 id":
        table["1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1"] = "MFG:KYOCERA;MDL:TASKalfa 3253ci;SN:W2K9504118;"
    elif serial:
        table[SERIAL] = serial
    layout = device(table).read().layout
    asked = device(table)
    assert asked.read(layout).layout is layout
    assert [ask.kind for ask in asked.asks] == ["get", "get", "bulk"]
    again = device(table | {MAC: bytes.fromhex("0017c8b90311")}).read(layout)
    assert again.read.identity.macs == ("00:17:c8:b9:03:11",)
    assert again.layout is not layout


def test_a_printer_with_a_real_serial_is_not_asked_for_its_mac_every_day(device):
    layout = device(colour_printer()).read().layout
    assert ber.oid(MAC) not in layout.asked()


def test_what_is_remembered_of_a_printer_is_cut_to_what_is_read_of_it(device):
    table = colour_printer() | {f"{MIB}.1.1.0": b"KYOCERA " + b"x" * 50000}
    asked = device(table)
    layout = asked.read().layout
    assert max(len(content) for _, content in {**layout.watched, **layout.still}.values()) == 4096
    assert asked.read(layout).layout is layout


def test_a_printer_that_says_too_much_is_not_remembered(device):
    table = colour_printer() | {f"{MIB}.43.11.1.1.6.1.{row}": b"x" * 4096 for row in range(1, 60)}
    assert device(table).read().layout is None


def test_a_device_that_sends_megabytes_is_read_in_one(device):
    """Memory is bounded in octets: a datagram may bring 60 kB for a single value."""
    table = colour_printer() | {f"{MIB}.43.11.1.1.6.1.{row}": bytes(60000) for row in range(1, 120)}
    asked = device(table, most=1)
    heard, usual = [], asked.answer

    def answer(ask):
        said = usual(ask)
        heard.extend(len(content) for _, _, content in said.bindings)
        return said

    asked.answer = answer
    assert asked.read().read.meter("total") == 424405
    assert sum(heard) < (1 << 20) + 2 * 65536


RICOH = "1.3.6.1.4.1.367.3.2.1.2.19.5.1"


def ricoh(codes):
    """A Ricoh whose seventy counters stand in the order of `codes`."""
    table = colour_printer() | {f"{MIB}.1.1.0": "RICOH MP C2503 1.35", f"{MIB}.1.2.0": oid("1.3.6.1.4.1.367.1.1")}
    table = {name: given for name, given in table.items() if not name.startswith("1.3.6.1.4.1.1347")}
    for number, code in enumerate(codes, 1):
        table |= {f"{RICOH}.2.{number}": code, f"{RICOH}.9.{number}": 1000 + code}
    return table


CODES = [10, 200, 201, 203, 300, 400, 401, 403, 870, *range(500, 561)]


def test_a_table_of_counters_is_walked_once_and_asked_by_row_after_that(device):
    """Seventy rows of it cost four packets when the printer is learned, and none on the days after."""
    asked = device(ricoh(CODES))
    first = asked.read()
    assert first.read.meter("print.color") == 1403
    assert len(asked.asks) <= 12
    asked.asks.clear()
    again = asked.read(first.layout)
    assert again.read == first.read
    assert len(asked.asks) <= 4, [ask.kind for ask in asked.asks]


def test_a_row_that_counts_something_else_today_is_learned_again(device):
    """A service setting may move the rows of a contract's counters."""
    layout = device(ricoh(CODES)).read().layout
    moved = device(ricoh([200, 10, *CODES[2:]]))
    again = moved.read(layout)
    assert again.layout is not layout
    assert (again.read.meter("total"), again.read.meter("copy")) == (1010, 1200)


def test_a_layout_learned_with_other_tables_is_not_trusted(device):
    """An update may bring counters that nobody asked for until now."""
    kept = device(colour_printer()).read().layout.as_json()
    assert from_json(kept) is not None
    assert from_json(kept | {"tables": 1}) is None


def test_engine_boots_are_kept_beside_the_uptime(device):
    boots = {"1.3.6.1.6.3.10.2.1.2.0": 12}
    asked = device(colour_printer() | boots)
    first = asked.read()
    assert (first.read.engine_boots, first.read.uptime_s) == (12, 86400)
    assert asked.read(first.layout).read.engine_boots == 12
    v1 = device(colour_printer(), version=ber.V1)
    assert v1.read().read.engine_boots is None
