"""What a router's tables teach: the segments behind it, none of the routes that lead nowhere, whatever it answers."""

import os
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_agent.search.routes import MOST_HOPS, MOST_ROUTES, Network, Route, ask_routes, is_segment, learned
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Silent, Traits
from lab import wire
from lab.device import Device, Quirks
from lab.recording import Row, load
from services.conversations import hold

FOLDER = Path(os.environ.get("FLEXPRINT_RECORDINGS", Path(__file__).resolve().parents[4] / "shared" / "recordings"))
INET, CIDR, CLASSIC, OWN = (f"1.3.6.1.2.1.4.{end}" for end in ("24.7.1", "24.4.1", "21.1", "20.1"))
SYSTEM = Row("1.3.6.1.2.1.1.1.0", wire.OCTET_STRING, b"Branch router")


def number(text):
    return int(IPv4Address(text))


def address(text):
    return wire.IP_ADDRESS, IPv4Address(text).packed


def whole(value):
    return wire.INTEGER, wire.whole(value)


def inet(block, hop=None, kind=3, policy="2.0.0"):
    network, _, bits = block.partition("/")
    index = f"1.4.{network}.{bits}.{policy}.{f'1.4.{hop}' if hop else '0.0'}"
    return [Row(f"{INET}.7.{index}", *whole(2)), Row(f"{INET}.8.{index}", *whole(kind))]


def cidr(block, hop="0.0.0.0", kind=3):
    network, _, mask = block.partition("/")
    index = f"{network}.{mask}.0.{hop}"
    return [Row(f"{CIDR}.5.{index}", *whole(2)), Row(f"{CIDR}.6.{index}", *whole(kind))]


def classic(block, hop="10.0.0.1", kind=4):
    network, _, mask = block.partition("/")
    return [
        Row(f"{CLASSIC}.7.{network}", *address(hop)),
        Row(f"{CLASSIC}.8.{network}", *whole(kind)),
        Row(f"{CLASSIC}.11.{network}", *address(mask)),
    ]


def own(at, mask):
    return [Row(f"{OWN}.1.{at}", *address(at)), Row(f"{OWN}.3.{at}", *address(mask))]


def asked(rows, version=ber.V2C, quirks=None, over=lambda: False):
    device = Device([SYSTEM, *rows], quirks or Quirks())
    return hold(ask_routes(Traits(version=version), over), device, version)


def told(rows, **how):
    return blocks(asked(rows, **how).result)


def blocks(learned):
    return [f"{IPv4Address(first)}/{prefix}" for first, prefix in learned.segments]


TABLES = {
    "inetCidrRouteTable": inet("10.1.2.0/24") + inet("10.1.3.0/25", hop="10.1.2.9", kind=4),
    "ipCidrRouteTable": cidr("10.1.2.0/255.255.255.0") + cidr("10.1.3.0/255.255.255.128", hop="10.1.2.9", kind=4),
    "ipRouteTable": classic("10.1.2.0/255.255.255.0", hop="10.1.2.1", kind=3)
    + classic("10.1.3.0/255.255.255.128", hop="10.1.2.9"),
}


@pytest.mark.parametrize("version", [ber.V1, ber.V2C])
@pytest.mark.parametrize("name", TABLES)
def test_each_table_alone_tells_the_segments_and_who_leads_to_them(name, version):
    found = asked([*TABLES[name], *own("10.1.2.1", "255.255.255.0")], version=version).result
    assert blocks(found) == ["10.1.2.0/24", "10.1.3.0/25"]
    assert found.hops == (number("10.1.2.9"),)
    assert found.whole


def test_a_router_that_lists_a_default_route_only_is_known_by_its_own_addresses():
    """Some list nothing else [Sharp MX-3100N]."""
    rows = [*classic("0.0.0.0/0.0.0.0"), *own("10.44.3.114", "255.255.252.0"), *own("127.0.0.1", "255.0.0.0")]
    assert told(rows) == ["10.44.0.0/22"]


def test_older_tables_are_not_asked_where_a_newer_one_told():
    """All three show one forwarding table: asking on would only cost packets."""
    heard = asked([*TABLES["inetCidrRouteTable"], *TABLES["ipRouteTable"]])
    names = {ber.dotted(name) for ask in heard.asks for name in ask.oids}
    assert not any(name.startswith((CIDR, CLASSIC)) for name in names)
    assert any(name.startswith(OWN) for name in names)
    assert len(heard.asks) <= 4


NOWHERE = [
    ("the default route", inet("0.0.0.0/0", hop="10.0.0.1", kind=4)),
    ("a default route with the mask of a host", classic("0.0.0.0/255.255.255.255")),
    ("half of the Internet, as a VPN routes it", inet("128.0.0.0/1") + inet("0.0.0.0/1")),
    ("less than a /8", inet("10.0.0.0/7")),
    ("a host", inet("10.1.2.3/32") + classic("10.1.2.4/255.255.255.255", kind=3)),
    ("a transfer net of two", inet("10.1.2.2/31")),
    ("a transfer net of four", cidr("10.1.2.4/255.255.255.252")),
    ("loopback", inet("127.0.0.0/8") + inet("127.0.0.1/32")),
    ("link-local", inet("169.254.9.0/24")),
    ("a damaged destination", cidr("0.2.0.0/255.255.0.0")),
    ("multicast", inet("224.0.0.0/8") + classic("239.1.0.0/255.255.0.0")),
    ("the broadcast", classic("255.255.255.255/255.255.255.255")),
    ("reserved addresses", inet("240.0.0.0/8")),
    ("a route that refuses", inet("10.1.2.0/24", kind=2) + cidr("10.1.3.0/255.255.255.0", kind=2)),
    ("a black hole", inet("10.1.2.0/24", kind=5)),
    ("a route that is no more", classic("10.1.2.0/255.255.255.0", kind=2)),
    ("a mask with holes", cidr("10.1.2.0/255.0.255.0") + classic("10.1.3.0/0.255.255.0")),
    ("a mask of nothing", classic("10.1.2.0/0.0.0.0")),
    ("no mask", classic("10.1.2.0/255.255.255.0")[:2]),
    ("a prefix longer than an address", inet("10.1.2.0/200")),
    ("octets beyond 255", [Row(f"{INET}.8.1.4.10.300.2.0.24.2.0.0.0.0", *whole(3))]),
    ("IPv6", [Row(f"{INET}.8.2.16.{'.'.join(['254', '128', *['0'] * 14])}.64.2.0.0.0.0", *whole(3))]),
    ("an index cut short", [Row(f"{INET}.8.1.4.10.1.2", *whole(3)), Row(f"{CIDR}.6.10.1.2.0", *whole(3))]),
    ("an index too long", [Row(f"{CLASSIC}.11.10.1.2.0.7", *address("255.255.255.0"))]),
    ("a mask of another type", [Row(f"{CLASSIC}.11.10.1.2.0", *whole(24))]),
]


@pytest.mark.parametrize("rows", [rows for _, rows in NOWHERE], ids=[name for name, _ in NOWHERE])
def test_what_leads_nowhere_is_no_segment(rows):
    assert told([*rows, *own("10.9.9.1", "255.255.255.0")]) == ["10.9.9.0/24"]


def test_a_route_is_kept_when_other_columns_of_its_row_are_missing():
    """Joined by index [RouterOS lacks the type of some]; a next hop that cannot be read costs only the hop."""
    rows = [
        cidr("10.1.2.0/255.255.255.0")[0],
        *inet("10.1.3.0/24", hop="10.1.2.9")[1:],
        *inet("10.1.4.0/24", hop="10.1.2.9", policy="77.1"),
    ]
    assert told(rows[:1]) == ["10.1.2.0/24"]
    found = asked(rows[1:]).result
    assert blocks(found) == ["10.1.3.0/24", "10.1.4.0/24"]
    assert found.hops == (number("10.1.2.9"),)


def test_addresses_sent_as_a_string_of_octets_count_too():
    mask = Row(f"{CLASSIC}.11.10.1.2.0", wire.OCTET_STRING, IPv4Address("255.255.255.0").packed)
    assert told([mask]) == ["10.1.2.0/24"]


def test_bits_of_a_host_in_a_destination_are_taken_off_and_duplicates_are_one():
    rows = [*inet("10.1.2.77/24"), *inet("10.1.2.0/24", hop="10.1.9.9"), *own("10.1.2.1", "255.255.255.0")]
    assert told(rows) == ["10.1.2.0/24"]


def test_overlapping_networks_are_each_a_choice():
    assert told([*inet("10.0.0.0/8"), *inet("10.1.0.0/16"), *inet("10.1.2.0/24")]) == [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
    ]


def test_the_router_itself_is_no_hop_and_hops_are_few():
    """Some name themselves as next hop of their own networks [Zebra]."""
    routes = [Route(Network(number(f"10.1.{place}.0"), 24), number(f"10.0.0.{place}")) for place in range(1, 30)]
    found = learned(routes, own=[number("10.0.0.1")])
    assert found.hops == tuple(number(f"10.0.0.{place}") for place in range(2, 2 + MOST_HOPS))
    assert len(found.segments) == 29
    lost = [Route(Network(number("10.1.1.0"), 24), number(hop)) for hop in ("0.0.0.0", "127.0.0.1", "224.0.0.5")]
    assert learned(lost, own=[]).hops == ()


def test_of_a_hundred_thousand_routes_the_private_ones_are_found_and_the_walk_is_bounded():
    """A provider's router: public routes come first in the order of destinations, and would fill the walk."""
    public = [inet(f"{1 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24", kind=4)[1] for n in range(100_000)]
    private = [*inet("10.20.30.0/24"), *inet("172.20.1.0/24"), *inet("172.31.255.0/24"), *inet("192.168.7.0/24")]
    heard = asked([*public, *private, *own("203.0.113.1", "255.255.255.240")])
    found = blocks(heard.result)
    wanted = {"10.20.30.0/24", "172.20.1.0/24", "172.31.255.0/24", "192.168.7.0/24", "203.0.113.0/28"}
    assert wanted <= set(found)
    assert len(found) <= 2 * MOST_ROUTES + len(wanted)
    assert not heard.result.whole
    assert len(heard.asks) < 400


def test_asking_ends_when_it_took_long_enough():
    """What was told until then counts, and is said to be less than all."""
    public = [row for n in range(1000) for row in inet(f"11.{n // 250}.{n % 250}.0/24")]
    asks = iter(range(100))
    heard = asked(public, over=lambda: next(asks) >= 5)
    assert len(heard.asks) <= 5
    assert heard.result.segments
    assert not heard.result.whole


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(bulk="silence"),
        Quirks(bulk="genErr"),
        Quirks(most_bindings=1, beyond="silence"),
        Quirks(most_bindings=1, beyond="tooBig"),
        Quirks(gen_err_at_end=True),
    ],
    ids=lambda quirks: str(quirks.as_json()),
)
def test_a_router_with_bad_habits_tells_all_the_same(quirks):
    rows = [*TABLES["ipRouteTable"], *own("10.1.2.1", "255.255.255.0")]
    assert told(rows, quirks=quirks) == ["10.1.2.0/24", "10.1.3.0/25"]


def test_a_router_that_falls_silent_tells_what_it_told_and_that_this_is_not_all():
    rows = [*inet("10.1.2.0/24"), *own("10.1.3.1", "255.255.255.0")]
    found = asked(rows, quirks=Quirks(silent_after=1)).result
    assert blocks(found) == ["10.1.2.0/24"]
    assert not found.whole


def test_silence_throughout_is_no_answer():
    conversation = ask_routes(Traits(), lambda: False)
    next(conversation)
    with pytest.raises(Silent):
        for _ in range(20):
            conversation.throw(Silent("nothing within 1 s"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([INET, CIDR, CLASSIC, OWN]),
            st.sampled_from([1, 3, 5, 7, 8, 11]),
            st.lists(st.one_of(st.integers(0, 255), st.integers(0, 2**32 - 1)), min_size=1, max_size=20),
            st.sampled_from([wire.INTEGER, wire.IP_ADDRESS, wire.OCTET_STRING, wire.NULL, wire.OBJECT_ID]),
            st.binary(max_size=9),
        ),
        max_size=12,
    )
)
def test_garbage_never_ends_the_asking_and_never_makes_a_segment_of_nowhere(garbage):
    rows = [
        Row(f"{entry}.{column}.{'.'.join(map(str, index))}", tag, content)
        for entry, column, index, tag, content in garbage
    ]
    found = asked(rows).result
    for first, prefix in found.segments:
        assert 8 <= prefix <= 29
        network = IPv4Network((first, prefix))
        assert not any((network.is_loopback, network.is_multicast, network.is_link_local))


@pytest.mark.parametrize(
    ("block", "is_one"),
    [("10.0.0.0/8", True), ("10.0.0.0/29", True), ("10.0.0.0/30", False), ("8.0.0.0/7", False), ("0.0.0.0/8", False)],
)
def test_a_segment_has_room_for_printers_and_an_end(block, is_one):
    network = IPv4Network(block)
    assert is_segment(Network(int(network.network_address), network.prefixlen)) is is_one


RECORDED = {
    # Only the newest table; the printer's own Wi-Fi Direct access point is a network of its own.
    "lnms-jetdirect_m130nw": ["192.168.100.0/24", "192.168.223.0/24"],
    "lnms-ciscosb_cbs350": ["10.41.130.0/24", "10.41.142.56/29", "192.168.1.0/29"],
    "lnms-routeros_rb750gr3": ["185.6.188.32/27", "192.168.51.0/24", "198.18.9.0/24"],
    "lnms-zebra": ["10.180.116.0/24"],
    "gh-sharp_mx-3100n_t1": ["10.44.0.0/22"],
    "gh-lexmark_ms811": ["10.44.0.0/22"],
    "lnms-rutos-2xx_rut240v7": ["10.10.4.0/24", "10.10.9.0/24", "192.168.6.0/24"],
}


@pytest.mark.recordings
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings of real devices at {FOLDER}")
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_tables_of_real_devices_give_their_segments(name):
    found = blocks(hold(ask_routes(Traits(), lambda: False), Device(load(FOLDER / f"{name}.snmprec"))).result)
    assert found == RECORDED[name]
