"""Supplies: special levels stay words, a percentage is one or is not given, waste is told as fullness."""

import pytest

from flexprint_agent.read import tables, words
from flexprint_agent.read.objects import Answers
from flexprint_agent.read.supplies import supplies
from flexprint_server.fleet.summary import left

from .conftest import values_of

SUPPLY = "1.3.6.1.2.1.43.11.1.1"
COLORANT = "1.3.6.1.2.1.43.12.1.1.4"
PROCESS_COLORANTS = "1.3.6.1.2.1.43.10.2.1.6"


def row(index="1.1", **facts):
    columns = {"marker": 2, "colorant": 3, "class_": 4, "type_": 5, "name": 6, "unit": 7, "capacity": 8, "level": 9}
    return {f"{SUPPLY}.{columns[fact]}.{index}": given for fact, given in facts.items()}


CONSUMED, FILLED = {"class_": 3, "type_": 3}, {"class_": 4, "type_": 4}


@pytest.mark.parametrize(
    ("facts", "percent", "state"),
    [
        (CONSUMED | {"level": 7056, "capacity": 7200, "unit": 7}, 98, "ok"),
        (CONSUMED | {"level": 100, "capacity": 100, "unit": 19}, 100, "ok"),
        (CONSUMED | {"level": 10, "capacity": 100}, 10, "low"),
        (CONSUMED | {"level": 11, "capacity": 100}, 11, "ok"),
        (CONSUMED | {"level": 0, "capacity": 100}, 0, "empty"),
        (CONSUMED | {"level": 1, "capacity": 25000}, 0, "low"),  # rounds to 0, and is not empty
        (CONSUMED | {"level": 17208, "capacity": 25000}, 69, "ok"),
        (CONSUMED | {"level": 40, "capacity": -2, "unit": 19}, 40, "ok"),  # the level is the percentage
        (CONSUMED | {"level": 0, "capacity": -2, "unit": 19}, 0, "empty"),
        (CONSUMED | {"level": 0, "capacity": 0, "unit": 19}, None, "unknown"),  # a foreign cartridge
        (CONSUMED | {"level": 140, "capacity": -2, "unit": 19}, None, "some"),
        (CONSUMED | {"level": 143065, "capacity": 100, "unit": 19}, None, "unknown"),  # above its capacity
        (CONSUMED | {"level": 9, "capacity": -2, "unit": 7}, None, "some"),
        (CONSUMED | {"level": 9, "capacity": 0, "unit": 7}, None, "some"),  # a foreign cartridge: no division
        (CONSUMED | {"level": 0, "capacity": -2}, None, "unknown"),  # a flag on old devices
        (CONSUMED | {"level": -1, "capacity": 100}, None, "unlimited"),
        (CONSUMED | {"level": -2, "capacity": 100}, None, "unknown"),
        (CONSUMED | {"level": -3, "capacity": -2}, None, "some"),
        (CONSUMED | {"level": -3, "capacity": 100}, None, "some"),  # never 100, 50 or 0 percent
        (CONSUMED | {"level": -61, "capacity": 100}, None, "unknown"),
        (CONSUMED | {"capacity": 100}, None, "unknown"),
        (CONSUMED | {"level": 50}, None, "some"),
        (CONSUMED | {"level": b"NULL", "capacity": 100}, None, "unknown"),
        # prtMarkerSuppliesLevel of a receptacle is the space left: 100 of 100 is an empty waste box
        (FILLED | {"level": 100, "capacity": 100}, 0, "ok"),
        (FILLED | {"level": 5, "capacity": 100}, 95, "low"),
        (FILLED | {"level": 0, "capacity": 100}, 100, "low"),
        (FILLED | {"level": -3, "capacity": -2}, None, "some"),
        (FILLED | {"level": 0, "capacity": -2, "unit": 19}, None, "unknown"),  # constant 0 while printing goes on
        (FILLED | {"level": 100, "capacity": -2, "unit": 19}, None, "unknown"),
        ({"type_": 4, "level": 20, "capacity": 100}, 80, "ok"),  # no class: known by its type
        ({"name": "Waste Toner Bottle", "level": 15000, "capacity": 25000}, 40, "ok"),  # or by its name
        # A class that contradicts the type: the level is what is left either way, and the kind says how that is told.
        ({"class_": 3, "type_": 4, "level": 20, "capacity": 100}, 80, "ok"),
        ({"class_": 3, "type_": 4, "level": 0, "capacity": 100}, 100, "low"),
        ({"class_": 4, "type_": 3, "level": 20, "capacity": 100}, 20, "ok"),
        ({"class_": 4, "type_": 1, "level": 5, "capacity": 100}, 5, "low"),
    ],
)
def test_a_level_becomes_a_percentage_only_where_it_is_one(read_of, facts, percent, state):
    (supply,) = read_of(row(**facts)).supplies
    assert (supply.percent, supply.state) == (percent, state)
    assert supply.level == (facts.get("level") if isinstance(facts.get("level"), int) else None)
    assert supply.capacity == facts.get("capacity")


def test_a_supply_is_put_together_by_index_not_by_order(read_of):
    """Columns have holes; rows start where they like, at 0 too, and under another device than 1."""
    table = row("3.0", name="Black Toner", level=50, capacity=100) | row("3.7", name="Drum Unit", type_=9, level=-3)
    read = read_of(table | row("3.4", level=20))
    assert [(supply.index, supply.name, supply.level) for supply in read.supplies] == [
        ("3.0", "Black Toner", 50),
        ("3.4", "", 20),
        ("3.7", "Drum Unit", -3),
    ]


def test_columns_with_one_index_only_are_read(read_of):
    """Pantum leaves hrDeviceIndex out."""
    (supply,) = read_of(row("1", name="Black Toner", type_=3, level=80, capacity=100)).supplies
    assert (supply.index, supply.percent, supply.kind) == ("1", 80, "toner")


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("Black Cartridge HP CF410A", "black"),
        ("Toner preto", "black"),
        ("Tonerkartusche Schwarz", "black"),
        ("Photo Drum:Cyan", "cyan"),
        ("Cartouche jaune", "yellow"),
        ("洋紅色碳粉", "magenta"),
        ("黃色碳粉", "yellow"),
        ("Голубой тонер", "cyan"),
        ("Photo Black Ink", "photo black"),
        ("Light Cyan", "light cyan"),
        ("BK", "black"),
        ("Bk Toner", "black"),
        ("Toner Cartridge (K)", "black"),
        ("Ink [LC]", "light cyan"),
        ("Drum Cartridge (R1)", None),
        ("Waste Toner Container [R5]", None),
        ("TONER", None),
        ("Fuser", None),
        ("Sorter", None),  # "sort" is black in Danish, but only as a word
        ("Reduced", None),
        ("other", None),
        ("unknown", None),
    ],
)
def test_a_colour_is_read_from_a_name_in_many_languages(name, colour):
    assert words.colour_in(name) == colour


def test_the_colorant_table_says_the_colour_before_the_name_does(read_of):
    """Kyocera names its toner TK-1162; the colorant row says black. "other" says nothing."""
    table = row("1.1", name="TK-1162", colorant=2, type_=3) | row("1.2", name="Cyan", colorant=1)
    read = read_of(table | {f"{COLORANT}.1.1": "other", f"{COLORANT}.1.2": b"black\0"})
    assert [supply.color for supply in read.supplies] == ["black", "cyan"]


def test_part_numbers_that_differ_in_their_last_letter_are_colours(read_of):
    """CK-8512C, M, Y and K; a single TK-1170K proves nothing."""
    names = ["CK-8512C", "CK-8512M", "CK-8512Y", "CK-8512K", "WT-8500C"]
    table = {}
    for number, name in enumerate(names, 1):
        table |= row(f"1.{number}", name=name)
    colours = [supply.color for supply in read_of(table).supplies]
    assert colours == ["cyan", "magenta", "yellow", "black", None]


@pytest.mark.parametrize("form", ["Toner {}", "Toner-{}", "{} Toner", "Drum_{}", "Unit {} (starter)", "CLT-{}404S 1"])
def test_names_that_differ_in_a_letter_alone_are_colours(form):
    told = words.colours_by_letter([form.format(letter) for letter in "KCMY"] + ["Toner X"])
    assert told == {
        form.format(letter): colour
        for letter, colour in zip("KCMY", ["black", "cyan", "magenta", "yellow"], strict=True)
    }


def test_two_names_that_differ_in_a_letter_say_no_colour():
    assert words.colours_by_letter(["Tray C", "Tray M", "Tray D"]) == {}


def test_levels_that_are_written_out_are_levels(read_of):
    """Some agents send every number as text."""
    (supply,) = read_of(row(name="Black", type_=b"3", level=b"45\0", capacity=b"100", unit=b"19")).supplies
    assert (supply.kind, supply.level, supply.percent, supply.unit) == ("toner", 45, 45, "percent")
    (supply,) = read_of(row(name="Black", type_=3, level=b"-3", capacity=b"-2")).supplies
    assert (supply.state, supply.percent) == ("some", None)


@pytest.mark.parametrize(
    ("table", "colour"),
    [
        ({f"{COLORANT}.1.1": "black"}, False),
        ({f"{COLORANT}.1.1": "black", f"{COLORANT}.1.2": "cyan"}, True),
        ({f"{PROCESS_COLORANTS}.1.1": 1}, False),
        ({f"{PROCESS_COLORANTS}.1.1": 4}, True),
        (row(type_=3, name="Toner"), False),  # one toner alone can only be black
        (row(type_=3, name="Black Toner") | row("1.2", type_=3, name="Black Toner"), False),
        (row(type_=3, name="Toner 1") | row("1.2", type_=3, name="Toner 2"), None),
        (row(type_=5, name="Tri-color ink"), True),
        (row(type_=9, name="Cyan Drum"), True),
        # Black stands in row 4 on Konica and in row 1 on HP: the order says nothing.
        (row(type_=3, name="Cyan") | row("1.4", type_=3, name="Black"), True),
        (row(type_=6) | row("1.2", marker=1), None),  # a supply that says nothing may be anything
        ({}, None),
    ],
)
def test_colour_or_mono_is_told_only_where_something_tells(read_of, table, colour):
    assert read_of(table).color is colour


def test_kinds_are_the_words_of_the_mib(read_of):
    read = read_of(row("1.1", type_=20) | row("1.2", type_=21) | row("1.3", type_=77) | row("1.4", name="Fusing Unit"))
    assert [supply.kind for supply in read.supplies] == ["transferUnit", "tonerCartridge", "unknown", "fuser"]


@pytest.mark.parametrize(
    ("name", "part", "serial"),
    [
        ("Black Toner, PN 006R01509;SN48178080E0000481", "006R01509", "48178080E0000481"),
        ("Waste Toner Container, PN 008R13061;SNunknown", "008R13061", None),
        ("Fuser, PN unknown;SNunknown", None, None),
        ("Black Toner S/N:CRUM-210729A5BB3", None, "CRUM-210729A5BB3"),
        ("Black Cartridge HP CF410A", "CF410A", None),
        ("Maintenance Kit HP L0H25A", "L0H25A", None),
        ("Toner Cartridge P/N 106R01443", "106R01443", None),
        ("TK-1162", "TK-1162", None),
        ("Maintenance Cartridge T6716", "T6716", None),
        ("Toner (Black)", None, None),
        ("Drum Unit", None, None),
    ],
)
def test_part_and_serial_numbers_are_found_in_names(read_of, name, part, serial):
    (supply,) = read_of(row(name=name)).supplies
    assert (supply.name, supply.part, supply.serial) == (name, part, serial)


def test_a_supply_told_twice_is_remarked_upon(read_of):
    """HL-5370DW: two rows "Black Toner Cartridge"; a DesignJet tells part 1 and part 2."""
    table = row("1.1", name="Black Toner Cartridge", level=9) | row("1.2", name="Black Toner Cartridge", level=9)
    read = read_of(table | row("1.3", name="Drum Unit", level=9))
    assert len(read.supplies) == 3
    assert (
        "supplies 1.1, 1.2 are all called Black Toner Cartridge: one told twice, or several of a kind" in read.warnings
    )


def test_a_row_that_says_nothing_is_remarked_upon(read_of):
    read = read_of(row("1.1", name="Toner", level=9) | row("1.7", level=-2, capacity=-2))
    assert "supplies without a name, a kind and a level: 1.7" in read.warnings


def test_a_level_above_its_capacity_is_remarked_upon(read_of):
    read = read_of(row(name="Transfer Roller", level=143065, capacity=100, unit=19))
    assert "supplies above their capacity, so that no percentage is told: 1.1 (143065 of 100)" in read.warnings


@pytest.mark.parametrize(
    ("facts", "kind", "percent"),
    [
        ({"class_": 4, "type_": 1, "name": "Waste Toner Bottle"}, "wasteToner", 95),
        ({"type_": 2, "name": "Resttonerbehälter"}, "wasteToner", 95),
        ({"class_": 3, "type_": 1, "name": "Waste Toner Bottle"}, "other", 5),  # consumed, it says
        ({"class_": 4, "type_": 1, "name": "Punch Kit"}, "other", 5),
    ],
)
def test_a_waste_container_of_type_other_is_known_by_its_name(read_of, facts, kind, percent):
    (supply,) = read_of(row(level=5, capacity=100, **facts)).supplies
    assert (supply.kind, supply.percent, supply.state) == (kind, percent, "low")


@pytest.mark.parametrize(("fills", "percent", "state"), [(False, 95, "low"), (True, 5, "ok")])
def test_a_maker_that_tells_how_full_its_waste_box_is_is_understood(fills, percent, state):
    """RFC 3805 wants the space left; a table names the models that tell the other."""
    answers = Answers(values_of(row(**FILLED, level=5, capacity=100)))
    (supply,) = supplies(answers, None, {}, waste_fills=fills)
    assert (supply.percent, supply.state) == (percent, state)


def test_models_with_such_waste_boxes_are_named_in_a_table():
    vendor = tables.parse("x.toml", "[waste]\nfills = ['^acme 9']")
    assert tables.waste_fills((vendor,), "ACME 900")
    assert not tables.waste_fills((vendor,), "ACME 800")


@pytest.mark.parametrize("class_", [1, 3, 4])
@pytest.mark.parametrize("type_", [1, 3, 4, 8, 9])
@pytest.mark.parametrize("level", [0, 5, 60, 100])
def test_the_collector_finds_as_much_left_as_the_device_said(read_of, class_, type_, level):
    """Whatever class and type a device combines: its level is what is left, and so is what "lowest supply" shows."""
    (supply,) = read_of(row("1.1", class_=class_, type_=type_, level=level, capacity=100)).supplies
    assert left(supply.as_json()) == level
