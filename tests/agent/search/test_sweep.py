"""The sweep against a simulated site: who is found, and what it costs the network."""

import itertools
import math
import socket
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from flexprint_agent.search.sweep import Sweep, _Places, sweep
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.pace import Pace
from lab import wire
from lab.device import FLAWLESS, Quirks
from lab.office import Placed
from lab.recording import Row
from lab.secured import Account, Safe, Secured
from lab.site import Lab
from lab.six import OverSix

TABLE = [
    Row("1.3.6.1.2.1.1.1.0", wire.OCTET_STRING, b"A printer"),
    Row("1.3.6.1.2.1.1.2.0", wire.OBJECT_ID, wire.oid("1.3.6.1.4.1.1347.41")),
    Row("1.3.6.1.2.1.1.5.0", wire.OCTET_STRING, b"hall"),
]
NAMELESS = [Row("1.3.6.1.2.1.1.5.0", wire.OCTET_STRING, b"hall")]
ODD = [Row("1.3.6.1.2.1.1.1.0", wire.INTEGER, b"\x01"), Row("1.3.6.1.2.1.1.2.0", wire.OCTET_STRING, b"x")]

UNPACED = {"pace": Pace(math.inf)}

GOOD = {f"127.8.1.{place}" for place in (1, 77, 254)} | {f"127.8.{net}.9" for net in range(2, 12)}
PLACED = [
    *(Placed(address, TABLE, FLAWLESS) for address in sorted(GOOD)),
    Placed("127.8.20.1", TABLE, Quirks(v2c=False)),
    Placed("127.8.20.2", TABLE, Quirks(v1=False)),
    Placed("127.8.20.3", TABLE, Quirks(community="geheim")),
    Placed("127.8.20.4", NAMELESS, FLAWLESS),
    Placed("127.8.20.5", NAMELESS, Quirks(v2c=False)),
    Placed("127.8.20.6", ODD, FLAWLESS),
    Placed("127.8.20.7", TABLE, Quirks(first_lost=1)),
    Placed("127.8.20.8", TABLE, Quirks(latency=0.8)),
    Placed("127.8.21.1", TABLE, Quirks(garbage="noise")),
    Placed("127.8.21.2", TABLE, Quirks(garbage="cut")),
    Placed("127.8.21.3", TABLE, Quirks(garbage="empty")),
    Placed("127.8.21.4", TABLE, Quirks(reply_port=True)),
    Placed("127.8.21.5", TABLE, Quirks(request_id_off=1)),
    Placed("127.8.21.6", TABLE, Quirks(reply_address="127.8.1.1")),
    Placed("127.8.21.7", TABLE, Quirks(request_id_off=-(2**31))),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab(PLACED) as lab:
        yield lab


@pytest.fixture
def lab(running: Lab) -> Lab:
    running.restart("127.8.20.7")
    running.forget()
    return running


@pytest.fixture(params=[True, False], ids=["linux", "portable"])
def linux(request: pytest.FixtureRequest) -> bool:
    if request.param and sys.platform != "linux":
        pytest.skip("only Linux has it")
    return request.param


def addresses(cidr):
    network = ip_network(cidr)
    return range(int(network[0]), int(network[-1]) + 1)


def found(result):
    return [answered.address for answered in result.answered]


def test_every_device_is_found_and_every_silent_address_gets_two_packets(lab, linux):
    """Eleven /24 at once, 2,816 addresses: 13 answer in the first pass, the others are asked once more."""
    ranges = [addresses(f"127.8.{net}.0/24") for net in range(1, 12)]
    result = sweep(ranges, port=lab.port, timeout=1.5, linux=linux, **UNPACED)

    assert set(found(result)) == GOOD
    assert result.asked == 11 * 256
    assert result.packets == 2 * 11 * 256 - len(GOOD)
    report = lab.report()
    assert report["requests"] == result.packets
    assert report["octets_in"] == result.octets_out
    packets = {address: tally["packets"] for address, tally in report["per address"].items()}
    assert {packets[address] for address in GOOD} == {1}
    assert {count for address, count in packets.items() if address not in GOOD} == {2}
    assert report["set"] == report["malformed"] == 0
    assert (result.strays, result.malformed, result.unreachable) == (0, 0, 0)


def test_an_answer_says_what_answered(lab):
    (answered,) = sweep([["127.8.1.77"]], port=lab.port, timeout=2.0, **UNPACED).answered
    assert (answered.address, answered.port, answered.version) == ("127.8.1.77", lab.port, ber.V2C)
    assert (answered.description, answered.object_id) == (b"A printer", "1.3.6.1.4.1.1347.41")
    assert (answered.community, "public" in repr(answered)) == ("public", False)


def test_v1_only_and_v2c_only_devices_are_found_with_the_same_two_packets(lab):
    """The first pass asks in v2c, the second in v1; who has no sysDescr answers with an error, and counts."""
    result = sweep([[f"127.8.20.{n}" for n in (1, 2, 4, 5, 6)]], port=lab.port, timeout=1.0, **UNPACED)
    assert {one.address: one.version for one in result.answered} == {
        "127.8.20.1": ber.V1,
        "127.8.20.2": ber.V2C,
        "127.8.20.4": ber.V2C,
        "127.8.20.5": ber.V1,
        "127.8.20.6": ber.V2C,
    }
    without = {one.address for one in result.answered if (one.description, one.object_id) == (None, None)}
    assert without == {"127.8.20.4", "127.8.20.5", "127.8.20.6"}


def test_a_lost_packet_is_made_good_by_the_second_pass(lab):
    result = sweep([["127.8.20.7"]], port=lab.port, timeout=0.5, **UNPACED)
    assert found(result) == ["127.8.20.7"]


def test_an_answer_that_comes_in_the_second_pass_counts_for_the_first(lab):
    """Sent in v2c, asked again in v1 after half a second, answered after eight tenths."""
    (answered,) = sweep([["127.8.20.8"]], port=lab.port, timeout=0.5, **UNPACED).answered
    assert answered.version == ber.V2C


def test_each_community_has_its_passes(lab):
    """A second community costs as much as the first, for addresses that the first did not find."""
    result = sweep(
        [["127.8.20.3", "127.8.1.1", "127.8.30.1"]],
        port=lab.port,
        communities=("public", "geheim"),
        timeout=0.4,
        **UNPACED,
    )
    assert {one.address: one.community for one in result.answered} == {
        "127.8.20.3": "geheim",
        "127.8.1.1": "public",
    }
    assert lab.packets_to("127.8.30.1") == 4
    assert lab.packets_to("127.8.20.3") == 3


def test_without_retries_there_is_one_packet(lab):
    result = sweep([addresses("127.8.1.0/28")], port=lab.port, timeout=0.3, retries=0, **UNPACED)
    assert (result.packets, found(result)) == (16, ["127.8.1.1"])


def test_what_is_no_answer_finds_nobody(lab, linux):
    """Rubbish, another port, another id, or an answer from a neighbour's address: dropped and counted."""
    result = sweep([[f"127.8.21.{n}" for n in range(1, 8)]], port=lab.port, timeout=0.5, linux=linux, **UNPACED)
    assert found(result) == []
    assert result.malformed == 6
    assert result.strays == 8


def test_a_neighbours_answer_does_not_make_a_silent_address_answer(lab):
    """127.8.21.6 answers from 127.8.1.1, with its own id: 127.8.1.1 is found by its own answer alone."""
    result = sweep([["127.8.21.6", "127.8.1.1"]], port=lab.port, timeout=0.5, **UNPACED)
    assert found(result) == ["127.8.1.1"]
    assert result.strays == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize("count", [10, 2600], ids=["one by one", "in bursts"])
def test_who_is_unreachable_is_not_asked_again(count):
    """Nothing listens at the port, and the network says so: one packet each, and no waiting for a timeout."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    result = sweep([addresses("127.8.48.0/20")[:count]], port=port, timeout=30.0, **UNPACED)
    assert (result.packets, result.unreachable, found(result)) == (count, count, [])
    assert result.seconds < 30


def test_closed_ports_beside_devices_do_not_hide_them(lab, linux):
    """An error about one packet shows up at the next send; that one must still go out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    mixed = [one for n in range(1, 255) for one in ((f"127.8.1.{n}", closed), (f"127.8.1.{n}", lab.port))]
    result = sweep([mixed], timeout=0.5, linux=linux, **UNPACED)
    assert set(found(result)) == {address for address in GOOD if address.startswith("127.8.1.")}
    assert {one.port for one in result.answered} == {lab.port}


def test_an_address_the_system_refuses_is_skipped(lab, linux):
    """A broadcast address among the targets costs nothing and stops nothing."""
    result = sweep([["255.255.255.255", "127.8.1.1"]], port=lab.port, timeout=0.3, linux=linux, **UNPACED)
    assert found(result) == ["127.8.1.1"]
    assert (result.unreachable, result.packets) == (1, 1)


def test_an_address_named_twice_is_asked_once(lab):
    """Ranges that overlap must not cost a silent address more than its two packets."""
    twice = [["127.8.1.1", "127.8.1.2"], [0x7F080102, ("127.8.1.2", lab.port)]]
    result = sweep(twice, port=lab.port, timeout=0.3, **UNPACED)
    assert result.asked == 2
    assert lab.packets_to("127.8.1.2") == 2


def test_nothing_to_ask_sends_nothing():
    result = sweep([[], []], **UNPACED)
    assert (result.asked, result.packets, result.answered, result.seconds) == (0, 0, [], 0.0)


@pytest.mark.parametrize(
    "wrong", ["10.1.2", "printer.example", "fe80::1", "::1%lo", -1, 2**32, ("10.1.2.3", 0), ("10.1.2.3", 65536)]
)
def test_what_is_no_address_is_refused_before_anything_is_sent(wrong):
    with pytest.raises(ValueError):
        sweep([["127.0.0.1", wrong]], port=9, **UNPACED)


def test_ranges_are_asked_side_by_side():
    """A small range is spread over the whole pass, so that no router gets all its packets in a row."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("0.0.0.0", 0))
        listening.settimeout(5)
        port = listening.getsockname()[1]
        large, small = addresses("127.8.40.0/26"), addresses("127.8.41.0/29")
        result = sweep([large, small], port=port, timeout=0.01, retries=0, linux=False, **UNPACED)
        ids = [ber.decode(listening.recv(2000)).request_id for _ in range(result.packets)]
    assert ids == list(range(ids[0], ids[0] + 72))  # places in the order they are asked

    order = [key >> 16 in small for key in _Places([large, small], port).keys]
    at = [place for place, is_small in enumerate(order) if is_small]
    assert len(at) == 8
    assert max(b - a for a, b in itertools.pairwise(at)) <= 10


def test_the_pace_is_kept(lab):
    """64 packets and again 61 at 200 a second: at least 0.6 s, and each range at its own pace."""
    whole = sweep([addresses("127.8.1.0/26")], port=lab.port, timeout=0.1, pace=Pace(200))
    assert whole.packets == 127
    assert whole.seconds >= 0.6
    began = time.monotonic()
    both = sweep(
        [addresses("127.8.42.0/27"), addresses("127.8.43.0/27")],
        port=lab.port,
        timeout=0.1,
        **UNPACED,
        retries=0,
        range_packets_per_second=100,
    )
    assert both.packets == 64
    assert time.monotonic() - began >= 0.3  # 64 at 2 x 100 a second


def test_a_sweep_is_driven_step_by_step_and_says_what_is_ahead(lab):
    """Whoever drives it gets a turn again and again, sees each answer once, and knows how long it still takes."""
    driven = Sweep([addresses("127.8.1.0/24")], port=lab.port, timeout=0.5, pace=Pace(2000))
    assert (driven.ahead, driven.seconds_ahead) == (512, pytest.approx(512 / 2000 + 2 * 0.5))
    ahead, answered, turns = [], [], 0
    for one in driven:
        ahead.append(driven.ahead)
        turns += one is None
        answered += [one] if one else []
    assert answered == driven.result.answered
    assert len(answered) == 3
    assert turns > 10
    assert ahead == sorted(ahead, reverse=True)
    assert (ahead[-1], driven.seconds_ahead) == (0, 0)


def test_two_sweeps_share_one_budget(lab):
    """Whatever sends in this process spends from one pace."""
    pace = Pace(200)
    began = time.monotonic()
    both = [iter(Sweep([addresses(f"127.8.{net}.0/27")], port=lab.port, timeout=0.1, pace=pace)) for net in (44, 45)]
    while both:
        both = [one for one in both if next(one, "end") != "end"]
    assert lab.report()["requests"] == 128
    assert time.monotonic() - began >= 0.6


def test_ids_are_salted():
    """Two sweeps of the same address use unlike ids."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(5)
        for _ in range(2):
            sweep([["127.0.0.1"]], port=listening.getsockname()[1], timeout=0.01, retries=0, **UNPACED)
        ids = [ber.decode(listening.recv(2000)).request_id for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(ber.FIRST_ID <= one <= ber.LAST_ID for one in ids)


def test_versions_can_be_chosen(lab):
    """A site that speaks v2c only is asked in v2c twice."""
    result = sweep([["127.8.20.1", "127.8.20.2"]], port=lab.port, timeout=0.4, versions=(ber.V2C,), **UNPACED)
    assert found(result) == ["127.8.20.2"]
    assert lab.packets_to("127.8.20.1") == 2


def test_an_engine_of_v3_answers_whoever_asks_and_silence_costs_four_packets(lab):
    """Asked over SNMPv3 first: one that answers is not asked with a community."""
    account = Account("meter", "SHA-256", "a good password")
    with Secured([Safe("127.32.0.1", [], (account,))]) as printers:
        (answered,) = sweep([["127.32.0.1"]], port=printers.port, secured=True, timeout=1.0, **UNPACED).answered
        assert (answered.version, answered.community, answered.description) == (3, "", None)
        assert answered.engine.id == printers.printers["127.32.0.1"].engine()
        assert answered.engine.boots == 7
        assert printers.packets("127.32.0.1") == 1
    lab.forget()
    result = sweep([["127.8.1.77", "127.8.99.1"]], port=lab.port, secured=True, timeout=0.5, **UNPACED)
    assert [(one.address, one.version) for one in result.answered] == [("127.8.1.77", ber.V2C)]
    assert (lab.packets_to("127.8.1.77"), lab.packets_to("127.8.99.1")) == (3, 4)


def test_a_burst_asks_over_v3_as_one_packet_does(lab, linux):
    ranges = [addresses(f"127.8.{net}.0/24") for net in range(1, 11)]
    result = sweep(ranges, port=lab.port, secured=True, communities=(), retries=0, timeout=0.1, linux=linux, **UNPACED)
    assert (result.packets, result.answered) == (2560, [])
    report = lab.report()
    assert report["malformed"] == 2560  # the lab speaks no SNMPv3
    assert report["octets_in"] == result.octets_out == 2560 * 64


def test_addresses_of_both_versions_are_swept_together(lab, linux):
    """Among thousands of IPv4 addresses, in bursts where there are bursts; one address, however it is spelled."""
    try:
        opened = OverSix(Placed("::1", TABLE, FLAWLESS))
    except OSError:
        pytest.skip("this computer has no IPv6")
    with opened as six:
        mixed = [addresses(f"127.8.{net}.0/24") for net in range(1, 12)] + [[("::1", six.port), ("0:0::1", six.port)]]
        result = sweep(mixed, port=lab.port, timeout=1.0, linux=linux, **UNPACED)
        assert set(found(result)) == {*GOOD, "::1"}
        assert result.answered[-1].address == "::1"
        assert (result.asked, six.packets) == (11 * 256 + 1, 1)
