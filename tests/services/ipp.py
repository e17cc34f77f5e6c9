"""A small IPP responder: answers the attributes it is given, in bytes that are made here and not by the agent.

`asked` keeps each request, so that a test can see what was asked for."""

import socketserver
import struct
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

INTEGER, BOOLEAN, ENUM, TEXT, NAME, KEYWORD, URI = 0x21, 0x22, 0x23, 0x41, 0x42, 0x44, 0x45
JOB, PRINTER = 0x02, 0x04

Group = tuple[int, Mapping[str, Any]]


def answer(groups: Sequence[Group], status: int = 0) -> bytes:
    """Groups as (delimiter, {name: value or list of values}): an int is an integer, a dict a collection, bytes an
    octetString, None out of band."""
    octets = struct.pack(">BBHI", 2, 0, status, 1) + b"\x01" + attribute(0x47, "attributes-charset", b"utf-8")
    for delimiter, attributes in groups:
        octets += bytes([delimiter])
        for name, value in attributes.items():
            for number, one in enumerate(value if isinstance(value, list) else [value]):
                octets += _value("" if number else name, one)
    return octets + b"\x03"


def attribute(tag: int, name: str, content: bytes) -> bytes:
    return struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(content)) + content


def _value(name: str, value: Any) -> bytes:
    if value is None:
        return attribute(0x12, name, b"")
    if isinstance(value, bool):
        return attribute(BOOLEAN, name, bytes([value]))
    if isinstance(value, int):
        return attribute(INTEGER, name, struct.pack(">i", value))
    if isinstance(value, bytes):
        return attribute(0x30, name, value)
    if isinstance(value, dict):
        members = b"".join(attribute(0x4A, "", key.encode()) + _value("", one) for key, one in value.items())
        return attribute(0x34, name, b"") + members + attribute(0x37, "", b"")
    return attribute(TEXT, name, value.encode("utf-8", "surrogatepass"))


class Responder:
    """Listens on a Unix socket (`path`) or on loopback (`port`). `replies` are {operation: body}; an operation that is
    not among them is answered with server-error-operation-not-supported."""

    def __init__(self, replies: Mapping[int, bytes], path: Path | None = None, status: int = 200) -> None:
        self.replies = dict(replies)
        self.status = status
        self.asked: list[bytes] = []
        handler = self._handler()
        self._server: socketserver.BaseServer
        if path is None:
            self._server = _Tcp(("127.0.0.1", 0), handler)
            self.port = self._server.server_address[1]
        else:
            self._server = _Unix(str(path), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def _handler(responder: "Responder") -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                responder.asked.append(body)
                operation = int.from_bytes(body[2:4], "big")
                reply = responder.replies.get(operation, answer([], 0x0501))
                self.send_response(responder.status)
                self.send_header("content-type", "application/ipp")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def address_string(self) -> str:
                return "local"

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is http.server's
                pass

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


if hasattr(socketserver, "ThreadingUnixStreamServer"):

    class _Unix(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
