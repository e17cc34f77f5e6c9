"""The socket: it waits instead of dropping, and tells whom the system will not send to."""

import errno
import socket
import sys

import pytest

from flexprint_agent.snmp.wire import Unsendable, Wire, in_order, spelled


def has_six():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


six = pytest.mark.skipif(not has_six(), reason="this computer has no IPv6")


@pytest.fixture(params=[True, False], ids=["linux", "portable"])
def wire(request):
    if request.param and sys.platform != "linux":
        pytest.skip("only Linux has it")
    with Wire(linux=request.param) as opened:
        yield opened


def failing(*codes):
    """A send that fails with these errors, then succeeds."""
    waiting = list(codes)

    def send():
        if waiting:
            code = waiting.pop(0)
            raise OSError(code, "as the test wants it")
        return 57

    return send


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOBUFS, errno.EINTR])
def test_a_full_queue_is_waited_for(wire, code):
    """A skipped packet is a printer missed; the queue empties in its own time."""
    assert wire.insist(code, failing(*[code] * 20)) == 57


def test_the_error_of_an_earlier_packet_is_not_taken_for_this_ones(wire):
    """Linux reports it at the next send, which then sends nothing."""
    assert wire.insist(errno.ECONNREFUSED, failing(errno.ECONNREFUSED, errno.EHOSTUNREACH)) == 57


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENETUNREACH, "no route to its network"),
        (errno.EACCES, "a broadcast address, or a local firewall forbids it"),
        (errno.EPERM, "a local firewall forbids it"),
        (errno.EMSGSIZE, "EMSGSIZE"),
    ],
)
def test_an_error_that_stays_is_told_in_words(wire, code, words):
    with pytest.raises(Unsendable, match=words):
        wire.insist(code, failing(*[code] * 50))


def test_the_broadcast_address_is_refused_by_the_system(wire):
    with pytest.raises(Unsendable, match="broadcast"):
        wire.send(b"hello", ("255.255.255.255", 9))


def test_datagrams_arrive_with_their_senders(wire):
    with Wire() as other:
        port, here = (one.socket.getsockname()[1] for one in (wire, other))
        for number in range(300):
            other.send(b"%d" % number, ("127.0.0.1", port))
        assert wire.wait(5)
        assert list(wire.receive()) == [(b"%d" % number, ("127.0.0.1", here)) for number in range(300)]
        assert not wire.wait(0)


def test_the_receive_buffer_is_far_larger_than_the_default(wire):
    """The default holds 270 answers on Linux."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        usual = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert wire.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= usual


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_linux_says_who_is_unreachable_and_what_it_dropped():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.9.9.9", 0))
        port = unused.getsockname()[1]
    with Wire(linux=True) as wire:
        wire.send(b"anybody?", ("127.9.9.9", port))
        wire.wait(5)
        assert list(wire.receive()) == []
        assert list(wire.undeliverable()) == [(("127.9.9.9", port), "the port is closed", b"anybody?")]
        assert wire.dropped() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_answers_dropped_for_want_of_room_are_counted():
    with Wire(linux=True) as wire, Wire() as other:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(200):
            other.send(bytes(1000), ("127.0.0.1", wire.socket.getsockname()[1]))
        kept = len(list(wire.receive()))
        assert kept + wire.dropped() == 200
        assert wire.dropped() > 0


def test_where_the_system_says_nothing_nothing_is_claimed():
    with Wire(linux=False) as wire:
        assert list(wire.undeliverable()) == []
        assert wire.dropped() is None


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("fe80:0::1%eth0", "fe80::1%eth0"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::1", "::1"),
    ],
)
def test_an_address_is_spelled_in_one_way(address, text):
    assert spelled(address) == text


@pytest.mark.parametrize(
    "address", ["10.1.2", "printer", "", "fe80::1", "fe80::1%", "2001:db8::7%eth0", "10.1.2.3%eth0", "::g", "1::2::3"]
)
def test_what_is_no_address_is_told(address):
    with pytest.raises(ValueError, match=r"IP address|interface"):
        spelled(address)


def test_addresses_are_sorted_by_number_ipv4_first():
    places = [
        ("fe80::1%b", 1),
        ("10.0.0.10", 1),
        ("2001:db8::1", 1),
        ("10.0.0.9", 2),
        ("10.0.0.9", 1),
        ("fe80::1%a", 1),
    ]
    assert sorted(places, key=lambda place: in_order(*place)) == [
        ("10.0.0.9", 1),
        ("10.0.0.9", 2),
        ("10.0.0.10", 1),
        ("2001:db8::1", 1),
        ("fe80::1%a", 1),
        ("fe80::1%b", 1),
    ]


@six
def test_both_versions_of_ip_go_over_one_wire(wire):
    """The second socket is there from the first IPv6 address on."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other, Wire() as four:
        other.bind(("::1", 0))
        other.settimeout(5)
        port = other.getsockname()[1]
        four.send(b"four", ("127.0.0.1", wire.socket.getsockname()[1]))
        wire.send(b"six", ("::1", port))
        said, asker = other.recvfrom(100)
        other.sendto(said, asker)
        arrived = {}
        while len(arrived) < 2:
            assert wire.wait(5)
            arrived |= dict(wire.receive())
        assert arrived == {b"four": ("127.0.0.1", four.socket.getsockname()[1]), b"six": ("::1", port)}
    assert wire.dropped() in (0, None)


@six
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_linux_says_who_is_unreachable_over_ipv6():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as unused:
        unused.bind(("::1", 0))
        port = unused.getsockname()[1]
    with Wire(linux=True) as wire:
        wire.send(b"anybody?", ("::1", port))
        wire.wait(5)
        assert list(wire.receive()) == []
        assert list(wire.undeliverable()) == [(("::1", port), "the port is closed", b"anybody?")]


def test_an_interface_that_is_not_there_is_told(wire):
    with pytest.raises(Unsendable, match="no interface nowhere0"):
        wire.send(b"hello", ("fe80::1%nowhere0", 9))
