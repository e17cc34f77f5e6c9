import contextlib
import socket
import sys
import threading

import pytest

from flexprint_agent.ipp import client, message
from flexprint_agent.ipp.client import NoAnswer, Service, ask, is_this_computer
from services import ipp

ASKED = message.request(message.CUPS_GET_PRINTERS, {})
TOLD = {message.CUPS_GET_PRINTERS: ipp.answer([(ipp.PRINTER, {"printer-name": "a"})])}


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
def test_a_service_is_asked_over_its_socket(tmp_path):
    with ipp.Responder(TOLD, tmp_path / "cups.sock") as responder:
        answer = ask(Service(tmp_path / "cups.sock"), ASKED)
    assert answer.of(message.PRINTER) == [{"printer-name": ["a"]}]
    assert responder.asked == [ASKED]


def test_a_service_is_asked_on_loopback():
    with ipp.Responder(TOLD) as responder:
        assert ask(Service(port=responder.port), ASKED).successful


def test_a_service_that_is_not_there_or_refuses_is_said(tmp_path):
    with pytest.raises(NoAnswer, match="does not answer"):
        ask(Service(tmp_path / "none.sock"), ASKED)
    with ipp.Responder(TOLD, status=401) as responder, pytest.raises(NoAnswer, match="401"):
        ask(Service(port=responder.port), ASKED)
    with ipp.Responder({message.CUPS_GET_PRINTERS: b"<html>"}) as responder, pytest.raises(NoAnswer, match="not speak"):
        ask(Service(port=responder.port), ASKED)


def answered(said):
    """What the client makes of a service that says these octets and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak():
            taken, _ = listening.accept()
            with taken:
                taken.recv(65536)
                taken.sendall(said)

        speaking = threading.Thread(target=speak)
        speaking.start()
        try:
            return ask(Service(port=listening.getsockname()[1]), ASKED)
        finally:
            speaking.join()


BODY = TOLD[message.CUPS_GET_PRINTERS]
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "said",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        OK + b"\r\n" + BODY,
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5] + b"\r\n%x;a=b\r\n" % (len(BODY) - 5) + BODY[5:]
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n" + BODY,
    ],
    ids=["length", "to the end", "chunks", "continue"],
)  # fmt: skip
def test_a_body_is_read_however_it_is_sent(said):
    assert answered(said).of(message.PRINTER) == [{"printer-name": ["a"]}]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"220 mail.example.com ESMTP\r\n",
        b"HTTP/1.1 200 OK",
        OK + b"Content-Length: %d\r\n\r\n" % (len(BODY) + 1) + BODY,
        OK + b"Content-Length: -1\r\n\r\n" + BODY,
        OK + b"Content-Length: 99999999999\r\n\r\n" + BODY,
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + BODY,
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5],
        OK + b"A: b\r\n" * 200 + b"\r\n" + BODY,
        OK + b"A: " + b"b" * 20_000 + b"\r\n\r\n" + BODY,
        b"HTTP/1.1 426 Upgrade Required\r\n\r\n",
    ],
)
def test_anything_else_on_the_port_is_no_answer(said):
    with pytest.raises(NoAnswer):
        answered(said)


def test_a_service_that_trickles_holds_nobody_up(monkeypatch):
    """Each octet comes in time, and the answer never."""
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def trickle():
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.01):
                    connection.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises(NoAnswer, match=r"come to an end|timed out"):
                ask(Service(port=listening.getsockname()[1]), b"")
        finally:
            over.set()
            thread.join()


def test_a_path_cannot_smuggle_a_second_request():
    with ipp.Responder(TOLD) as responder:
        ask(Service(port=responder.port, path="/a b\r\nX: y"), ASKED)
    assert responder.asked == [ASKED]


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("LOCALHOST.", True), ("127.0.0.1", True), ("::1", True), ("10.1.2.3", False), ("", False)],
)
def test_this_computer_is_known_by_its_names(host, here):
    assert is_this_computer(host) is here
