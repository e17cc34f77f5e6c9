from datetime import UTC, datetime

import pytest

from flexprint_agent.read.jobs import Tally
from flexprint_agent.read.local import DEVICE_ATTRIBUTES, Cable, identity_of, read_of
from flexprint_shared.identity import identity_keys

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TILL = Cable("usb:till", "till", "Hewlett-Packard", "HP LaserJet 400", "PHGB12", driver="HP LaserJet 400, hpcups 3.22")
TALLY = Tally(datetime(2026, 11, 1, 9, 30, tzinfo=UTC), pages=120)

# What an MFP on USB answers over IPP, as its attributes are written.
DEVICE = {
    "printer-impressions-completed": [12345],
    "printer-impressions-completed-col": [{"monochrome": [10000], "full-color": [2345]}],
    "printer-media-sheets-completed": [9000],
    "printer-device-id": ["MFG:Brother;CMD:PJL,PCL;MDL:HL-L3230CDW series;SN:E78;"],
    "printer-firmware-string-version": ["1.48"],
    "printer-state": [4],
    "printer-state-reasons": ["toner-low-warning", "media-empty-error", "something-new-report"],
    "printer-up-time": [86400],
    "printer-supply": [
        b"index=1;class=supplyThatIsConsumed;type=toner;unit=percent;maxcapacity=100;level=42;colorantname=black;",
        b"index=2;class=supplyThatIsConsumed;type=toner;unit=percent;maxcapacity=100;level=5;colorantname=cyan;",
        b"index=3;class=receptacleThatIsFilled;type=wasteToner;unit=percent;maxcapacity=100;level=90;",
        b"index=4;class=supplyThatIsConsumed;type=opc;unit=impressions;maxcapacity=18000;level=-3;",
    ],
    "printer-supply-description": ["Black Toner", "Cyan Toner", "Waste Toner Box", "Drum"],
}


def meters(read):
    return {meter.name: (meter.value, meter.unit, meter.source) for meter in read.meters}


def test_the_counters_of_a_device_are_read_and_nothing_of_the_spooler_is_mixed_in():
    read = read_of(TILL, DEVICE, NOON, by_device=True, tally=TALLY)
    assert meters(read) == {
        "total": (12345, "impressions", "standard"),
        "total.mono": (10000, "impressions", "standard"),
        "total.color": (2345, "impressions", "standard"),
    }
    assert read.meters[0].oid == "printer-impressions-completed"
    assert (read.address, read.port, read.uptime_s, read.warnings) == ("usb:till", 0, 86400, ())


def test_without_counters_the_finished_jobs_are_a_meter_of_their_own():
    read = read_of(TILL, {}, NOON, by_device=False, tally=TALLY)
    assert meters(read) == {"print.spooler": (120, "impressions", "spooler")}
    assert any("this computer has printed since 2026-11-01 09:30 UTC" in warning for warning in read.warnings)


def test_counters_that_a_spooler_repeats_are_not_believed():
    """A queue's attributes may hold anything its driver put there: only the device itself is asked for counters."""
    assert set(meters(read_of(TILL, DEVICE, NOON, by_device=False, tally=TALLY))) == {"print.spooler"}


def test_where_nobody_counts_there_is_no_meter_and_it_is_said():
    read = read_of(TILL, {}, NOON, by_device=False)
    assert read.meters == ()
    assert any("no meter is answered" in warning for warning in read.warnings)


@pytest.mark.parametrize(
    ("counters", "named"),
    [
        ({"printer-impressions-completed": [0]}, {"total": 0}),
        ({"printer-impressions-completed": [None]}, {}),
        ({"printer-impressions-completed": [-1]}, {}),
        ({"printer-impressions-completed": [True]}, {}),
        ({"printer-impressions-completed": ["7"]}, {}),
        ({"printer-media-sheets-completed": [7]}, {"total": 7}),
        ({"printer-impressions-completed-col": [{"monochrome": [3], "monochrome-two-sided": [1]}]}, {}),
        ({"printer-impressions-completed-col": ["none"]}, {}),
        ({"printer-impressions-completed-col": [{"full-color": []}]}, {}),
    ],
)
def test_a_counter_that_is_missing_or_unclear_is_left_out(counters, named):
    read = read_of(TILL, counters, NOON, by_device=True)
    assert {meter.name: meter.value for meter in read.meters} == named


def test_the_1284_id_says_who_it_is():
    identity = identity_of(TILL, DEVICE)
    assert (identity.manufacturer, identity.model, identity.serial) == ("Brother", "HL-L3230CDW series", "E78")
    assert (identity.name, identity.firmware) == ("till", "1.48")


def test_without_it_the_device_uri_says_so_and_names_the_device_as_snmp_would():
    identity = identity_of(TILL, {})
    assert (identity.manufacturer, identity.model, identity.serial) == ("HP", "LaserJet 400", "PHGB12")
    assert identity_keys(identity) == ("serial:hp:PHGB12",)


def test_and_without_that_its_driver():
    identity = identity_of(Cable("usb:x", "x", driver="Kyocera ECOSYS P2040dw, driverless, cups-filters 1.28"), {})
    assert (identity.manufacturer, identity.model, identity.serial) == ("Kyocera", "ECOSYS P2040dw", None)


def test_supplies_are_read_from_the_device():
    read = read_of(TILL, DEVICE, NOON, by_device=True)
    told = [(one.name, one.kind, one.color, one.percent, one.state) for one in read.supplies]
    assert told == [
        ("Black Toner", "toner", "black", 42, "ok"),
        ("Cyan Toner", "toner", "cyan", 5, "low"),
        ("Waste Toner Box", "wasteToner", None, 10, "ok"),
        ("Drum", "opc", None, None, "some"),
    ]
    assert read.color is True


def test_supplies_are_read_from_the_spooler():
    told = {
        "marker-names": ["Black Toner", "Waste", "Drum", "Ink\u202e\n", 7],
        "marker-types": ["toner", "waste-toner", "opc", "ink-cartridge"],
        "marker-colors": ["#000000", "none", None, "#00FFFF"],
        "marker-levels": [42, 95, -1, 250],
    }
    read = read_of(TILL, told, NOON, by_device=False)
    assert [(one.name, one.kind, one.color, one.percent, one.state) for one in read.supplies] == [
        ("Black Toner", "toner", "black", 42, "ok"),
        ("Waste", "wasteToner", None, 95, "low"),
        ("Drum", "opc", None, None, "unknown"),
        ("Ink", "inkCartridge", "cyan", None, "unknown"),
    ]


def test_state_and_its_reasons_are_words():
    status = read_of(TILL, DEVICE, NOON, by_device=True).status
    assert (status.state, status.errors) == ("printing", ("lowToner", "noPaper"))


@pytest.mark.parametrize("value", [None, -5, 2**40, "x" * 100_000, b"\xff" * 5000, True, {"a": [1]}, "\x00\u202e"])
def test_no_value_of_any_attribute_makes_a_read_fail(value):
    for name in DEVICE_ATTRIBUTES:
        for values in ([value], [value] * 500, []):
            read = read_of(TILL, {**DEVICE, name: values}, NOON, by_device=True, tally=TALLY)
            assert read.address == "usb:till"
            assert len(read.supplies) <= 100
