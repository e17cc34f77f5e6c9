"""One IPP request to a service on this computer, over a Unix socket or loopback. Nothing here leaves the computer.

HTTP is spoken by hand, as much as one POST needs: the standard library's client brings TLS along, and every wake of
every workstation would pay for it.
"""

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

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
        with _connected(service) as connection, connection.makefile("rb") as answer:
            connection.sendall(_head(service.path, len(message)) + message)
            return parse(_body(answer, time.monotonic() + TIMEOUT))
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


def _body(answer: BinaryIO, until: float) -> bytes:
    """The body of an HTTP response (RFC 9112): in chunks, as long as it says, or to the end. Bounded in octets and in
    time: a service that trickles must not hold up a wake."""
    status, headers = _headers(answer)
    while 100 <= status < 200:
        status, headers = _headers(answer)
    if status != 200:
        raise NoAnswer(f"the service says {status} to a request for IPP")
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = bytearray()
        while length := _number(_line(answer).partition(";")[0], 16):
            body += _read(answer, length, until)
            _line(answer)
            if len(body) > LARGEST:
                raise NotIpp("it does not come to an end")
        return bytes(body)
    return _read(answer, _number(headers["content-length"], 10) if "content-length" in headers else None, until)


def _headers(answer: BinaryIO) -> tuple[int, dict[str, str]]:
    version, _, rest = _line(answer).partition(" ")
    if not version.startswith("HTTP/1."):
        raise NotIpp("nor HTTP")
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = _line(answer)
        if not line:
            return _number(rest[:3], 10), headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise NotIpp("more headers than any service has")


def _line(answer: BinaryIO) -> str:
    line = answer.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise NotIpp("it ends too early")
    return line.decode("latin-1").rstrip("\r\n")


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        raise NotIpp("it says no length") from None
    if not 0 <= number <= LARGEST:
        raise NotIpp("it is too long")
    return number


def _read(answer: BinaryIO, length: int | None, until: float) -> bytes:
    """`length` octets; None: all there are, and LARGEST + 1 at most."""
    body = bytearray()
    wanted = LARGEST + 1 if length is None else length
    while len(body) < wanted:
        part = answer.read1(min(65536, wanted - len(body)))  # type: ignore[attr-defined]
        if not part:
            break
        body += part
        if time.monotonic() > until:
            raise NotIpp("it does not come to an end")
    if length is not None and len(body) < length:
        raise NotIpp("it ends too early")
    return bytes(body)
