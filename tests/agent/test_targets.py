import ipaddress

import pytest

from flexprint_agent import targets
from flexprint_agent.targets import BadTarget, Name, Span, UnknownExclusion


def spans(*texts, exclude=(), names=None):
    def resolve(name):
        return (names or {}).get(name, ())

    refused = targets.excluded(map(targets.parse_exclusion, exclude), resolve)
    return targets.allowed(map(targets.parse, texts), refused, resolve)


def addresses(found):
    return [f"{targets.dotted(n)}:{span.port}" for span in found for n in range(span.first, span.last + 1)]


@pytest.mark.parametrize(
    ("text", "first", "last", "port"),
    [
        ("10.10.10.7", "10.10.10.7", "10.10.10.7", None),
        (" 10.10.10.7:1161 ", "10.10.10.7", "10.10.10.7", 1161),
        ("10.10.10.*", "10.10.10.1", "10.10.10.254", None),
        ("10.10.*.*", "10.10.0.1", "10.10.255.254", None),
        ("10.10.10.5-40", "10.10.10.5", "10.10.10.40", None),
        ("10.10.10.5-40:9161", "10.10.10.5", "10.10.10.40", 9161),
        ("10.10.10.250-10.10.11.3", "10.10.10.250", "10.10.11.3", None),
        ("10.10.10.0/24", "10.10.10.1", "10.10.10.254", None),
        ("10.10.10.77/24", "10.10.10.1", "10.10.10.254", None),
        ("10.10.10.0/255.255.255.0", "10.10.10.1", "10.10.10.254", None),
        ("10.10.10.0/30", "10.10.10.1", "10.10.10.2", None),
        ("10.10.10.0/31", "10.10.10.0", "10.10.10.1", None),
        ("10.10.10.9/32", "10.10.10.9", "10.10.10.9", None),
        ("10.0.0.0/8", "10.0.0.1", "10.255.255.254", None),
    ],
)
def test_what_people_type_is_understood(text, first, last, port):
    assert targets.parse(text) == Span(int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last)), port)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Front-Desk", Name("front-desk")),
        ("printer.example.com.", Name("printer.example.com")),
        ("hp_2:1161", Name("hp_2", 1161)),
    ],
)
def test_names_are_kept_as_names(text, name):
    assert targets.parse(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "10.10.10",
        "10.10.10.300",
        "10.10.10.1.1",
        "010.1.1.1",
        "10.10.10.40-5",
        "10.10.10.5-",
        "10.10.10.5-300",
        "-5",
        "10.*.10.*",
        "10.*",
        "*.*.*.*",
        "10.10.10.1*",
        "10.10.10.0/33",
        "10.10.10.0/",
        "/24",
        "printer/24",
        "0.0.0.0/0",
        "10.0.0.0-20.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "10.1.1.1:0",
        "10.1.1.1:0000019999999",
        "10.1.1.1:65536",
        "10.1.1.1:",
        "10.1.1.1:snmp",
        "10.1.1.1:١٦١",
        "fe80::1",
        "[fe80::1]:161",
        "http://10.1.1.1/",
        "two words",
        "-dash",
        "a..b",
        "a" * 64,
        "x." * 130 + "x",
        "1.2.3.4.5.com.9",
        "pri\nnter",
        "９.9.9.9",
    ],
)
def test_what_is_no_target_is_refused_with_a_reason(text):
    with pytest.raises(BadTarget) as refusal:
        targets.parse(text)
    assert refusal.value.text == text
    assert len(refusal.value.reason) > 20


@pytest.mark.parametrize(
    ("text", "first", "last", "port", "scope"),
    [
        ("2001:db8::7", "2001:db8::7", "2001:db8::7", None, ""),
        ("2001:DB8:0:0::7", "2001:db8::7", "2001:db8::7", None, ""),
        ("[2001:db8::7]", "2001:db8::7", "2001:db8::7", None, ""),
        ("[2001:db8::7]:1161", "2001:db8::7", "2001:db8::7", 1161, ""),
        ("2001:db8::/120", "2001:db8::1", "2001:db8::ff", None, ""),
        ("[2001:db8::7/120]:1161", "2001:db8::1", "2001:db8::ff", 1161, ""),
        ("2001:db8::/116", "2001:db8::1", "2001:db8::fff", None, ""),
        ("2001:db8::8/127", "2001:db8::8", "2001:db8::9", None, ""),
        ("2001:db8::5-2001:db8::40", "2001:db8::5", "2001:db8::40", None, ""),
        ("fe80::1%eth0", "fe80::1", "fe80::1", None, "eth0"),
        ("FE80::1%Wired-2", "fe80::1", "fe80::1", None, "Wired-2"),
        ("[fe80::1%12]:1161", "fe80::1", "fe80::1", 1161, "12"),
        ("fe80::%eth0/120", "fe80::1", "fe80::ff", None, "eth0"),
        ("::1", "::1", "::1", None, ""),
    ],
)
def test_ipv6_addresses_are_understood(text, first, last, port, scope):
    span = Span(int(ipaddress.IPv6Address(first)), int(ipaddress.IPv6Address(last)), port, 6, scope)
    assert targets.parse(text) == span
    assert targets.parse(targets.normal(text)) == span


@pytest.mark.parametrize(
    "text",
    [
        "2001:db8::/115",
        "2001:db8::/64",
        "2001:db8::/129",
        "2001:db8::40-2001:db8::5",
        "2001:db8::1-40:",
        "2001:db8::7%eth0",
        "fe80::1%",
        "fe80::1%eth 0",
        "fe80::/64",
        "2001:db8:::7",
        "2001:db8::7]:161",
        "[2001:db8::7",
        "[2001:db8::7]161",
        "[2001:db8::7]:0",
        "[2001:db8::7]:",
        "ff02::1",
        "::",
        "10.1.1.1:161:161",
        "::ffff:224.0.0.1",
    ],
)
def test_what_is_no_ipv6_target_is_refused_with_a_reason(text):
    with pytest.raises(BadTarget) as refusal:
        targets.parse(text)
    assert len(refusal.value.reason) > 20


def test_an_ipv4_address_written_as_ipv6_is_an_ipv4_address():
    """Otherwise it would get around an exclusion."""
    assert targets.parse("::ffff:10.1.1.1") == targets.parse("10.1.1.1")
    assert spans("copier", exclude=["10.1.1.1"], names={"copier": ["::ffff:10.1.1.1", "::ffff:0:0"]}) == []
    assert targets.is_excluded([targets.parse("10.1.1.1")], "::ffff:10.1.1.1", 161)


def test_exclusions_win_over_ipv6_targets_too():
    """Of any size, by name, and whichever way the interface of a link-local address is spelled."""
    found = spans(
        *("2001:db8::1-2001:db8::5", "fe80::1%eth0", "fe80::9%eth0", "10.1.1.1"),
        exclude=["2001:db8::2", "copier", "fe80::1%2", "2001:db8:1::/48"],
        names={"copier": ["10.1.1.9", "2001:db8::4"]},
    )
    asked = ["2001:db8::1", "2001:db8::3", "2001:db8::5", "fe80::9%eth0", "10.1.1.1"]
    assert [address for span in found for address in span] == asked
    refused = targets.excluded([targets.parse_exclusion("fe80::/10")], lambda _: ())
    assert targets.is_excluded(refused, "fe80::1%eth0", 161)
    assert not targets.is_excluded(refused, "10.1.1.1", 161)


def test_membership_goes_by_interface_too():
    found = spans("fe80::1%eth0", "2001:db8::/120")
    assert targets.contains(found, "fe80::1%eth0", 161)
    assert not targets.contains(found, "fe80::1%eth1", 161)
    assert targets.contains(found, "2001:db8::77", 161)
    assert not targets.contains(found, "0.0.0.77", 161)


def test_exclusions_always_win():
    """Whatever was added, before or after, by range or by name: an excluded address is not asked."""
    found = spans(
        "10.1.1.1-6", "copier", exclude=["10.1.1.3-4", "guest"], names={"copier": ["10.1.1.9"], "guest": ["10.1.1.9"]}
    )
    assert addresses(found) == ["10.1.1.1:161", "10.1.1.2:161", "10.1.1.5:161", "10.1.1.6:161"]


def test_an_excluded_name_that_nobody_knows_stops_everything():
    """It might be any of the addresses, so none is asked."""
    with pytest.raises(UnknownExclusion, match="guest"):
        spans("10.1.1.1-6", exclude=["guest"])


def test_a_name_that_stands_for_no_device_is_not_asked():
    """Some name servers answer 0.0.0.0 for what they block."""
    assert spans("copier", names={"copier": ["0.0.0.0"]}) == []


def test_an_excluded_block_covers_its_edges():
    """10.1.1.0 is no host of 10.1.1.0/24, yet excluding the block excludes it."""
    assert spans("10.1.1.0", "10.1.1.255", exclude=["10.1.1.0/24"]) == []


def test_an_exclusion_with_a_port_leaves_the_other_ports():
    found = spans("10.1.1.1", "10.1.1.1:1161", exclude=["10.1.1.1:1161"])
    assert addresses(found) == ["10.1.1.1:161"]
    assert spans("10.1.1.1", "10.1.1.1:1161", exclude=["10.1.1.1"]) == []


def test_overlapping_targets_are_asked_once():
    found = spans("10.1.1.4-8", "10.1.1.1-6", "10.1.1.5", "10.1.1.5:1161", "10.1.1.0/29")
    assert sorted(addresses(found)) == sorted([*(f"10.1.1.{n}:161" for n in range(1, 9)), "10.1.1.5:1161"])


def test_a_whole_class_a_network_costs_no_memory():
    """Sixteen million addresses stay one span."""
    found = spans("10.0.0.0/8", exclude=["10.200.0.0/16"])
    assert len(found) == 2
    assert targets.count(found) == (1 << 24) - 2 - (1 << 16)


def test_a_range_above_a_20_block_is_large():
    assert not targets.is_large(targets.parse("10.0.0.0/20"))
    assert targets.is_large(targets.parse("10.0.0.0/19"))


def test_membership_goes_by_address_and_port():
    found = spans("10.1.1.0/24:1161")
    assert targets.contains(found, "10.1.1.77", 1161)
    assert not targets.contains(found, "10.1.1.77", 161)
    assert not targets.contains(found, "10.1.2.77", 1161)
