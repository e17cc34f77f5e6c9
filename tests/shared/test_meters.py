"""The closed vocabulary of meters."""

import re
from pathlib import Path

import pytest

import flexprint_agent.read
from flexprint_shared import meters


def test_every_name_has_the_form_of_a_meter():
    """function[.colour][.size|.sides], lower case, and no name twice."""
    assert len(set(meters.METER_NAMES)) == len(meters.METER_NAMES)
    for name in meters.METER_NAMES:
        assert re.fullmatch(r"[a-z]+(\.[a-z]+[123]?)?(\.(large|duplex))?", name), name
        assert name.split(".")[0] in meters.FUNCTIONS


@pytest.mark.parametrize("name", ["total", "total.mono", "print.color", "copy.mono.large", "fax.sent", "total.duplex"])
def test_the_names_people_bill_by_are_there(name):
    assert meters.is_meter_name(name)


def test_what_a_spooler_counted_has_a_name_that_no_device_meter_has():
    """Sums, differences and bills go by names, so the two can never be mixed."""
    assert meters.is_meter_name(meters.SPOOLER)
    assert meters.position(meters.SPOOLER) == len(meters.METER_NAMES) - 1
    vendors = Path(flexprint_agent.read.__file__).parent / "vendors"
    assert not [path.name for path in vendors.glob("*.toml") if meters.SPOOLER in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", ["", "Total", "total.", "pages", "total.large.mono", "total.mono.large.duplex"])
def test_other_names_are_none(name):
    assert not meters.is_meter_name(name)
    with pytest.raises(KeyError):
        meters.position(name)


def test_lists_begin_with_the_totals():
    assert sorted(["scan", "total.color", "copy", "total"], key=meters.position) == [
        "total",
        "total.color",
        "copy",
        "scan",
    ]


def test_headings_read_as_words():
    assert meters.title("copy.mono.large") == "Copy mono large"
