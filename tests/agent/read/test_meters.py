"""Meters: which total is billed, what is kept beside it, and that nothing is ever made up."""

import pytest

from flexprint_agent.read import records
from flexprint_agent.read.meters import Counted
from flexprint_agent.snmp import ber

LIFE = "1.3.6.1.2.1.43.10.2.1.4"
UNIT = "1.3.6.1.2.1.43.10.2.1.3"
SYS_DESCR = "1.3.6.1.2.1.1.1.0"
KYOCERA = "1.3.6.1.4.1.1347"
HP = "1.3.6.1.4.1.11.2.3.9.4.2.1"
BROTHER_COUNTERS = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.10.0"


def meters(read):
    return {meter.name: (meter.value, meter.unit, meter.source) for meter in read.meters}


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        (7, "impressions"),
        (8, "sheets"),
        (3, "ten_thousandths_of_inches"),
        (16, "feet"),
        (11, "hours"),
        (1, "other"),
        (2, "other"),
        (99, "other"),
    ],
)
def test_the_life_count_is_in_the_unit_the_device_names(read_of, code, unit):
    read = read_of({f"{LIFE}.1.1": 4711, f"{UNIT}.1.1": code})
    assert meters(read) == {"total": (4711, unit, "standard")}
    assert read.meters[0].oid == f"{LIFE}.1.1"
    assert read.warnings == ()


def test_a_device_that_names_no_unit_is_told(read_of):
    read = read_of({f"{LIFE}.1.1": 4711})
    assert meters(read) == {"total": (4711, "impressions", "standard")}
    assert "impressions are assumed" in read.warnings[0]


def test_indexes_are_not_assumed_to_begin_at_one(read_of):
    """HP Officejet: 43.10.2.1.4.0.1; others sit under hrDeviceIndex 4."""
    assert read_of({f"{LIFE}.0.1": 10, f"{UNIT}.0.1": 8}).meters[0].unit == "sheets"
    assert read_of({f"{LIFE}.4.2": 10, f"{UNIT}.4.2": 8}).meters[0].oid == f"{LIFE}.4.2"


def test_of_several_markers_the_first_is_the_total_and_the_others_are_told(read_of):
    """The MIB does not say that the second is mono or the third colour."""
    read = read_of({f"{LIFE}.1.2": 300, f"{LIFE}.1.1": 500, f"{LIFE}.1.3": 200, f"{UNIT}.1.1": 7})
    assert meters(read) == {"total": (500, "impressions", "standard")}
    assert any("several markers (1.1: 500, 1.2: 300, 1.3: 200)" in warning for warning in read.warnings)
    assert [item.oid for item in read.evidence] == [f"{LIFE}.1.2", f"{LIFE}.1.3"]


def test_no_meter_is_no_zero(read_of):
    read = read_of({SYS_DESCR: "Zebra Wired"})
    assert read.meters == ()
    assert any("nothing readable" in warning for warning in read.warnings)


def test_a_life_count_of_zero_stays_and_is_remarked_upon(read_of):
    read = read_of({f"{LIFE}.1.1": 0, f"{UNIT}.1.1": 7})
    assert read.meter("total") == 0
    assert any("life count is 0" in warning for warning in read.warnings)


def test_a_negative_count_is_none(read_of):
    assert read_of({f"{LIFE}.1.1": -2}).meters == ()
    assert read_of({f"{LIFE}.1.1": -2, f"{LIFE}.1.2": 7}).meter("total") == 7


def test_the_makers_total_is_billed_and_the_life_count_stays_in_evidence(read_of):
    """Kyocera's engine counts misfeeds and service prints too."""
    table = {SYS_DESCR: "KYOCERA x", f"{KYOCERA}.43.10.1.1.12.1.1": 7342, f"{LIFE}.1.1": 7432, f"{UNIT}.1.1": 7}
    read = read_of(table)
    assert meters(read) == {"total": (7342, "impressions", "vendor")}
    assert any("7342" in warning and "7432" in warning for warning in read.warnings)
    assert [(item.oid, item.type, item.value) for item in read.evidence] == [(f"{LIFE}.1.1", "INTEGER", "1d08")]


def test_a_makers_total_that_equals_the_life_count_needs_no_words(read_of):
    read = read_of({SYS_DESCR: "HP x", f"{HP}.4.1.2.5.0": 15232, f"{LIFE}.1.1": 15232, f"{UNIT}.1.1": 7})
    assert (meters(read)["total"], read.warnings, read.evidence) == ((15232, "impressions", "vendor"), (), ())


def test_another_makers_objects_are_not_read(read_of):
    """Brother and OKI answer in HP's tree; what stands there is not their total."""
    read = read_of({SYS_DESCR: "Brother x", f"{HP}.4.1.2.5.0": 99, f"{LIFE}.1.1": 10, f"{UNIT}.1.1": 7})
    assert meters(read) == {"total": (10, "impressions", "standard")}


def test_sheets_and_sides_keep_their_units(read_of):
    read = read_of({SYS_DESCR: "HP x", f"{HP}.4.1.2.22.0": 40, f"{HP}.4.1.2.5.0": 100})
    assert meters(read)["total.duplex"] == (40, "sheets", "vendor")


def test_tiers_of_colour_are_added_up_and_labelled_derived(read_of):
    table = {SYS_DESCR: "KYOCERA x", f"{KYOCERA}.42.3.1.2.1.1.1.2": 5, f"{KYOCERA}.42.3.1.2.1.1.1.3": 70}
    read = read_of(table)
    assert meters(read)["print.color"] == (75, "impressions", "derived")
    assert next(meter for meter in read.meters if meter.name == "print.color").oid is None


def test_a_sum_needs_all_its_parts(read_of):
    assert "print.color" not in meters(read_of({SYS_DESCR: "KYOCERA x", f"{KYOCERA}.42.3.1.2.1.1.1.3": 70}))


def test_a_counter_sent_as_text_is_read_and_proved(read_of):
    read = read_of({SYS_DESCR: "HP x", f"{HP}.4.1.2.5.0": b"15232"})
    assert read.meter("total") == 15232
    assert read.evidence[0].value == b"15232".hex()
    assert read_of({SYS_DESCR: "HP x", f"{HP}.4.1.2.5.0": b"NULL"}).meters == ()


@pytest.mark.parametrize(
    ("blob", "expected"),
    [
        ("00010400000f4aff", {"total": (3914, "impressions", "vendor")}),
        (
            "010104000001cd020104000001ebff",
            {
                "total": (952, "impressions", "derived"),
                "total.mono": (461, "impressions", "vendor"),
                "total.color": (491, "impressions", "vendor"),
            },
        ),
        ("ff", {}),
        ("", {}),
        ("000104ffffffffff", {}),  # not applicable
        ("00010400000f", {}),  # cut off
    ],
)
def test_packed_counters_are_unpacked_by_the_table(read_of, blob, expected):
    """Brother: code, 01, length, value; the blob itself is the evidence."""
    read = read_of({SYS_DESCR: "Brother x", BROTHER_COUNTERS: bytes.fromhex(blob)})
    assert meters(read) == expected
    assert [item.value for item in read.evidence] == ([blob] if expected else [])


@pytest.mark.parametrize(
    ("blob", "values"),
    [
        ("820104000025d8ff", {0x82: 9688}),
        # records of several lengths in one blob (HL-5350DN), and of 5 octets alone (MFC-5490CN)
        ("110104000061a8310101014101010363010103ff", {0x11: 25000, 0x31: 1, 0x41: 3, 0x63: 3}),
        ("a101020414a201020c14a301020614a401020b14ff", {0xA1: 1044, 0xA2: 3092, 0xA3: 1556, 0xA4: 2836}),
        ("0001040000000100010400000002ff", {0: 1}),  # twice: the first stands
        ("000104000000010002040000000203", {0: 1}),  # another mark: what came before stands
        ("000100ff", {}),
        ("0001", {}),
        ("00", {}),
    ],
)
def test_records_end_where_they_no_longer_fit(blob, values):
    assert records.decode(bytes.fromhex(blob), mark=0x01, end=0xFF) == values


BEYOND_COUNTING = (ber.COUNTER64, b"\xff" * 8)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({f"{KYOCERA}.43.10.1.1.12.1.1": BEYOND_COUNTING}, id="a Counter64 of ones"),
        pytest.param({f"{KYOCERA}.43.10.1.1.12.1.1": b"9" * 20}, id="a text of 20 digits"),
        pytest.param({f"{KYOCERA}.43.10.1.1.12.1.1": b"9" * 40000}, id="a text of 40 000 digits"),
        pytest.param({f"{LIFE}.1.1": BEYOND_COUNTING}, id="a life count"),
    ],
)
def test_a_number_that_no_device_counts_to_is_left_out_told_and_kept_as_evidence(read_of, said):
    """The collector could store none of it."""
    read = read_of({SYS_DESCR: "KYOCERA ECOSYS", **said})
    assert read.meters == ()
    assert any("left out" in warning for warning in read.warnings)
    (evidence,) = read.evidence
    assert 0 < len(evidence.value) <= 2 * 4096


def test_a_packed_record_longer_than_any_number_is_left_out(read_of):
    long = b"\x00\x01\xc8" + b"\x01" * 200
    read = read_of({SYS_DESCR: "Brother HL-5370DW", BROTHER_COUNTERS: long + b"\xff"})
    assert read.meters == ()
    assert any("total" in warning and "left out" in warning for warning in read.warnings)
    assert [item.oid for item in read.evidence] == [BROTHER_COUNTERS]


def test_a_sum_larger_than_any_number_is_left_out():
    counted = Counted()
    for name in ("total.mono", "total.color"):
        assert counted.add(name, 2**63 - 1, "impressions", None, "vendor")
    assert not counted.add("total", 2**64 - 2, "impressions", None, "derived")
    assert counted.warnings == ["total is left out: no device counts that far"]


def test_of_hundreds_of_markers_some_are_listed(read_of):
    read = read_of({f"{LIFE}.1.{row}": 2**31 + row for row in range(1, 600)})
    assert len(read.evidence) == 15
    assert all(len(warning) < 1000 for warning in read.warnings)
