"""Many devices at once over one real socket, answered by the simulated site."""

import math
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread

import pytest

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Traits, get
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from flexprint_agent.snmp.walk import walk
from lab import wire
from lab.device import FLAWLESS, Quirks
from lab.office import Placed
from lab.recording import Row
from lab.site import Lab

SYSTEM = ber.oid("1.3.6.1.2.1.1")
DESCRIPTION, UP_TIME, NAME = (ber.oid(f"1.3.6.1.2.1.1.{part}.0") for part in (1, 3, 5))
TRAYS = ber.oid("1.3.6.1.2.1.43.8.2.1.10")
# Long enough for a busy machine to answer; tests that wait for silence bring their own.
PATIENT = Limits(timeout=5.0, retries=1)


def table(name: str) -> list[Row]:
    return [
        Row("1.3.6.1.2.1.1.1.0", wire.OCTET_STRING, b"A printer"),
        Row("1.3.6.1.2.1.1.3.0", wire.TIMETICKS, wire.whole(4711)),
        Row("1.3.6.1.2.1.1.5.0", wire.OCTET_STRING, name.encode()),
        *(Row(f"1.3.6.1.2.1.43.8.2.1.10.1.{tray}", wire.INTEGER, wire.whole(tray)) for tray in range(1, 60)),
    ]


MANNERS = {
    "good": FLAWLESS,
    "v1": Quirks(v2c=False),
    "v2c": Quirks(v1=False),
    "secret": Quirks(community="geheim"),
    "late": Quirks(latency=1.0),
    "deaf once": Quirks(first_lost=1),
    "deaf twice": Quirks(first_lost=2),
    "no bulk": Quirks(bulk="silence"),
    "noise": Quirks(garbage="noise"),
    "cut": Quirks(garbage="cut"),
    "empty": Quirks(garbage="empty"),
    "other port": Quirks(reply_port=True),
    "other id": Quirks(request_id_off=1),
    "dies": Quirks(silent_after=1),
    "small": Quirks(most_bindings=1, beyond="silence"),
}
AT = {name: f"127.9.1.{place}" for place, name in enumerate(MANNERS, 1)}
AT["elsewhere"] = "127.9.1.100"
SILENT = "127.9.2.1"


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    placed = [Placed(AT[name], table(name), quirks) for name, quirks in MANNERS.items()]
    placed += [Placed(AT["elsewhere"], table("elsewhere"), Quirks(reply_address=AT["good"]))]
    placed += [Placed(f"127.9.3.{place}", table(f"crowd {place}"), FLAWLESS) for place in range(1, 201)]
    with Lab(placed) as lab:
        yield lab


@pytest.fixture
def lab(running: Lab) -> Lab:
    """The site, with all counts at nothing."""
    for name in ("deaf once", "deaf twice", "dies"):
        running.restart(AT[name])
    running.forget()
    return running


@pytest.fixture(params=[True, False], ids=["linux", "portable"])
def linux(request: pytest.FixtureRequest) -> bool:
    """With what only Linux has, and without."""
    if request.param and sys.platform != "linux":
        pytest.skip("only Linux has it")
    return request.param


def ask_name(traits):
    values = yield from get([NAME], traits)
    return values[NAME][1].decode()


def one(exchange, endpoint, begin=ask_name):
    (outcome,) = exchange.run([(endpoint, begin)])
    return outcome


def test_a_conversation_comes_to_its_result(lab, linux):
    exchange = Exchange(PATIENT, linux=linux)
    outcome = one(exchange, Endpoint(AT["good"], lab.port))

    assert (outcome.result, outcome.error, outcome.answered) == ("good", None, True)
    assert (outcome.version, outcome.community) == (ber.V2C, "public")
    assert outcome.packets == 1 == lab.packets_to(AT["good"])
    report = lab.report()
    assert (outcome.octets_out, outcome.octets_in) == (report["octets_in"], report["octets_out"])
    assert (exchange.packets_sent, exchange.packets_received, exchange.strays) == (1, 1, 0)


def test_a_device_silent_to_several_objects_at_once_is_there_all_the_same(lab):
    """What was never heard of is asked again with one object alone; from its answer on it is asked as it can bear."""
    exchange = Exchange(Limits(timeout=0.2, retries=1))
    outcome = one(exchange, Endpoint(AT["small"], lab.port), lambda traits: get([DESCRIPTION, UP_TIME, NAME], traits))

    assert list(outcome.result) == [DESCRIPTION, UP_TIME, NAME]
    assert outcome.result[NAME][1] == b"small"
    assert (outcome.version, outcome.traits.most_objects) == (ber.V2C, 1)


def test_a_device_that_lost_one_packet_is_asked_for_all_of_it_again(lab):
    """The feeler costs it one packet more, and it is not taken for a weak one."""
    exchange = Exchange(Limits(timeout=0.2, retries=1))
    outcome = one(
        exchange, Endpoint(AT["deaf once"], lab.port), lambda traits: get([DESCRIPTION, UP_TIME, NAME], traits)
    )

    assert (len(outcome.result), outcome.packets, outcome.traits.most_objects) == (3, 3, Traits().most_objects)


def test_two_hundred_devices_are_asked_side_by_side(lab, linux):
    """Each outcome is that of its own device, and nothing is sent twice."""
    exchange = Exchange(PATIENT, linux=linux)

    def begin(traits):
        name = yield from get([NAME], traits)
        trays = yield from walk([TRAYS], traits)
        return name[NAME][1].decode(), len(trays)

    asked = [(Endpoint(f"127.9.3.{place}", lab.port), begin) for place in range(1, 201)]
    outcomes = {outcome.endpoint.address: outcome for outcome in exchange.run(asked)}

    assert len(outcomes) == 200
    for place in range(1, 201):
        outcome = outcomes[f"127.9.3.{place}"]
        assert outcome.result == (f"crowd {place}", 59)
        assert outcome.packets == 4
    assert lab.report()["requests"] == 800 == exchange.packets_sent
    assert exchange.strays == exchange.malformed == 0


def test_conversations_begin_as_room_comes_free(lab):
    """A long list is not begun all at once: the next is fetched when one is done."""
    begun, done = [], []

    def targets():
        for place in range(1, 31):
            begun.append(place)
            yield Endpoint(f"127.9.3.{place}", lab.port), ask_name

    for outcome in Exchange(Limits(timeout=5.0, at_once=4)).run(targets()):
        done.append(outcome)
        # four that are done and not yet handed over, and four begun in their place
        assert len(begun) <= len(done) + 8
    assert len(done) == 30


def test_a_v1_device_is_found_and_remembered(lab, linux):
    """v2c is tried first, with its retries; what was learned saves that the next time."""
    exchange = Exchange(Limits(timeout=0.5, retries=1), linux=linux)
    outcome = one(exchange, Endpoint(AT["v1"], lab.port))
    assert (outcome.result, outcome.version, outcome.traits.version) == ("v1", ber.V1, ber.V1)
    assert outcome.packets == 3

    again = one(Exchange(PATIENT), Endpoint(AT["v1"], lab.port, traits=outcome.traits))
    assert (again.result, again.packets) == ("v1", 1)


def test_versions_can_be_chosen(lab):
    outcome = one(Exchange(Limits(timeout=0.2, retries=0)), Endpoint(AT["v1"], lab.port, versions=(ber.V2C,)))
    assert outcome.error == f"no answer to SNMP v2c at {AT['v1']}:{lab.port} within 0.2 s"
    assert one(Exchange(PATIENT), Endpoint(AT["good"], lab.port, versions=(ber.V1,))).version == ber.V1


def test_communities_are_tried_in_their_order(lab):
    endpoint = Endpoint(AT["secret"], lab.port, communities=("public", "geheim"))
    outcome = one(Exchange(Limits(timeout=0.6, retries=0)), endpoint)
    assert (outcome.result, outcome.community) == ("secret", "geheim")
    assert outcome.packets == 2


def test_a_community_is_never_printed(lab):
    """It is a password, and outcomes end up in logs."""
    endpoint = Endpoint(AT["secret"], lab.port, communities=("geheim",))
    outcome = one(Exchange(PATIENT), endpoint)
    assert outcome.community == "geheim"
    assert "geheim" not in repr(endpoint) + repr(outcome) + str(endpoint)


def test_a_silent_address_is_told_in_words(lab, linux):
    """Each version is asked with its retries, and what was waited for stands in the message."""
    exchange = Exchange(Limits(timeout=0.1, retries=1), linux=linux)
    outcome = one(exchange, Endpoint(SILENT, lab.port))
    assert outcome.error == f"no answer to SNMP v2c, v1 at {SILENT}:{lab.port} within 0.1 s"
    assert not outcome.answered
    assert outcome.packets == 4 == lab.packets_to(SILENT)


def test_the_wait_doubles_with_each_retry(lab):
    """0.1 + 0.2 + 0.4 s at least."""
    exchange = Exchange(Limits(timeout=0.1, retries=2))
    outcome = one(exchange, Endpoint(SILENT, lab.port, versions=(ber.V2C,)))
    assert outcome.packets == 3
    assert outcome.seconds >= 0.7


@pytest.mark.parametrize(("name", "packets"), [("deaf once", 2), ("deaf twice", 3)])
def test_a_lost_packet_is_sent_again(lab, name, packets):
    """Sleeping controllers lose the first request."""
    outcome = one(Exchange(Limits(timeout=0.5, retries=2)), Endpoint(AT[name], lab.port))
    assert (outcome.result, outcome.version, outcome.packets) == (name, ber.V2C, packets)


def test_an_answer_that_comes_after_the_retry_still_counts(lab):
    """A device that takes a second is read although it was asked again after half of one."""
    exchange = Exchange(Limits(timeout=0.4, retries=2))
    outcome = one(exchange, Endpoint(AT["late"], lab.port))
    assert (outcome.result, outcome.version) == ("late", ber.V2C)


def test_an_answer_that_comes_after_another_version_was_tried_still_counts(lab):
    """It is then known to speak the version that it answered."""
    outcome = one(Exchange(Limits(timeout=0.75, retries=0)), Endpoint(AT["late"], lab.port))
    assert (outcome.result, outcome.version, outcome.packets) == ("late", ber.V2C, 2)


def test_a_device_that_cannot_getbulk_is_walked_all_the_same(lab):
    def begin(traits):
        name = yield from get([NAME], traits)
        return name, (yield from walk([TRAYS], traits))

    outcome = one(Exchange(Limits(timeout=0.6, retries=0)), Endpoint(AT["no bulk"], lab.port), begin)
    assert len(outcome.result[1]) == 59
    assert not outcome.traits.bulk


def test_a_walk_as_the_first_word_works_with_v1_too(lab):
    """v1 has no GETBULK: the same question goes out as GETNEXT."""
    outcome = one(
        Exchange(Limits(timeout=0.6, retries=0)), Endpoint(AT["v1"], lab.port), lambda traits: walk([TRAYS], traits)
    )
    assert len(outcome.result) == 59
    assert lab.report()["per address"][AT["v1"]]["bulk"] == 1  # the one in v2c that it did not hear


def test_a_device_that_falls_silent_on_the_way_is_told_apart(lab):
    def begin(traits):
        yield from get([NAME], traits)
        return (yield from walk([TRAYS], traits))

    outcome = one(Exchange(Limits(timeout=0.1, retries=0)), Endpoint(AT["dies"], lab.port), begin)
    assert outcome.result is None
    assert outcome.answered
    assert outcome.error == f"{AT['dies']}:{lab.port} stopped answering SNMP v2c: nothing within 0.1 s"


@pytest.mark.parametrize(("name", "count"), [("noise", "malformed"), ("cut", "malformed"), ("empty", "malformed"),
                                             ("other port", "strays"), ("other id", "strays"),
                                             ("elsewhere", "strays")])  # fmt: skip
def test_what_is_not_the_answer_is_dropped_and_counted(lab, linux, name, count):
    """Another address, another port, another id, or no SNMP at all: nobody is answered for."""
    exchange = Exchange(Limits(timeout=0.3, retries=1), linux=linux)
    outcome = one(exchange, Endpoint(AT[name], lab.port, versions=(ber.V2C,)))
    assert outcome.result is None
    assert not outcome.answered
    assert getattr(exchange, count) == 2 == exchange.packets_received


def test_an_answer_from_elsewhere_does_not_speak_for_a_device_that_is_also_asked(lab):
    """The impostor answers from the good device's address; both are under way, and each id has its address."""
    asked = [(Endpoint(AT[name], lab.port, versions=(ber.V2C,)), ask_name) for name in ("elsewhere", "good")]
    exchange = Exchange(Limits(timeout=0.5, retries=0))
    results = {outcome.endpoint.address: outcome.result for outcome in exchange.run(asked)}
    assert results == {AT["elsewhere"]: None, AT["good"]: "good"}
    assert exchange.strays == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_closed_port_ends_at_once_where_the_system_tells():
    """The network says so (ICMP), and waiting for a timeout would not change it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.9.4.1", 0))
        port = unused.getsockname()[1]
    outcome = one(Exchange(Limits(timeout=60.0)), Endpoint("127.9.4.1", port))
    assert outcome.error == f"no answer to SNMP v2c, v1 at 127.9.4.1:{port} within 60 s"
    assert outcome.unreachable == "the port is closed"
    assert outcome.packets == 2  # the other version is worth a packet, another community would not be


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_an_agent_that_starts_again_within_a_conversation_is_waited_for():
    """Its port is closed for a moment: who has answered once is asked again, as after any loss."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.9.4.2", 0))
        port = device.getsockname()[1]
        answering = Thread(target=_answer_once, args=(device,))
        answering.start()

        def asks_twice(traits):
            yield from get([NAME], traits)
            answering.join()  # now its port is closed
            yield from get([NAME], traits)

        limits = Limits(timeout=0.1, retries=2)
        outcome = one(Exchange(limits), Endpoint("127.9.4.2", port), asks_twice)
    assert outcome.error == f"127.9.4.2:{port} stopped answering SNMP v2c: nothing within 0.1 s"
    # One was answered; nothing smaller than the other is left to try, so it is sent three times more than any.
    assert (outcome.packets, outcome.unreachable) == (1 + 3 + 3, None)


def test_a_wrong_answer_first_and_the_right_one_twice_are_one_answer():
    """Seen behind bridges and on agents that answer an earlier request once more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.9.4.3", 0))
        answering = Thread(target=_answer_wrongly_first, args=(device, 2))
        answering.start()
        exchange = Exchange(PATIENT)

        def asks_twice(traits):
            first = yield from get([NAME], traits)
            return first, (yield from get([NAME], traits))

        outcome = one(exchange, Endpoint("127.9.4.3", device.getsockname()[1]), asks_twice)
        answering.join()
    assert outcome.result == ({NAME: (ber.OCTET_STRING, b"printer")},) * 2
    assert outcome.packets == 2
    assert exchange.strays >= 3  # two wrong ones and a double; nobody waits for the last


def _answer_wrongly_first(device, times):
    for _ in range(times):
        datagram, asker = device.recvfrom(2048)
        asked = wire.parse(datagram)
        right = wire.response(asked, 0, 0, wire.binding(NAME, wire.OCTET_STRING, b"printer"))
        wrong = replace(asked, request_id=asked.request_id ^ 1)
        device.sendto(wire.response(wrong, 0, 0, wire.binding(NAME, wire.OCTET_STRING, b"another")), asker)
        device.sendto(right, asker)
        device.sendto(right, asker)


def _answer_once(device):
    datagram, asker = device.recvfrom(2048)
    content = wire.binding(NAME, wire.OCTET_STRING, b"printer")
    device.sendto(wire.response(wire.parse(datagram), 0, 0, content), asker)
    device.close()


def test_closed_ports_beside_a_device_do_not_disturb_it(lab, linux):
    """On Linux the error of one packet shows up at the next send, on Windows at the next receive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.9.4.1", 0))
        port = unused.getsockname()[1]
    asked = [(Endpoint(f"127.9.4.{place}", port), ask_name) for place in range(1, 30)]
    asked[10:10] = [(Endpoint(f"127.9.3.{place}", lab.port), ask_name) for place in range(1, 30)]
    outcomes = list(Exchange(Limits(timeout=0.5, retries=0), linux=linux).run(asked))
    assert sum(outcome.result is not None for outcome in outcomes) == 29
    assert sum(outcome.error is not None for outcome in outcomes) == 29


def test_an_address_that_cannot_be_sent_to_is_told_in_words(lab):
    """The broadcast address is refused by the system; the others go on."""
    asked = [(Endpoint(address, lab.port), ask_name) for address in ("255.255.255.255", AT["good"])]
    outcomes = {outcome.endpoint.address: outcome for outcome in Exchange(PATIENT).run(asked)}
    assert outcomes[AT["good"]].result == "good"
    assert outcomes["255.255.255.255"].error.startswith("no answer to SNMP v2c at 255.255.255.255:")
    assert outcomes["255.255.255.255"].packets == 0


def test_a_conversation_that_fails_ends_alone(lab):
    """What one device says must not end the round for all; the fault is kept for the log."""

    def stumbles(traits):
        yield from get([NAME], traits)
        raise KeyError("what nobody thought of")

    asked = [(Endpoint(AT["v2c"], lab.port), stumbles), (Endpoint(AT["good"], lab.port), ask_name)]
    outcomes = {outcome.endpoint.address: outcome for outcome in Exchange(PATIENT).run(asked)}
    assert outcomes[AT["good"]].result == "good"
    stumbled = outcomes[AT["v2c"]]
    assert isinstance(stumbled.fault, KeyError)
    assert "was not understood" in stumbled.error


def test_a_conversation_that_asks_nothing_is_done_at_once(lab):
    def known(traits):
        return "known"
        yield

    outcome = one(Exchange(PATIENT), Endpoint(SILENT, lab.port), known)
    assert (outcome.result, outcome.packets) == ("known", 0)


def test_one_device_is_not_asked_faster_than_its_gap(lab):
    """Four packets, three gaps between them."""

    def begin(traits):
        name = yield from get([NAME], traits)
        return name, (yield from walk([TRAYS], traits))

    outcome = one(Exchange(Limits(timeout=5.0, gap=0.15)), Endpoint(AT["good"], lab.port), begin)
    assert outcome.packets == 4
    assert outcome.seconds >= 0.45


def test_the_site_has_one_budget_of_packets(lab):
    """40 packets at 100 a second, two at once at most: never under 0.38 s, however many devices there are."""
    exchange = Exchange(Limits(timeout=5.0, packets_per_second=100))
    began = time.monotonic()
    asked = [(Endpoint(f"127.9.3.{place}", lab.port), ask_name) for place in range(1, 41)]
    half = list(exchange.run(asked[:20])) + list(exchange.run(asked[20:]))
    assert len(half) == 40
    assert time.monotonic() - began >= 0.38


def test_leaving_early_closes_what_is_under_way(lab):
    """A caller that stops listening leaves no conversation and no socket behind."""
    closed = []

    def begin(traits):
        try:
            return (yield from get([NAME], traits))
        finally:
            closed.append(traits)

    asked = [(Endpoint(AT["good"], lab.port), begin)] + [(Endpoint(SILENT, lab.port), begin)] * 5
    outcomes = Exchange(PATIENT).run(asked)
    next(outcomes)
    outcomes.close()
    assert len(closed) == 6


def test_request_ids_are_unpredictable_and_four_octets_long():
    """They come from the system's chance, not from a count; an unfit draw is drawn again."""
    draws = iter([b"\x00\x00\x00\x01", b"\x00\xff\xff\xff", b"\xff\x00\x00\x07"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        exchange = Exchange(Limits(timeout=0.05, retries=0), chance=lambda _size: next(draws))
        one(exchange, Endpoint("127.0.0.1", device.getsockname()[1], versions=(ber.V2C,)))
        assert ber.decode(device.recv(2000)).request_id == 0x7F000007


def test_requests_of_other_kinds_are_no_answers():
    """An echo of our own request carries the right id from the right port, and is still no Response."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.settimeout(5)
        exchange = Exchange(Limits(timeout=0.1, retries=0))
        running = exchange.run([(Endpoint("127.0.0.1", device.getsockname()[1], versions=(1,)), echoed(device))])
        assert next(running).result is None
        assert exchange.strays == 1


def echoed(device):
    """A conversation whose device is made to echo what it gets, by the conversation itself, in time."""

    def begin(traits):
        exchange_ask = get([NAME], traits)
        ask = next(exchange_ask)

        def echo():
            datagram, source = device.recvfrom(2000)
            device.sendto(datagram, source)

        Thread(target=echo).start()
        answer = yield ask
        return exchange_ask.send(answer)

    return begin


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "printer.example"},
        {"address": "fe80::1"},
        {"address": "10.1.2"},
        {"address": "10.1.2.3", "port": 0},
        {"address": "10.1.2.3", "port": 65536},
        {"address": "10.1.2.3", "communities": ()},
        {"address": "10.1.2.3", "versions": ()},
    ],
)
def test_an_endpoint_is_checked_where_it_is_made(wrong):
    """Names are looked up before; a name here would block the whole loop."""
    with pytest.raises(ValueError):
        Endpoint(**wrong)


def test_the_callers_traits_are_not_touched(lab):
    """The outcome brings new ones; what was remembered stays until the caller says otherwise."""
    mine = Traits(version=ber.V1, most_objects=7)
    outcome = one(Exchange(PATIENT), Endpoint(AT["good"], lab.port, traits=mine))
    assert (outcome.version, outcome.traits.most_objects) == (ber.V1, 7)
    assert outcome.traits is not mine
    assert mine == Traits(version=ber.V1, most_objects=7)


def test_no_limit_is_a_pace_too(lab):
    exchange = Exchange(Limits(timeout=5.0, packets_per_second=math.inf))
    assert one(exchange, Endpoint(AT["good"], lab.port)).result == "good"
