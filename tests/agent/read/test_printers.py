"""Many printers over a real socket, and the probe object that people and scripts are shown."""

from datetime import UTC, datetime

import pytest

from flexprint_agent.read.printers import identify_devices, probe_object, read_printers
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from lab.device import Quirks
from lab.office import Placed, office
from lab.recording import Row
from lab.site import Lab

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
QUICK = Limits(timeout=0.2, retries=0)
MIB = "1.3.6.1.2.1"


def placed(address, serial, total):
    rows = [
        Row(f"{MIB}.1.1.0", ber.OCTET_STRING, b"SHARP MX-3100N"),
        Row(f"{MIB}.1.2.0", ber.OBJECT_ID, ber.oid("1.3.6.1.4.1.2385.3.1.63.1.6")),
        Row(f"{MIB}.1.3.0", ber.TIMETICKS, ber.signed(8640000)),
        Row(f"{MIB}.2.2.1.6.1", ber.OCTET_STRING, bytes.fromhex("a0dde5fcf2ec")),
        Row(f"{MIB}.43.5.1.1.17.1", ber.OCTET_STRING, serial),
        Row(f"{MIB}.43.10.2.1.3.1.1", ber.INTEGER, b"\x07"),
        Row(f"{MIB}.43.10.2.1.4.1.1", ber.COUNTER32, ber.signed(total)),
        Row(f"{MIB}.43.11.1.1.6.1.1", ber.OCTET_STRING, b"Black Toner"),
        Row(f"{MIB}.43.11.1.1.8.1.1", ber.INTEGER, ber.signed(100)),
        Row(f"{MIB}.43.11.1.1.9.1.1", ber.INTEGER, ber.signed(42)),
    ]
    return Placed(address, rows, Quirks())


@pytest.fixture
def site():
    camera = Placed("127.21.7.9", [Row(f"{MIB}.1.1.0", ber.OCTET_STRING, b"Network Camera")], Quirks(), kind="camera")
    devices = [placed(f"127.21.7.{host}", b"15117966%02d" % host, 1000 + host) for host in (1, 2, 3)]
    with Lab([*devices, camera]) as lab:
        yield lab


def probed(site, address, target=None):
    """The probe object of one device, read for the first time."""
    (reading,) = read_printers(Exchange(QUICK), [(Endpoint(address, site.port), None)], lambda: NOW)
    return probe_object(reading, target or address, NOW)


def test_a_printer_is_probed_as_the_contract_says(site):
    facts = probed(site, "127.21.7.1", "copier-1")
    assert facts.keys() >= {
        "target", "address", "port", "answered", "printer", "read_at", "uptime_s", "seconds", "packets", "identity", "color",
        "meters", "supplies", "status", "alerts", "warnings", "error",
    }  # fmt: skip
    assert (facts["target"], facts["answered"], facts["printer"], facts["error"]) == ("copier-1", True, True, None)
    assert facts["identity"]["serial"] == "1511796601"
    assert facts["meters"] == [
        {
            "name": "total",
            "value": 1001,
            "unit": "impressions",
            "oid": f"{MIB}.43.10.2.1.4.1.1",
            "source": "standard",
            "type": "Counter32",
        }
    ]
    assert facts["supplies"][0]["percent"] == 42
    assert 0 < facts["packets"] <= 8


def test_what_is_no_printer_is_said_to_have_answered(site):
    facts = probed(site, "127.21.7.9")
    assert (facts["answered"], facts["printer"], facts["error"], "meters" in facts) == (True, False, None, False)
    assert "no printer table" in facts["reason"]


def test_a_silent_address_gives_an_error_and_no_read(site):
    """Never an old read again, and never a zero."""
    facts = probed(site, "127.21.7.200")
    assert (facts["answered"], facts["printer"], "meters" in facts) == (False, False, False)
    assert facts["error"].startswith(f"no answer to SNMP v2c, v1 at 127.21.7.200:{site.port}")


def test_many_are_read_at_once_and_again_with_what_was_remembered(site):
    exchange = Exchange(QUICK)
    endpoints = [Endpoint(f"127.21.7.{host}", site.port) for host in (1, 2, 3, 200)]
    first = {
        reading.endpoint.address: reading
        for reading in read_printers(exchange, [(one, None) for one in endpoints], lambda: NOW)
    }
    assert [first[one.address].read is not None for one in endpoints] == [True, True, True, False]
    known = [(one, first[one.address].layout) for one in endpoints[:3]]
    for reading in read_printers(exchange, known, lambda: NOW):
        before = first[reading.endpoint.address]
        assert reading.read.without_conversation().meters == before.read.meters
        assert reading.packets == 2
        assert before.packets > reading.packets


def test_a_search_learns_who_answered(site):
    endpoints = [Endpoint(f"127.21.7.{host}", site.port) for host in (1, 9)]
    found = {outcome.endpoint.address: outcome.result for outcome in identify_devices(Exchange(QUICK), endpoints)}
    assert (found["127.21.7.1"].printer, found["127.21.7.1"].identity.serial) == (True, "1511796601")
    assert not found["127.21.7.9"].printer


@pytest.mark.parametrize("machine", [one for one in office() if one.truth], ids=lambda one: one.truth.model)
def test_every_printer_of_the_simulated_office_is_read_as_it_is(machine, rows_device):
    """Maker, serial, address, total, colour, errors and levels of some fifty machines of fifteen makers."""
    truth = machine.truth
    read = rows_device(machine.rows).read().read
    assert (read.identity.manufacturer, read.identity.serial) == (truth.maker, truth.serial)
    assert truth.mac in read.identity.macs
    assert (read.meter("total"), read.color) == (truth.total, truth.color)
    assert set(read.status.errors) == set(truth.errors)
    for meter in read.meters:
        assert truth.meters.get(meter.name, meter.value) == meter.value, meter
    assert [supply.percent for supply in read.supplies] == [supply.percent for supply in truth.supplies]


@pytest.mark.parametrize("thing", [one for one in office() if not one.truth], ids=lambda one: one.kind)
def test_everything_else_of_the_simulated_office_is_refused(thing, rows_device):
    assert not rows_device(thing.rows).read().printer
