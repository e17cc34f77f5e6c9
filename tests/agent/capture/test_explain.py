"""Which table applies to a capture, and why; and that no file, however hostile, brings the explaining down."""

from datetime import UTC, datetime
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexprint_agent.capture.explain import document, explain
from flexprint_agent.capture.recording import Recording, parse
from flexprint_agent.read import form, tables
from flexprint_agent.read.printers import read_printers
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from lab import office
from lab.site import Lab

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SYSTEM = "1.3.6.1.2.1.1"
PRINTER = "1.3.6.1.2.1.43.10.2.1.4.1.1|65|7432\n"


def why(*lines):
    found = explain(parse(("\n".join(lines) + "\n" + PRINTER).encode()), MONDAY)
    return {one.file: list(one.why) for one in found.tables}


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        (
            [f"{SYSTEM}.2.0|6|1.3.6.1.4.1.1347.41"],
            {
                "kyocera.toml": [
                    "nothing names a maker, and its sysObjectID is Kyocera's",
                    "its sysObjectID 1.3.6.1.4.1.1347.41 is under 1.3.6.1.4.1.1347",
                ]
            },
        ),
        (
            [f"{SYSTEM}.1.0|4|KYOCERA Document Solutions Printing System"],
            {
                "kyocera.toml": [
                    "its sysDescr begins with a name of Kyocera: 'KYOCERA Document Solutions Printing System'"
                ]
            },
        ),
        (
            ["1.3.6.1.2.1.25.3.2.1.3.1|4|ECOSYS P2040dw"],
            {"kyocera.toml": ["its hrDeviceDescr begins with a product line of Kyocera: 'ECOSYS P2040dw'"]},
        ),
        (
            ["1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1|4|MFG:Kyocera;MDL:ECOSYS P2040dw;CLS:PRINTER;"],
            {"kyocera.toml": ["its IEEE 1284 id begins with a name of Kyocera: 'Kyocera'"]},
        ),
        ([f"{SYSTEM}.1.0|4|Some printer"], {}),
    ],
    ids=["sysObjectID", "sysDescr", "product line", "1284 id", "none"],
)
def test_a_table_applies_for_a_reason_that_is_told(lines, reasons):
    assert why(*lines) == reasons


def test_a_capture_is_read_as_the_printer_itself_is():
    """The same meters and supplies as over the network, for each printer of the office that answers as it should."""
    printers = [one for one in office.office() if one.machine and not one.quirks.as_json()]
    with Lab(printers) as lab:
        endpoints = [(Endpoint(one.address, lab.port), None) for one in printers]
        exchange = Exchange(Limits(timeout=5.0, retries=2))
        by_network = {one.endpoint.address: one.read for one in read_printers(exchange, endpoints, lambda: MONDAY)}
    for one in printers:
        values = {ber.oid(row.oid): (row.tag, row.content) for row in one.rows}
        read, real = explain(Recording(values), MONDAY).found.read, by_network[one.address]
        assert real is not None
        assert (read.meters, read.supplies, read.identity) == (real.meters, real.supplies, real.identity)


HOSTILE = st.one_of(
    st.tuples(st.just(ber.INTEGER), st.integers(-(2**31), 2**31 - 1).map(ber.signed)),
    st.tuples(st.just(ber.COUNTER64), st.integers(0, 2**64 - 1).map(ber.signed)),
    st.tuples(st.just(ber.OCTET_STRING), st.binary(max_size=30)),
    st.tuples(st.sampled_from([ber.OBJECT_ID, ber.IP_ADDRESS, ber.TIMETICKS]), st.binary(max_size=6)),
)
NAMES = st.sampled_from(
    [
        *(f"{SYSTEM}.{row}.0" for row in range(1, 7)),
        *(f"1.3.6.1.2.1.43.{column}.1.1" for column in ("5.1.1.17", "10.2.1.4", "10.2.1.3", "11.1.1.6", "11.1.1.9")),
        *(f"1.3.6.1.4.1.1347.{row}" for row in ("43.10.1.1.12.1.1", "42.2.5.1.1.2.1", "42.2.5.1.1.1.1", "9.1.0")),
        *(f"1.3.6.1.4.1.54321.1.{column}.{row}" for column in (2, 3) for row in (1, 2)),
        "1.3.6.1.4.1",
        "1.3",
    ]
)


@settings(deadline=None)
@given(st.dictionaries(NAMES.map(ber.oid), HOSTILE, max_size=15))
def test_a_hostile_capture_is_explained_without_a_crash(values):
    recording = Recording(values)
    told = document("file", recording, explain(recording, MONDAY))
    assert told["values"] == len(values)


BASE = 'trees = ["1.3.6.1.4.1.63999"]\n[makers]\nNordwind = ["nordwind"]\n'
ROW = '[[meter]]\nname = "total"\noid = "1.3.6.1.4.1.63999.1.0"\nunit = "impressions"\nsource = "x"\nchecked = "P40"\n'


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("trees = []\na = }", "at line 2"),
        (BASE + "colour = 1\n", ""),
        ("serials = 1\n" + BASE, "nothing is known by the name of serials"),
        (BASE + ROW.replace("oid", "old"), "oid"),
        (BASE + ROW + 'note = "x"\n', "[[meter]] number 1 has no note"),
        (BASE + ROW.replace('"total"', '"pages"'), "'pages' is no meter"),
        (BASE + ROW.replace("impressions", "pages"), "'pages' is no unit"),
        (BASE + "[printers]\nsysDescr = []\n", "[printers] has no sysDescr"),
        (BASE + ROW.replace("63999.1.0", "1347.47.1"), "cannot be in a table"),
        (BASE + '[[derived]]\nname = "scans"\nsum = ["scan.adf"]\n', "'scans' is no meter"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(table, fault):
    with pytest.raises(tables.BadTable) as refused:
        form.check("nordwind.toml", table)
    assert str(refused.value).startswith("nordwind.toml: ")
    assert fault in str(refused.value)


def test_every_installed_table_has_that_form():
    for vendor in tables.vendors():
        text = resources.files(tables.__package__).joinpath("vendors", vendor.file).read_text("utf-8")
        assert form.check(vendor.file, text).file == vendor.file
