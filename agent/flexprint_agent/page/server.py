"""The sockets of the local page: 127.0.0.1 and nothing else, a bounded number of bounded requests, an end when nobody
uses it."""

import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from flexprint_agent.page.multipart import parts_of

LARGEST_BODY: Final = 2 << 20
"""Octets of a form at most: a pasted list of targets may have one MiB, and some letters take three octets."""

LARGEST_UPLOAD: Final = (4 << 20) + (16 << 10)
"""The same of a form with a file: an acknowledgement, which has four MiB at most."""

MOST_FIELDS: Final = 6000
MOST_AT_ONCE: Final = 32
PATIENCE: Final = 15.0
"""Seconds that a request may take to arrive as a whole; the same for its answer to be taken."""

IDLE: Final = 30 * 60.0
"""Seconds without a request after which the page closes by itself."""

_WITH_FILES: Final = "multipart/form-data"
_LARGEST: Final = {"application/x-www-form-urlencoded": LARGEST_BODY, _WITH_FILES: LARGEST_UPLOAD}

_TICK: Final = 0.25


@dataclass(slots=True, frozen=True)
class Request:
    """`query` and `form` are decoded, `files` are those of the form as they came; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    form: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def asked(self, name: str) -> str:
        """A value of the query, the first of its name; empty where there is none."""
        return self.query.get(name, [""])[0]

    def typed(self, name: str) -> str:
        """The same of the form."""
        return self.form.get(name, [""])[0]


@dataclass(slots=True, frozen=True)
class Response:
    body: bytes = b""
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


_SAFE: Final = (
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not `no-referrer`: browsers then hide where a form comes from, and we could not tell our own.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class Server(ThreadingHTTPServer):
    """`busy` says whether work goes on, during which the page does not count as idle. Until it is told otherwise it has
    no answer for anybody."""

    daemon_threads = True
    block_on_close = False
    # On Windows this would let another user's program listen on the same port, too.
    allow_reuse_address = sys.platform != "win32"
    request_queue_size = MOST_AT_ONCE

    def __init__(self, busy: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self.answer: Callable[[Request], Response] = lambda _: Response(status=503)
        self.after: Callable[[], None] = lambda: None
        self._busy = busy
        self._clock = clock
        self._last_use = clock()
        self._arriving: dict[socket.socket, float] = {}
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(("127.0.0.1", 0), _Handler)

    def answers_with(self, answer: Callable[[Request], Response], after: Callable[[], None]) -> None:
        """`answer` is asked for the answer to each request, `after` is called when it has been given."""
        self.answer, self.after = answer, after

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def server_bind(self) -> None:
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def used(self) -> None:
        """Somebody who may come in did something."""
        self._last_use = self._clock()

    def close_soon(self) -> None:
        """Ends `serve_forever`, also when called from within it."""
        threading.Thread(target=self.shutdown, daemon=True).start()

    def run(self) -> None:
        """Until it is closed, or idle."""
        with self:
            self.serve_forever(poll_interval=_TICK)

    # What socketserver calls

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._arriving[request] = self._clock()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._arriving.pop(request, None)
            self._places.release()

    def arrived(self, request: Any) -> None:
        """A request is here as a whole: what follows is our own time, not that of the client."""
        self._arriving.pop(request, None)

    def service_actions(self) -> None:
        """Cuts those that send an octet now and then, and ends where nobody is left."""
        now = self._clock()
        for request, since in list(self._arriving.items()):
            if now - since > PATIENCE:
                self._arriving.pop(request, None)
                _cut(request)
        if self._busy():
            self._last_use = now
        elif now - self._last_use > IDLE:
            self._last_use = now
            self.close_soon()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no news; all else is told."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            traceback.print_exc()


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = PATIENCE
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d\n"

    def do_GET(self) -> None:
        self.server.arrived(self.connection)
        self._answer({}, {})

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        kind = self.headers.get_content_type()
        if not length.isascii() or not length.isdigit() or "transfer-encoding" in self.headers:
            self._plain(HTTPStatus.LENGTH_REQUIRED)
        elif kind not in _LARGEST:
            self._plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        elif int(length) > _LARGEST[kind]:
            self._plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            body = self.rfile.read(int(length))
            self.server.arrived(self.connection)
            if len(body) < int(length):
                return
            try:
                form, files = self._read_form(kind, body)
            except ValueError:
                self._plain(HTTPStatus.BAD_REQUEST)
                return
            self._answer(form, files)

    def _read_form(self, kind: str, body: bytes) -> tuple[Mapping[str, list[str]], Mapping[str, bytes]]:
        """The fields and the files of a form. Raises ValueError."""
        if kind == _WITH_FILES:
            return parts_of(body, self.headers.get_boundary() or "")
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS), {}

    def _answer(self, form: Mapping[str, list[str]], files: Mapping[str, bytes]) -> None:
        try:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=100)
        except ValueError:
            self._plain(HTTPStatus.BAD_REQUEST)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.answer(Request(self.command, parts.path, query, headers, form, files)))
        self.server.after()

    def _plain(self, status: HTTPStatus) -> None:
        self._send(Response(f"{status.value} {status.phrase}\n".encode(), status, "text/plain; charset=utf-8"))

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in (*_SAFE, *response.headers):
            self.send_header(name, value)
        if response.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", response.media_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)

    def version_string(self) -> str:
        return "flexprint-agent"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is http.server's
        """Addresses hold tokens: nothing of a request is written anywhere."""
