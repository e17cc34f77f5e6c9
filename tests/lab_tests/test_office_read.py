"""The agent reads the whole office: two codecs, and two readings of the makers' facts, that were not copied
from each other come to the same result."""

from datetime import UTC, datetime

import pytest

from flexprint_agent.read.printers import read_printers
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from lab.office import office
from lab.site import Lab

OFFICE = office()
PRINTERS = [one for one in OFFICE if one.truth]


@pytest.fixture(scope="module")
def readings():
    """What the agent made of each device, and what the devices saw of the agent."""
    with Lab(OFFICE) as lab:
        endpoints = [(Endpoint(one.address, lab.port), None) for one in OFFICE]
        exchange = Exchange(Limits(timeout=0.5))
        found = {
            reading.endpoint.address: reading
            for reading in read_printers(exchange, endpoints, lambda: datetime.now(UTC))
        }
        yield found, lab.report(), exchange


@pytest.mark.parametrize("device", PRINTERS, ids=lambda device: f"{device.truth.maker} {device.truth.model}")
def test_a_printer_is_read_as_it_is(device, readings):
    truth, read = device.truth, readings[0][device.address].read
    assert read is not None, readings[0][device.address].error
    identity = read.identity
    assert (identity.manufacturer, identity.model, identity.serial) == (truth.maker, truth.model, truth.serial)
    assert (identity.name, identity.location, identity.contact) == (truth.name, truth.location, truth.contact)
    assert (identity.asset, truth.mac in identity.macs) == (truth.asset, True)
    assert (read.meter("total"), read.color) == (truth.total, truth.color)
    assert {
        meter.name: meter.value for meter in read.meters if meter.name in truth.meters
    }.items() <= truth.meters.items()
    assert set(read.status.errors) == set(truth.errors)
    supplies = [(supply.name, supply.color, supply.percent) for supply in read.supplies]
    assert supplies == [(supply.name, supply.color, supply.percent) for supply in truth.supplies]
    if truth.total is not None:
        assert list(read.status.console) == [line for line in truth.console if line]


@pytest.mark.parametrize("device", [one for one in OFFICE if not one.truth], ids=lambda device: device.kind)
def test_what_is_no_printer_is_taken_for_none(device, readings):
    reading = readings[0][device.address]
    assert (reading.answered, reading.printer, reading.read) == (True, False, None)


def test_nothing_is_ever_set(readings):
    assert readings[1]["set"] == 0


def test_both_sides_count_the_same_packets_and_octets(readings):
    _, seen, exchange = readings
    assert (seen["requests"], seen["octets_in"]) == (exchange.packets_sent, exchange.octets_sent)
    assert seen["malformed"] == 0
