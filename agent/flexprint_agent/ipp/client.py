"""One IPP request to a service on this computer, over a Unix socket or loopback. Nothing here leaves the computer.

HTTP is spoken by hand, as much as one POST needs: the standard library's client brings TLS along, and every wake of
every workstation would pay for it.
"""

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flexprint_agent.ipp.message import LARGEST, Answer, NotIpp, parse

TIMEOUT: Final = 5.0
"""Seconds for the whole of a request: it is answered from memory, on this computer."""

_LOOPBACK: Final = ("127.0.0.1", "::1")
_LONGEST_LINE: Final = 8192
_MOST_HEADERS: Final = 100


class NoAnswer(Exception):
    """The service is not there, refuses, or says something that is no IPP. The message says which."""


@dataclass(slots=True, frozen=True)
class Service:
    """A socket's path, or a port on loopback; `path` is the resource that is asked."""

    socket: Path | None = None
    port: int = 631
    path: str = "/"

    def __str__(self) -> str:
        return str(self.socket) if self.socket else f"localhost:{self.port}"


def is_this_computer(host: str) -> bool:
    return host.lower().rstrip(".") in ("localhost", *_LOOPBACK)


def ask(service: Service, message: bytes) -> Answer:
    """The answer of `service` to a request (of `message.request`). Raises NoAnswer."""
    try:
        with _connected(service) as connection:
            connection.sendall(_head(service.path, len(message)) + message)
            return parse(_body(_Stream(connection, time.monotonic() + TIMEOUT)))
    except OSError as error:
        raise NoAnswer(f"{service} does not answer ({error})") from error
    except NotIpp as error:
        raise NoAnswer(f"{service} does not speak IPP ({error})") from error


def _connected(service: Service) -> socket.socket:
    if service.socket is not None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(TIMEOUT)
            connection.connect(str(service.socket))
        except OSError:
            connection.close()
            raise
        return connection
    # Never by name: what localhost means is for the hosts file to say, and this must not leave the computer.
    try:
        return socket.create_connection((_LOOPBACK[0], service.port), TIMEOUT)
    except ConnectionRefusedError:
        return socket.create_connection((_LOOPBACK[1], service.port), TIMEOUT)


def _head(path: str, length: int) -> bytes:
    # A resource with a space or a line end in it would be another request.
    resource = "".join(letter if "!" <= letter <= "~" else "-" for letter in path)
    return (
        f"POST {resource} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/ipp\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ).encode()


class _Stream:
    """What a service sends, bounded in time: one that trickles must not hold up a wake."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection, self._until = connection, until
        self._held = bytearray()

    def _more(self) -> bool:
        """Takes what comes next; False at the end."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise NotIpp("it does not come to an end")
        self._connection.settimeout(left)
        part = self._connection.recv(65536)
        self._held += part
        return bool(part)

    def line(self) -> str:
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > _LONGEST_LINE or not self._more():
                raise NotIpp("it ends too early")
        if end > _LONGEST_LINE:
            raise NotIpp("a line longer than any service has")
        line = self._take(end + 1)
        return line.decode("latin-1").rstrip("\r\n")

    def read(self, octets: int) -> bytes:
        while len(self._held) < octets:
            if not self._more():
                raise NotIpp("it ends too early")
        return self._take(octets)

    def rest(self) -> bytes:
        """To the end, and not much more than LARGEST."""
        while len(self._held) <= LARGEST and self._more():
            pass
        return self._take(len(self._held))

    def _take(self, octets: int) -> bytes:
        taken = bytes(self._held[:octets])
        del self._held[:octets]
        return taken


def _body(answer: _Stream) -> bytes:
    """The body of an HTTP response (RFC 9112): in chunks, as long as it says, or to the end; bounded in octets."""
    status, headers = _headers(answer)
    while 100 <= status < 200:
        status, headers = _headers(answer)
    if status != 200:
        raise NoAnswer(f"the service says {status} to a request for IPP")
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = bytearray()
        while length := _number(answer.line().partition(";")[0], 16):
            body += answer.read(length)
            answer.line()
            if len(body) > LARGEST:
                raise NotIpp("it does not come to an end")
        return bytes(body)
    return answer.read(_number(headers["content-length"], 10)) if "content-length" in headers else answer.rest()


def _headers(answer: _Stream) -> tuple[int, dict[str, str]]:
    version, _, rest = answer.line().partition(" ")
    if not version.startswith("HTTP/1."):
        raise NotIpp("nor HTTP")
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = answer.line()
        if not line:
            return _number(rest[:3], 10), headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise NotIpp("more headers than any service has")


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        raise NotIpp("it says no length") from None
    if not 0 <= number <= LARGEST:
        raise NotIpp("it is too long")
    return number
