"""The socket: it waits instead of dropping, and tells whom the system will not send to."""

import errno
import socket
import sys

import pytest

from flexprint_agent.snmp.wire import Unsendable, Wire


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
