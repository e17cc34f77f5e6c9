"""One request to a whole network: what is sent, whose answer counts, and that it ends."""

import contextlib
import itertools
import socket
import sys
import threading
from ipaddress import ip_interface, ip_network

import pytest

from flexprint_agent.search import broadcast
from flexprint_agent.search.broadcast import (
    Broadcast,
    Outlet,
    belongs,
    broadcast_outlets,
    multicast_outlets,
    octets,
    of_answer,
    packets,
    seconds,
    ways,
)
from flexprint_agent.search.interfaces import Interface
from flexprint_agent.snmp import ber, v3
from flexprint_agent.snmp.pace import Pace
from lab import wire
from lab.device import FLAWLESS, Quirks
from lab.office import Placed
from lab.recording import Row
from lab.secured import Account, Safe, Secured
from lab.site import Lab

PRINTER = [
    Row("1.3.6.1.2.1.1.1.0", wire.OCTET_STRING, b"A printer"),
    Row("1.3.6.1.2.1.1.2.0", wire.OBJECT_ID, wire.oid("1.3.6.1.4.1.1347.41")),
]
LOOPBACK = Outlet("lo", 1, "127.0.0.1", ("127.255.255.255",), ip_network("127.0.0.0/8"))
LINK = Outlet("eth0", 2, "fe80::1", ("ff02::1",), ip_network("fe80::/10"))
WAYS = ways(("public",), (ber.V2C, ber.V1))

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux broadcasts on its loopback")


def interface(*addresses, broadcast=True, multicast=True, name="eth0", index=2):
    return Interface(name, index, tuple(map(ip_interface, addresses)), broadcast, multicast)


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        (interface("10.77.1.50/24"), [("10.77.1.50", "10.77.1.255")]),
        (interface("10.77.1.50/22"), [("10.77.1.50", "10.77.3.255")]),
        (interface("10.77.1.50/8"), [("10.77.1.50", "10.255.255.255")]),
        (
            interface("10.77.1.50/24", "192.168.5.1/24"),
            [("10.77.1.50", "10.77.1.255"), ("192.168.5.1", "192.168.5.255")],
        ),
        (interface("10.8.0.2/31"), []),
        (interface("10.8.0.2/32"), []),
        (interface("10.77.1.50/24", broadcast=False), []),
        (interface("fe80::1/64"), []),
    ],
)
def test_a_broadcast_leaves_for_both_addresses_of_every_network(here, expected):
    """The network's own, and 255.255.255.255: some agents answer only one."""
    assert [(one.source, one.groups) for one in broadcast_outlets([here])] == [
        (source, (group, "255.255.255.255")) for source, group in expected
    ]


@pytest.mark.parametrize(
    ("here", "sources"),
    [
        (interface("10.77.1.50/24", "2001:db8::5/64", "fe80::aa/64", "fe80::bb/64"), ["fe80::aa"]),
        (interface("10.77.1.50/24", "2001:db8::5/64"), []),
        (interface("fe80::aa/64", multicast=False), []),
    ],
)
def test_a_multicast_leaves_once_from_an_interface_with_a_link_local_address(here, sources):
    assert [(one.source, one.groups) for one in multicast_outlets([here])] == [(each, ("ff02::1",)) for each in sources]


def test_what_will_be_sent_is_known_before():
    outlets = broadcast_outlets([interface("10.77.1.50/24"), interface("10.9.9.9/24", name="wlan0", index=3)])
    # Two networks, two addresses each, two versions, twice.
    assert packets(outlets, WAYS) == 16
    assert octets(outlets, WAYS) == 16 * (57 + 28)
    assert seconds(outlets, WAYS, timeout=1) == pytest.approx(8 * broadcast.APART + 1 + 2)
    assert seconds([], WAYS, timeout=1) == 0


@pytest.mark.parametrize(
    ("address", "counts"),
    [
        ("10.77.1.21", True),
        ("10.77.1.50", False),  # this computer
        ("10.77.1.0", False),
        ("10.77.1.255", False),
        ("10.77.2.21", False),
        ("8.8.8.8", False),
    ],
)
def test_only_answers_of_the_own_network_count(address, counts):
    (outlet,) = broadcast_outlets([interface("10.77.1.50/24")])
    assert belongs(outlet, address) is counts


@pytest.mark.parametrize(("address", "counts"), [("fe80::21", True), ("fe80::1", False), ("2001:db8::21", False)])
def test_over_ipv6_only_answers_of_the_own_link_count(address, counts):
    assert belongs(LINK, address) is counts


def answer(*bindings):
    return ber.Message(ber.V2C, b"public", ber.RESPONSE, 1, 0, 0, list(bindings))


def test_over_ipv6_a_device_tells_its_ipv4_addresses():
    table = ber.oid("1.3.6.1.2.1.4.20.1.1")
    said = answer(
        (broadcast.SYS_DESCR, ber.OCTET_STRING, b"A printer"),
        (broadcast.SYS_OBJECT_ID, ber.OBJECT_ID, ber.oid("1.3.6.1.4.1.1347.41")),
        (table + bytes((10, 77, 1, 21)), ber.IP_ADDRESS, bytes((10, 77, 1, 21))),
        (ber.oid("1.3.6.1.2.1.4.20.1.2") + bytes((10, 77, 1, 21)), ber.INTEGER, b"\x01"),
    )
    told = of_answer(said, "fe80::21%eth0", 161)
    assert (told.description, told.object_id) == (b"A printer", "1.3.6.1.4.1.1347.41")
    assert told.also == ("10.77.1.21",)


@pytest.mark.parametrize(
    "bindings",
    [
        [],
        [(broadcast.SYS_DESCR, ber.INTEGER, b"\x01")],
        [(broadcast.SYS_OBJECT_ID, ber.OBJECT_ID, b"\xff")],
        [(ber.oid("1.3.6.1.2.1.4.20.1.1") + b"\x01", ber.IP_ADDRESS, b"\x01\x02")],
    ],
)
def test_an_answer_that_says_nothing_of_use_is_an_answer_all_the_same(bindings):
    told = of_answer(answer(*bindings), "10.77.1.21", 161)
    assert (told.description, told.object_id, told.also) == (None, None, ())


def test_a_description_is_kept_no_longer_than_it_may_be():
    told = of_answer(answer((broadcast.SYS_DESCR, ber.OCTET_STRING, b"x" * 9000)), "10.77.1.21", 161)
    assert told.description == b"x" * 255


@contextlib.contextmanager
def answering(reply):
    """Something on the loopback that hears broadcasts; `reply(datagram)` gives pairs of a source address and octets,
    sent from its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.255.255.255", 0))
        port = ear.getsockname()[1]

        def serve():
            while (heard := ear.recvfrom(2048))[0] != b"end":
                for source, octets_ in reply(heard[0]):
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
                        mouth.bind((source, port))
                        mouth.sendto(octets_, heard[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
                ender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                ender.sendto(b"end", ("127.255.255.255", port))
            thread.join()


def ask(port, *outlets, timeout=0.2, pace=1000.0, asked=WAYS, **more):
    asking = Broadcast(outlets or [LOOPBACK], asked=asked, timeout=timeout, pace=Pace(pace), port=port, **more)
    return asking, {one.address: one for one in asking if one is not None}


@linux
def test_everyone_is_found_whatever_they_speak():
    devices = [
        Placed("127.6.0.1", PRINTER, FLAWLESS),
        Placed("127.6.0.2", PRINTER, Quirks(v2c=False)),
        Placed("127.6.0.3", PRINTER, Quirks(v1=False)),
        Placed("127.6.0.4", PRINTER, Quirks(first_lost=2)),
        Placed("127.6.0.5", PRINTER, Quirks(latency=0.5)),
        Placed("127.6.0.6", PRINTER, Quirks(community="geheim")),
        Placed("127.6.0.7", PRINTER, Quirks(garbage="noise")),
    ]
    with Lab(devices, broadcasts=["127.255.255.255"]) as lab:
        asking, found = ask(lab.port)
        assert lab.packets_to("127.6.0.1") == 4
    assert sorted(found) == [f"127.6.0.{place}" for place in range(1, 6)]
    assert [found[f"127.6.0.{place}"].version for place in (1, 2, 3)] == [ber.V2C, ber.V1, ber.V2C]
    assert asking.tally.packets == packets([LOOPBACK], WAYS) == 4
    assert asking.tally.octets_out + 4 * 28 == octets([LOOPBACK], WAYS)
    assert (asking.tally.strays, asking.tally.malformed) == (0, 4)


SECURED = ways(("public",), (ber.V2C, ber.V1), secured=True)


@linux
def test_who_answers_nothing_but_snmpv3_tells_its_engine():
    """A real engine: pysnmp's. It is asked in the place of everybody, as it hears no broadcast."""
    account = Account("meter", "SHA-256", "a good password")
    with Secured([Safe("127.6.2.1", PRINTER, (account,))]) as printers:
        here = Outlet("lo", 1, "127.0.0.1", ("127.6.2.1",), ip_network("127.0.0.0/8"))
        asking, found = ask(printers.port, here, asked=SECURED)
        _, without = ask(printers.port, here)
        heard = found["127.6.2.1"]
        assert (heard.version, heard.community, heard.engine.id != b"") == (3, "", True)
        assert without == {}
        assert asking.tally.packets == packets([here], SECURED) == 6
        assert asking.tally.octets_out + 6 * 28 == octets([here], SECURED)


@linux
def test_who_answers_to_a_community_is_known_by_that():
    devices = [Placed("127.6.0.1", PRINTER, FLAWLESS)]
    with Lab(devices, broadcasts=["127.255.255.255"]) as lab:
        asking, found = ask(lab.port, asked=SECURED)
    assert (found["127.6.0.1"].version, found["127.6.0.1"].engine) == (ber.V2C, None)
    assert asking.tally.answered == 1


@linux
def test_an_engine_that_answers_what_was_not_asked_is_none():
    """One without an id, one that answers a question in v2c, one that was not asked at all."""

    def reply(datagram):
        with contextlib.suppress(ber.OtherVersion):
            request_id = ber.decode(datagram).request_id
            yield "127.6.0.2", report(request_id, b"engine")
            return
        request_id = v3.parse(datagram).message_id
        yield "127.6.0.1", report(request_id, b"engine")
        yield "127.6.0.3", report(request_id, b"")
        yield "127.6.0.4", report(request_id + 1, b"engine")

    with answering(reply) as port:
        asking, found = ask(port, asked=SECURED)
    assert list(found) == ["127.6.0.1"]
    assert found["127.6.0.1"].engine == v3.Engine(b"engine", 7, 100)
    assert asking.tally.malformed == 2


def report(message_id, engine_id):
    scoped = ber.tlv(v3.SEQUENCE, b"")
    return v3.message(message_id, 0, v3.Engine(engine_id, 7, 100), b"", b"", scoped)[0]


@linux
def test_thousands_of_answers_survive():
    devices = [Placed(f"127.6.{place >> 8}.{place & 255}", PRINTER, FLAWLESS) for place in range(1, 3001)]
    with Lab(devices, broadcasts=["127.255.255.255"]) as lab:
        _, found = ask(lab.port)
    assert len(found) == 3000


def response(datagram, **changes):
    asked = ber.decode(datagram)
    return ber.encode(asked._replace(pdu=ber.RESPONSE, **changes))


@linux
def test_what_was_not_asked_or_is_from_elsewhere_is_dropped_and_counted():
    """Someone on the wire who sends answers to nothing asked, or with an address of another network."""

    def reply(datagram):
        yield "127.6.0.1", response(datagram)
        yield "127.6.0.2", response(datagram, request_id=1)
        yield "127.6.0.3", datagram
        yield "127.9.0.4", response(datagram)
        yield "127.6.0.5", b"\x30\x84"

    here = Outlet("lo", 1, "127.0.0.1", ("127.255.255.255",), ip_network("127.0.0.0/13"))
    with answering(reply) as port:
        asking, found = ask(port, here)
    assert list(found) == ["127.6.0.1"]
    assert (asking.tally.strays, asking.tally.malformed) == (12, 4)


@linux
def test_a_storm_of_answers_ends(monkeypatch):
    """Someone answers for ever, from ever new addresses: the wait ends all the same, and so does the list."""
    monkeypatch.setattr(broadcast, "MOST", 40)
    over = threading.Event()

    def reply(datagram):
        for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count(1)):
            yield f"127.7.{number >> 8 & 255}.{number & 255}", response(datagram)

    with answering(reply) as port:
        try:
            asking, found = ask(port, timeout=0.05)
        finally:
            over.set()
    assert len(found) == asking.tally.answered == 40
    assert asking.tally.surplus > 0


@linux
def test_slow_devices_are_waited_for_while_others_still_answer():
    devices = [Placed(f"127.6.1.{place}", PRINTER, Quirks(latency=place / 10)) for place in range(1, 21)]
    with Lab(devices, broadcasts=["127.255.255.255"]) as lab:
        _, found = ask(lab.port, timeout=0.3)
    assert len(found) == 20


@linux
def test_the_budget_holds_for_broadcasts():
    instants = itertools.count(step=0.02)
    spent = []

    class Watched(Pace):
        def spend(self, now, packets=1):
            spent.append(now)
            super().spend(now, packets)

    asked = ways(("public",), (ber.V2C,))
    asking = Broadcast(
        [LOOPBACK, LOOPBACK], asked=asked, timeout=0.01, pace=Watched(5), port=9, clock=lambda: next(instants)
    )
    assert all(one is None for one in asking)
    assert len(spent) == 4
    assert all(later - earlier >= 0.2 - 1e-9 for earlier, later in itertools.pairwise(spent))


def test_an_interface_that_went_away_is_told_and_the_others_are_asked():
    gone = Outlet("eth9", 9, "203.0.113.9", ("203.0.113.255",), ip_network("203.0.113.0/24"))
    asking = Broadcast([gone], asked=WAYS, timeout=0.01, pace=Pace(1000), port=9)
    assert list(asking) == []
    assert list(asking.tally.unsent) == ["eth9"]
    assert asking.tally.packets == 0
