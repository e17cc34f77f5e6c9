"""Meters: which total is billed, what is kept beside it, and that nothing is ever made up."""

import pytest

from flexprint_agent.read import records
from flexprint_agent.read.meters import Counted
from flexprint_agent.read.objects import Answers
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


def test_a_life_count_that_is_written_out_is_read_and_proved(read_of):
    read = read_of({f"{LIFE}.1.1": b"004711\0", f"{UNIT}.1.1": b"8"})
    assert meters(read) == {"total": (4711, "sheets", "standard")}
    assert [(item.oid, item.value) for item in read.evidence] == [(f"{LIFE}.1.1", b"004711\0".hex())]


@pytest.mark.parametrize("text", [b"", b"NULL", b"12 pages", b"1.5", b"\xb2", b"-7", b"9" * 30])
def test_a_text_that_is_no_count_is_no_meter(read_of, text):
    assert read_of({f"{LIFE}.1.1": text, f"{UNIT}.1.1": 7}).meters == ()


def test_a_count_of_minus_one_without_its_sign_is_none_and_stays_in_evidence(read_of):
    read = read_of({f"{LIFE}.1.1": (ber.COUNTER32, b"\xff\xff\xff\xff"), f"{UNIT}.1.1": 7})
    assert read.meters == ()
    assert "means not known" in read.warnings[1]
    assert [item.oid for item in read.evidence] == [f"{LIFE}.1.1"]


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


def test_where_the_makers_total_is_missing_its_simplex_and_duplex_together_are(read_of):
    table = {SYS_DESCR: "KYOCERA x", f"{KYOCERA}.42.2.5.1.1.3.1": 7342, f"{LIFE}.1.1": 7432, f"{UNIT}.1.1": 7}
    assert meters(read_of(table)) == {"total": (7342, "impressions", "vendor")}


@pytest.mark.parametrize(("fax", "mono"), [({f"{KYOCERA}.42.3.1.1.1.1.4": 5}, 105), ({}, 100)])
def test_black_pages_of_all_functions_are_the_black_total(read_of, fax, mono):
    table = {SYS_DESCR: "KYOCERA x", f"{KYOCERA}.42.3.1.2.1.1.1.1": 70, f"{KYOCERA}.42.3.1.2.1.1.2.1": 30}
    assert meters(read_of(table | fax))["total.mono"] == (mono, "impressions", "derived")


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
    flatbed = {SYS_DESCR: "HP x", f"{HP}.2.2.1.74.0": 1190}
    assert "scan" not in meters(read_of(flatbed))
    assert meters(read_of(flatbed | {f"{HP}.2.2.1.44.0": 10}))["scan"] == (1200, "scans", "derived")


KONICA = "1.3.6.1.4.1.18334.1.1.1.5.7.2"


@pytest.mark.parametrize(
    ("colorants", "counted", "prints"),
    [
        (1, {"2.1.5.1.2": 300}, 300),  # a mono machine need not count its colours
        (4, {"2.1.5.1.2": 300}, None),
        (4, {"2.1.5.1.2": 300, "2.1.5.2.2": 50}, 350),
        (1, {"2.1.5.1.2": 300, "2.1.5.2.2": 50}, 350),  # where it does, they count
    ],
)
def test_a_sum_lacks_nothing_on_a_machine_without_colours(read_of, colorants, counted, prints):
    table = {SYS_DESCR: "KONICA MINOLTA x", "1.3.6.1.2.1.43.10.2.1.6.1.1": colorants}
    assert read_of(table | {f"{KONICA}.{name}": count for name, count in counted.items()}).meter("print") == prints


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
    counted = Counted(Answers({}))
    for name in ("total.mono", "total.color"):
        assert counted.add(name, 2**63 - 1, "impressions", None, "vendor")
    assert not counted.add("total", 2**64 - 2, "impressions", None, "derived")
    assert counted.warnings == ["total is left out: no device counts that far"]


def test_of_hundreds_of_markers_some_are_listed(read_of):
    read = read_of({f"{LIFE}.1.{row}": 2**31 + row for row in range(1, 600)})
    assert len(read.evidence) == 15
    assert all(len(warning) < 1000 for warning in read.warnings)


RICOH = "1.3.6.1.4.1.367.3.2.1.2.19"
SAMSUNG = "1.3.6.1.4.1.236.11.5.11.53.11.2.1"
LEXMARK = "1.3.6.1.4.1.641.6.4.2.1.1"
SHARP = "1.3.6.1.4.1.2385.1.1.19.2.1.3"
CANON = "1.3.6.1.4.1.1602.1.11"


def typed(base, rows, key, value):
    """A table of counters: row -> (key, count)."""
    table = {}
    for row, (code, count) in rows.items():
        table |= {f"{base}.{key}.{row}": code, f"{base}.{value}.{row}": count}
    return table


@pytest.mark.parametrize("first", [1, 13, 62])
def test_a_row_is_known_by_its_type_wherever_it_stands(read_of, first):
    """Ricoh: the row of colour prints has been seen at 13, 21, 22 and 62."""
    codes = {10: 900, 400: 500, 401: 300, 403: 200, 200: 390, 300: 10, 870: 7, 871: 8, 999: 5}
    rows = {first + place: entry for place, entry in enumerate(codes.items())}
    read = read_of({SYS_DESCR: "RICOH MP C2503"} | typed(f"{RICOH}.5.1", rows, 2, 9))
    assert meters(read) == {
        "total": (900, "impressions", "vendor"),
        "print": (500, "impressions", "vendor"),
        "print.mono": (300, "impressions", "vendor"),
        "print.color": (200, "impressions", "vendor"),
        "print.color2": (200, "impressions", "vendor"),
        "copy": (390, "impressions", "vendor"),
        "fax": (10, "impressions", "vendor"),
        "scan": (15, "scans", "derived"),
    }
    assert read.warnings == ()


def test_rows_of_one_class_are_added_up_and_proved(read_of):
    """Samsung: several rows a job class. The sum is ours, so it is "derived", and every part is evidence."""
    rows = {1: (1, 20), 2: (1, 59300), 3: (2, 535), 4: (6, 33), 5: (5, 760)}
    read = read_of({SYS_DESCR: "Samsung M2070", f"{LIFE}.1.1": 60000, f"{UNIT}.1.1": 7} | typed(SAMSUNG, rows, 2, 7))
    assert meters(read)["print"] == (59320, "impressions", "derived")
    assert meters(read)["copy"] == (535, "impressions", "vendor")
    assert meters(read)["total"] == (60000, "impressions", "standard")
    assert [item.oid for item in read.evidence] == [f"{SAMSUNG}.7.1", f"{SAMSUNG}.7.2"]


def test_rows_that_contradict_each_other_are_no_meter(read_of):
    rows = {1: (10, 900), 2: (10, 901), 3: (400, 500), 4: (400, 500)}
    read = read_of({SYS_DESCR: "RICOH MP C2503"} | typed(f"{RICOH}.5.1", rows, 2, 9))
    assert meters(read) == {"print": (500, "impressions", "vendor")}
    assert "total is left out: its rows say 900, 901" in read.warnings


def test_a_sum_with_an_unreadable_row_is_none(read_of):
    rows = {1: (1, 20), 2: (1, b"NULL")}
    read = read_of({SYS_DESCR: "Samsung M2070"} | typed(SAMSUNG, rows, 2, 7))
    assert "print" not in meters(read)
    assert "print is left out: its rows say 20, no number" in read.warnings


def test_a_sum_of_all_its_codes_needs_them_all(read_of):
    """Canon: which codes exist is set by contract. Large alone is not the total of a colour."""
    read = read_of({SYS_DESCR: "Canon iR-ADV", f"{CANON}.1.3.1.4.101": 900, f"{CANON}.1.3.1.4.122": 70})
    assert meters(read) == {
        "total": (900, "impressions", "vendor"),
        "total.color.large": (70, "impressions", "vendor"),
    }


def test_a_row_is_known_by_its_label(read_of):
    rows = {1: ("Total 1", 900), 2: ("Total (Black/Large)", 30), 3: ("Total (Black/Small)", 470), 4: ("Total 2", 930)}
    read = read_of({SYS_DESCR: "Canon LBP712C"} | typed(f"{CANON}.2.1.1", rows, 2, 3))
    assert meters(read) == {
        "total": (900, "impressions", "vendor"),
        "total.mono": (500, "impressions", "derived"),
        "total.mono.large": (30, "impressions", "vendor"),
    }


def test_a_row_says_its_unit_and_sides_come_before_sheets(read_of):
    """Lexmark counts the same thing in rows of sides (4) and of sheets (5)."""
    table = {SYS_DESCR: "Lexmark CX725 version NH63"}
    for row, (code, unit, count) in enumerate([(2, 5, 600), (2, 4, 1000), (16, 4, 700), (32, 5, 90)], 1):
        table |= {f"{LEXMARK}.2.1.{row}": code, f"{LEXMARK}.3.1.{row}": unit, f"{LEXMARK}.4.1.{row}": count}
    assert meters(read_of(table)) == {
        "total": (1000, "impressions", "vendor"),
        "print": (700, "impressions", "vendor"),
        "copy": (90, "sheets", "vendor"),
    }


def test_a_number_inside_a_text_is_read_and_proved(read_of):
    """Zebra's odometer. A length is no total of pages."""
    read = read_of({SYS_DESCR: "Zebra Wired", "1.3.6.1.4.1.10642.200.17.3.0": "1920 INCHES, 4876 CENTIMETERS"})
    assert meters(read) == {"other": (1920, "inches", "vendor")}
    assert [item.type for item in read.evidence] == ["OCTET STRING"]


def test_each_meter_says_in_which_type_it_came(read_of):
    read = read_of({f"{LIFE}.1.1": (ber.COUNTER32, ber.signed(5)), f"{UNIT}.1.1": 7})
    assert [meter.type for meter in read.meters] == ["Counter32"]
    assert read_of({SYS_DESCR: "HP x", f"{HP}.4.1.2.5.0": 15232}).meters[0].type == "INTEGER"


def test_a_makers_total_of_zero_does_not_hide_the_life_count(read_of):
    table = {SYS_DESCR: "HP x", f"{HP}.4.1.2.5.0": 0, f"{LIFE}.1.1": 15232, f"{UNIT}.1.1": 7}
    read = read_of(table)
    assert meters(read) == {"total": (15232, "impressions", "standard")}
    assert any("the maker's total is 0" in warning for warning in read.warnings)


def test_totals_in_different_units_are_told_and_not_compared(read_of):
    table = {SYS_DESCR: "HP x", f"{HP}.4.1.2.5.0": 200, f"{LIFE}.1.1": 100, f"{UNIT}.1.1": 8}
    assert read_of(table | {f"{LIFE}.1.1": 200}).warnings == ()  # a wrong word for the same count
    read = read_of(table)
    assert meters(read)["total"] == (200, "impressions", "vendor")
    (warning,) = read.warnings
    assert "200 impressions" in warning
    assert "100 sheets" in warning
    assert "not compared" in warning


def test_a_doubtful_total_never_stands_before_the_life_count(read_of):
    """OKI: one source takes it for all pages, another for A4 alone."""
    oki = {SYS_DESCR: "OKI C711", "1.3.6.1.4.1.2001.1.1.1.1.100.1.1.1.3.1": 70}
    assert meters(read_of(oki)) == {"total": (70, "impressions", "vendor")}
    assert meters(read_of(oki | {f"{LIFE}.1.1": 99, f"{UNIT}.1.1": 7})) == {"total": (99, "impressions", "standard")}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"5": 100, "6": 60, "7": 40}, None),
        ({"5": 100, "6": 60, "7": 30}, "total.mono 60 + total.color 30 = 90, but total is 100 (-10)"),
        ({"5": 100, "6": 60, "7": 50}, "total.mono 60 + total.color 50 = 110, but total is 100 (+10)"),
        ({"5": 100, "6": 60}, None),
        ({"5": 10, "22": 40}, None),  # sheets beside sides are not compared
    ],
)
def test_counters_that_do_not_add_up_are_told_and_kept(read_of, said, complaint):
    read = read_of({SYS_DESCR: "HP x"} | {f"{HP}.4.1.2.{number}.0": count for number, count in said.items()})
    assert list(read.warnings) == ([complaint] if complaint else [])
    assert len(read.meters) == len(said)


@pytest.mark.parametrize(
    ("codes", "complaint"),
    [
        ({10: 900, 400: 500, 200: 390, 300: 10}, None),
        ({10: 900, 400: 500, 200: 300}, None),  # a function that is not told may account for the rest
        ({10: 900, 400: 500, 200: 401}, "print 500 + copy 401 = 901, but total is 900 (+1)"),
        ({10: 900, 400: 901}, "print 901, but total is 900 (+1)"),
        ({10: 9, 401: 4, 402: 1, 403: 2, 400: 8}, "print.mono 4 + print.color 3 = 7, but print is 8 (-1)"),
    ],
)
def test_functions_add_up_to_the_total(read_of, codes, complaint):
    read = read_of({SYS_DESCR: "RICOH MP"} | typed(f"{RICOH}.5.1", dict(enumerate(codes.items(), 1)), 2, 9))
    assert list(read.warnings) == ([complaint] if complaint else [])


def test_a_part_larger_than_its_whole_is_told(read_of):
    read = read_of({SYS_DESCR: "KYOCERA x", f"{KYOCERA}.43.10.1.1.12.1.1": 40, f"{KYOCERA}.42.2.5.1.1.2.1": 46})
    assert list(read.warnings) == ["total.duplex 46, but total is 40 (+6)"]


def test_paper_sizes_are_known_by_name(read_of):
    """Kyocera: row 1 is A4 on one model and A3 on the next."""
    rows = {"1.1": ("A4", 700), "1.2": ("A3", 40), "1.3": ("Ledger", 2), "1.4": ("Letter", 5)}
    read = read_of({SYS_DESCR: "KYOCERA x"} | typed(f"{KYOCERA}.42.2.1.1.1", rows, 2, 6))
    assert meters(read) == {"total.large": (42, "impressions", "derived")}


XEROX = "1.3.6.1.4.1.253.8.53.13.2.1.6"


def test_a_meter_of_several_objects_needs_them_all_and_is_proved_by_each(read_of):
    """Xerox counts scans that were mailed and scans that were stored."""
    mailed = {SYS_DESCR: "Xerox AltaLink C8045", f"{XEROX}.10.20.11": 40}
    assert "scan" not in meters(read_of(mailed))
    read = read_of(mailed | {f"{XEROX}.10.20.12": 2})
    assert meters(read)["scan"] == (42, "scans", "derived")
    assert [item.oid for item in read.evidence] == [f"{XEROX}.10.20.11", f"{XEROX}.10.20.12"]
