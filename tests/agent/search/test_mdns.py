"""Printers that announce themselves: what an announcement says, whom it may lead to, and that rubbish does no harm."""

import json
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from flexprint_agent.search.mdns import MOST_PACKETS, QUERIES, QUERY_OCTETS, Announced, local_address, told
from lab.network import Network, To, environment, unavailable

HERE = [ip_network("10.77.1.0/24"), ip_network("192.168.5.0/24")]
TESTS = Path(__file__).resolve().parents[2]
GROUP = To("224.0.0.251", "udp", 5353)

# Browses from an address and prints what was announced, and what was sent.
BROWSER = """
import dataclasses, json, sys
from flexprint_agent.search.mdns import Browsing
browsing = Browsing(sys.argv[1:])
found = [dataclasses.astuple(one) for one in browsing if one is not None]
print(json.dumps({"found": found, "sent": [browsing.packets, browsing.octets], "failure": browsing.failure}))
"""


@pytest.mark.parametrize(
    ("properties", "model", "location"),
    [
        ({b"ty": b"Acme 9000", b"product": b"(Acme 9000 PS)", b"note": b"2nd floor"}, "Acme 9000", "2nd floor"),
        ({b"product": b"(Acme 9000 PS)"}, "Acme 9000 PS", None),
        ({b"usb_MDL": b"Acme 9000"}, "Acme 9000", None),
        ({b"ty": b"", b"note": None}, None, None),
        ({}, None, None),
        ({b"ty": b"Acme\x1b[2J\xff \xe2\x80\xae9000"}, "Acme [2J\ufffd 9000", None),
    ],
)
def test_an_announcement_says_what_it_is_and_where_it_stands(properties, model, location):
    assert told(["10.77.1.21", "10.77.1.21"], properties) == Announced(("10.77.1.21",), model, location)


@pytest.mark.parametrize(
    ("addresses", "asked"),
    [
        (["10.77.1.21"], "10.77.1.21"),
        (["fe80::21", "2001:db8::21", "192.168.5.9"], "192.168.5.9"),
        (["8.8.8.8", "10.77.1.21"], "10.77.1.21"),
        (["8.8.8.8"], None),
        (["10.77.2.21"], None),
        (["10.77.1.0"], None),
        (["10.77.1.255"], None),
        (["0.0.0.0"], None),
        (["fe80::21"], None),
        (["rubbish"], None),
        ([], None),
    ],
)
def test_only_addresses_of_the_local_networks_are_believed(addresses, asked):
    assert local_address(Announced(tuple(addresses), None, None), HERE) == asked


@pytest.fixture
def lan():
    with Network() as network:
        network.lan("a")
        here, there = network.host("here"), network.host("there")
        network.plug(here, "eth0", "a", "10.77.1.50/24", "fe80::50/64")
        network.plug(there, "eth0", "a", "10.77.1.21/24", "10.77.1.66/24", "fe80::21/64")
        yield here, there


def announce(host, tmp_path, *words):
    command = (sys.executable, "-m", "lab.announcer", *words)
    host.start(*command, log=tmp_path / "log", port=5353, env=environment({"PYTHONPATH": str(TESTS)}))


def browse(host):
    done = host.run(sys.executable, "-c", BROWSER, "10.77.1.50")
    return json.loads(done.stdout), done.stderr


@pytest.mark.system
@pytest.mark.skipif(bool(unavailable()), reason=str(unavailable()))
def test_a_printer_that_announces_itself_is_found_with_two_packets(lan, tmp_path):
    here, there = lan
    announce(there, tmp_path, "10.77.1.21", "10.99.9.9")
    said, complaints = browse(here)
    assert said["found"] == [[["10.77.1.21", "10.99.9.9"], "Acme 9000", "2nd floor"]]
    assert here.sent() == {GROUP: QUERIES}
    assert (said["sent"][0], said["failure"], complaints) == (QUERIES, None, "")
    assert not [to for to in here.received() if to.port == 5353]


@pytest.mark.system
@pytest.mark.skipif(bool(unavailable()), reason=str(unavailable()))
def test_where_nobody_answers_what_is_sent_is_what_the_plan_says(lan):
    said, _ = browse(lan[0])
    assert said == {"found": [], "sent": [QUERIES, QUERIES * QUERY_OCTETS], "failure": None}


@pytest.mark.system
@pytest.mark.skipif(bool(unavailable()), reason=str(unavailable()))
def test_rubbish_does_no_harm(lan, tmp_path):
    """Noise, damage, circles, a flood: printers of good faith are found all the same, within the same time."""
    here, there = lan
    announce(there, tmp_path, "--hostile", "10.77.1.66")
    announce(there, tmp_path, "10.77.1.21")
    said, complaints = browse(here)
    addresses = [tuple(one[0]) for one in said["found"]]
    assert ("10.77.1.21",) in addresses
    assert ("10.77.1.250",) in addresses
    assert complaints == ""
    assert said["sent"][0] == here.sent()[GROUP] <= MOST_PACKETS
