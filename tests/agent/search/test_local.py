"""The networks that this computer is in: who is found there, who is left alone, and what the plan said."""

import contextlib
import json
import sys
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest

from flexprint_agent import settings
from flexprint_agent.search.finder import Ground, Scope
from flexprint_agent.search.interfaces import Interface
from flexprint_agent.search.local import _has_users, _ways, is_local, outlets_of
from flexprint_agent.search.sweep import V3
from flexprint_agent.snmp.pace import Pace
from flexprint_agent.targets import parse_exclusion
from lab.branch import LIMITED_BROADCAST, Branch
from lab.network import Host, To, environment, unavailable
from lab.site import Lab

TESTS = Path(__file__).resolve().parents[2]
HERE = [
    Interface("eth0", 2, (ip_interface("10.77.1.50/24"), ip_interface("fe80::50/64")), broadcast=True, multicast=True),
    Interface("tun0", 3, (ip_interface("10.8.0.1/24"),), broadcast=False, multicast=False),
]
SUBNET_BROADCAST, MDNS = "10.77.1.255", "224.0.0.251"

system = [pytest.mark.system, pytest.mark.skipif(bool(unavailable("snmpd")), reason=str(unavailable("snmpd")))]


def marked(test):
    for mark in system:
        test = mark(test)
    return test


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("10.77.1.21", True),
        ("10.77.2.21", False),
        ("10.8.0.7", False),  # the other end of a tunnel hears no broadcast
        ("fe80::21%eth0", True),
        ("fe80::21%wlan0", False),
    ],
)
def test_a_grant_holds_in_the_networks_that_this_computer_is_in(address, local):
    assert is_local(address, HERE) is local
    assert is_local(address, []) is False


@pytest.mark.parametrize(
    ("excluded", "sources"),
    [
        ([], ["10.77.1.50"]),
        (["10.77.1.21"], ["10.77.1.50"]),
        (["10.77.1.0/24"], []),
        (["10.77.0.0/16"], []),
        (["10.77.1.0/25", "10.77.1.128/25"], []),
        (["10.77.1.1-254"], []),
        (["10.77.1.*:1161"], ["10.77.1.50"]),
    ],
)
def test_a_network_that_is_excluded_as_a_whole_gets_no_broadcast(excluded, sources):
    refused = [parse_exclusion(text) for text in excluded]
    assert [one.source for one in outlets_of(HERE, refused)] == sources


def grounded(*scopes):
    made = settings.in_force({})
    return Ground((), (), made, Pace(1000), scopes)


def test_a_broadcast_asks_for_engines_where_there_is_a_user_and_a_multicast_never():
    """What answers a multicast with its engine alone may be excluded at an IPv4 address that it does not tell."""
    for scopes, secured in (((), False), ([Scope(None, "geheim")], False), ([Scope(None, None)], True)):
        ground = grounded(*scopes)
        assert ((V3, "") in _ways("broadcast", ground)) is secured
        assert (V3, "") not in _ways("multicast", ground)


def test_an_engine_is_asked_where_a_user_is_meant_for_it():
    ground = grounded(Scope([parse_exclusion("10.77.1.0/25")], None), Scope([parse_exclusion("10.77.1.200")], "geheim"))
    assert [_has_users(ground, f"10.77.1.{number}") for number in (7, 200, 201)] == [True, False, False]


@marked
def test_a_neighbour_that_answers_snmpv3_alone_is_found_by_the_broadcast(branch):
    """A real net-snmp: the router, which is no printer, but says so to the user."""
    branch.restart_snmp(branch.rt, "createUser meter SHA a-good-password", "rouser meter auth")
    without = agent(branch, "search")
    assert "10.77.1.1" not in addresses(without)
    branch.agent("credentials", "add", "--user", "meter", "--auth-protocol", "SHA-1", typed="a-good-password\n")
    planned = agent(branch, "search", "--plan")
    branch.forget()
    found = agent(branch, "search")
    assert "10.77.1.1" in addresses(found, answered=True, printer=False, found_by="broadcast")
    assert addresses(found, printer=True) == set(branch.labs["a"].devices)
    sent = branch.ws.sent()
    assert sent[To(LIMITED_BROADCAST, "udp", 161)] == 6
    assert planned["packets"] == sum(count for to, count in sent.items() if to.address in GROUPS)


def agent(branch: Branch, *words: str):
    done = branch.agent(*words, "--json")
    assert done.stdout, done.stderr  # a wake has nowhere to send to here
    return json.loads(done.stdout.splitlines()[-1])


def addresses(found, **facts):
    return {one["address"] for one in found["found"] if all(one[name] == value for name, value in facts.items())}


def unicast(host: Host) -> dict[str, int]:
    """The addresses that packets went to, but for groups and the collector."""
    return {to.address: count for to, count in host.sent().items() if to.address not in GROUPS}


GROUPS = {SUBNET_BROADCAST, LIMITED_BROADCAST, MDNS, "ff02::1"}


@marked
def test_a_broadcast_finds_the_whole_lan_though_nothing_was_selected(branch):
    """And nobody else: not a packet leaves the LAN. What was found is read at the next wake, without a broadcast."""
    planned = agent(branch, "search", "--plan")
    assert {to for to in branch.ws.sent() if to.port != 53} == set()
    found = agent(branch, "search")
    printers = set(branch.labs["a"].devices)
    assert addresses(found, printer=True) == printers
    assert addresses(found, printer=False) == {"10.77.1.1"}
    sent = branch.ws.sent()
    assert set(unicast(branch.ws)) == {*printers, "10.77.1.1"}
    assert sent[To(SUBNET_BROADCAST, "udp", 161)] == sent[To(LIMITED_BROADCAST, "udp", 161)] == 4
    assert {to.port for to in sent} == {161, 5353}
    assert planned["packets"] == sum(count for to, count in sent.items() if to.address in GROUPS)
    assert found["packets"] == sum(sent.values())
    branch.forget()
    assert agent(branch, "wake")["read"] == len(printers)
    assert set(branch.ws.sent()) == {To(address, "udp", 161) for address in printers}


@marked
def test_an_excluded_printer_gets_no_packet_whoever_hears_of_it(branch, tmp_path):
    """It answers the broadcast and announces itself; it is only never asked."""
    announce(branch.floors["a"], tmp_path, "10.77.1.22")
    branch.agent("exclude", "10.77.1.22", "10.77.1.1")
    found = agent(branch, "search")
    assert addresses(found, printer=True) == set(branch.labs["a"].devices) - {"10.77.1.22"}
    assert {one["address"]: one["excluded"] for one in found["not_asked"]} == {"10.77.1.22": True, "10.77.1.1": True}
    agent(branch, "wake")
    assert {"10.77.1.22", "10.77.1.1"}.isdisjoint(unicast(branch.ws))


@marked
def test_a_printer_that_answers_only_one_of_the_two_broadcasts_is_found(branch):
    (first, *_, last) = branch.labs["a"].devices.values()
    with contextlib.ExitStack() as labs:
        for number, (device, group) in enumerate([(first, SUBNET_BROADCAST), (last, LIMITED_BROADCAST)]):
            host, address = branch.network.host(f"odd{number}"), f"10.77.1.{91 + number}"
            branch.network.plug(host, "eth0", "a", f"{address}/24")
            moved = replace(branch.labs["a"].take_away(device.address), address=address)
            labs.enter_context(Lab([moved], 161, enter=host.enter, broadcasts=[group]))
        found = agent(branch, "search")
    assert {"10.77.1.91", "10.77.1.92"} <= addresses(found, printer=True)


@marked
def test_a_fifth_of_all_packets_lost_is_not_a_printer_lost(branch):
    branch.lose(20)
    branch.agent("settings", "snmp_timeout", "0.5")
    branch.agent("settings", "snmp_retries", "5")
    assert addresses(agent(branch, "search"), printer=True) == set(branch.labs["a"].devices)


@marked
def test_what_was_found_in_a_network_is_not_asked_from_another(branch):
    """The workstation moves: the same addresses may be others there, so nobody is asked, and that is said."""
    agent(branch, "search")
    branch.agent("settings", "broadcast", "off")
    branch.agent("settings", "mdns", "off")
    branch.forget()
    woken = agent(branch, "wake")
    assert (woken["silent"], len(woken["not_asked"])) == (0, 4)
    branch.agent("settings", "broadcast", "on")
    assert agent(branch, "wake")["read"] == 4
    branch.ws.ip("addr flush dev eth0", "addr add 10.77.9.50/24 brd + dev eth0")
    branch.forget()
    woken = agent(branch, "wake")
    assert (woken["read"], woken["silent"], len(woken["not_asked"])) == (0, 0, 4)
    assert not branch.ws.sent()
    said = json.loads(branch.agent("doctor", "--json").stdout)
    assert (
        "found by broadcast"
        in next(one for one in said["findings"] if one["finding"] == "printers-uncovered")["next_step"]
    )


def announce(host, folder, *words):
    command = (sys.executable, "-m", "lab.announcer", *words)
    host.start(*command, log=folder / "announcer", port=5353, env=environment({"PYTHONPATH": str(TESTS)}))


@marked
def test_a_printer_that_only_announces_itself_is_found(branch, tmp_path):
    """Its SNMP hears no broadcast. One that answers no SNMP at all is told to people with its own words."""
    branch.labs["a"].hear([])
    announce(branch.floors["a"], tmp_path, "10.77.1.23")
    announce(branch.cloud, tmp_path, "198.51.100.2")
    branch.network.plug(branch.floors["a"], "eth1", "a", "10.77.1.66/24")
    announce(branch.floors["a"], tmp_path, "10.77.1.66", "10.77.2.21")
    found = agent(branch, "search")
    assert addresses(found, printer=True) == {"10.77.1.23"}
    assert addresses(found, found_by="mdns", answered=False) == {"10.77.1.66"}
    assert next(one for one in found["found"] if one["address"] == "10.77.1.66")["announced"] == "Acme 9000 (2nd floor)"
    assert "10.77.2.21" not in unicast(branch.ws)


ALL_NODES = "ff02::1"


def speak_over_ipv6(branch, folder, name, serial, *addresses):
    """A printer in LAN a with a link-local address; gives it as the workstation writes it."""
    host = branch.network.host(name)
    number = len(branch.network.hosts)
    host.sysctl("net/ipv6/conf/default/addr_gen_mode", 1)  # no address but the one that it is given
    branch.network.plug(host, "eth0", "a", f"fe80::a:{number}/64")
    command = (sys.executable, "-m", "lab.link", serial, *addresses)
    host.start(*command, log=folder / name, port=161, env=environment({"PYTHONPATH": str(TESTS)}))
    return f"fe80::a:{number}%eth0"


@marked
def test_a_printer_that_has_ipv6_only_is_found_by_multicast_and_read(branch, tmp_path):
    """One that says it has an excluded IPv4 address, or one that has answered already, gets no packet over IPv6."""
    first, second, third, *_ = branch.labs["a"].devices.values()
    branch.labs["a"].take_away(first.address)
    alone = speak_over_ipv6(branch, tmp_path, "alone", first.truth.serial)
    twice = speak_over_ipv6(branch, tmp_path, "twice", second.truth.serial, second.address, "127.0.0.1")
    refused = speak_over_ipv6(branch, tmp_path, "refused", third.truth.serial, "127.0.0.1", third.address)
    branch.ws.ip("addr add fe80::50/64 nodad dev eth0")
    branch.agent("exclude", third.address)
    found = agent(branch, "search")
    assert {one["address"] for one in found["found"] if one["found_by"] == "multicast"} == {alone}
    assert alone in addresses(found, printer=True)
    assert {one["address"] for one in found["not_asked"]} == {third.address, refused}
    sent = branch.ws.sent()
    assert sent[To(ALL_NODES, "udp", 161)] == 4
    assert not any(sent[To(one.partition("%")[0], "udp", 161)] for one in (twice, refused))
    assert found["packets"] == sum(sent.values())
    branch.forget()
    assert agent(branch, "wake")["read"] == len(addresses(found, printer=True))
    assert branch.ws.sent()[To(alone.partition("%")[0], "udp", 161)]
