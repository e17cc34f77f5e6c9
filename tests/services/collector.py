"""A collector that is small enough to misbehave on demand: real HTTP, real signatures, real seals.

What it stores it keeps in memory: `stored` is {(agent, sequence): (hash, document)}. `behaviours` are taken one a
request, in order; when they are used up it behaves.
"""

import base64
import json
import ssl
import threading
import uuid
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from flexprint_shared import batch, checkin, sealing

Reply = tuple[int, str, bytes, dict[str, str]]
Behaviour = Callable[["Exchange"], Reply | None]
"""Gives the answer, or None to cut the connection."""

OCTETS = "application/octet-stream"
JSON = "application/json"


class Exchange:
    """One request, as a behaviour sees it."""

    def __init__(self, collector: "FakeCollector", path: str, body: bytes) -> None:
        self.collector = collector
        self.path = path
        self.body = body

    def honest(self) -> Reply:
        return self.collector.answer(self.path, self.body)


def store_then_cut(exchange: Exchange) -> Reply | None:
    """The batch is stored; its acknowledgement never arrives."""
    exchange.honest()
    return None


def cut(exchange: Exchange) -> Reply | None:
    return None


def status(code: int, headers: dict[str, str] | None = None, media_type: str = "text/plain") -> Behaviour:
    return lambda _: (code, media_type, b"no", headers or {})


def portal(exchange: Exchange) -> Reply | None:
    """A hotel's sign-in page, which says 200 to everything."""
    return 200, "text/html; charset=utf-8", b"<html><body>Welcome! Please sign in.</body></html>", {}


def wrong_hash(exchange: Exchange) -> Reply | None:
    return 200, JSON, json.dumps({"batch": "5a" * 32, "sequence": 1, "reads": 1}).encode(), {}


def problem(code: int, slug: str, **more: Any) -> Behaviour:
    return lambda _: _problem(code, slug, **more)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away, or does not trust us, is what these tests are about."""


class FakeCollector:
    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.identity = Ed25519PrivateKey.generate()
        self.sealing = X25519PrivateKey.generate()
        self.agents: dict[uuid.UUID, bytes] = {}
        self.stored: dict[tuple[uuid.UUID, int], tuple[bytes, dict[str, Any]]] = {}
        self.behaviours: deque[Behaviour] = deque()
        self.requests: list[tuple[str, int]] = []
        self.answered: list[int] = []
        self.check_ins: list[dict[str, Any]] = []
        self.counters: dict[uuid.UUID, int] = {}
        self.telling: dict[str, Any] = {}
        """What the next answers to a check-in say beside the usual; commands are told until they are answered."""
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def reads(self) -> list[tuple[str, int]]:
        """(serial, total) of every read in every stored batch, in the order of arrival."""
        return [
            (str(read.identity.serial), read.meter("total") or 0)
            for _, document in self.stored.values()
            for read in batch.reads_of(document)
        ]

    def reports(self) -> int:
        """How many workbooks were asked for."""
        return sum(document["report"] is not None for _, document in self.stored.values())

    def answer(self, path: str, body: bytes) -> Reply:
        with self._lock:
            if path == "/agent/v1/enroll":
                return self._enroll(json.loads(body))
            if path == "/agent/v1/batches":
                return self._store(body)
            if path == "/healthz":
                return 200, "text/plain", b"alive\n", {}
            if path == "/agent/v1/checkin":
                return self._check_in(body)
            return 200, JSON, b"{}", {}

    def _check_in(self, sealed: bytes) -> Reply:
        header = checkin.header_of(sealed)
        if header.agent not in self.agents:
            return _problem(401, "unknown-agent")
        sealing.verify(sealed, Ed25519PublicKey.from_public_bytes(self.agents[header.agent]))
        newest = self.counters.get(header.agent, 0)
        if header.counter <= newest:
            return _problem(409, "stale-check-in", last_counter=newest)
        self.counters[header.agent] = header.counter
        told = json.loads(checkin.opened(sealed, self.sealing))
        self.check_ins.append(told)
        done = {command["id"] for command in told["commands"]}
        if done:
            self.telling["commands"] = [one for one in self.telling["commands"] if one["id"] not in done]
        usual = {
            "format": 1,
            "at": "2026-11-23T12:00:00Z",
            "settings": {"version": "0", "values": {}},
            "commands": [],
            "deliveries": [],
        }
        return 200, checkin.MEDIA_TYPE, checkin.answer(usual | self.telling, sealed, self.identity), {}

    def _enroll(self, request: dict[str, str]) -> Reply:
        agent = uuid.uuid4()
        self.agents[agent] = base64.b64decode(request["public_key"])
        public = self.sealing.public_key()
        raw = public.public_bytes_raw()
        welcome = {
            "agent_id": str(agent),
            "dealer": "Northwind Copiers",
            "customer": "Harbour Dental",
            "site": "Main Street",
            "identity_key": base64.b64encode(self.identity.public_key().public_bytes_raw()).decode(),
            "sealing_key": {
                "id": sealing.key_id(public).hex(),
                "public_key": base64.b64encode(raw).decode(),
                "signature": base64.b64encode(self.identity.sign(b"flexprint/sealing-key/1\0" + raw)).decode(),
            },
        }
        return 201, JSON, json.dumps(welcome).encode(), {}

    def _store(self, sealed: bytes) -> Reply:
        header = sealing.header_of(sealed)
        hashed = sealing.batch_hash(sealed)
        if header.agent not in self.agents:
            return _problem(401, "unknown-agent")
        sealing.verify(sealed, Ed25519PublicKey.from_public_bytes(self.agents[header.agent]))
        document = batch.unpack(sealing.unseal(sealed, self.sealing))
        known = self.stored.get((header.agent, header.sequence))
        newest = max((number for agent, number in self.stored if agent == header.agent), default=0)
        if (known is None and header.sequence <= newest) or (known is not None and known[0] != hashed):
            last = self.stored[header.agent, newest][0].hex()
            return _problem(409, "stale-sequence", last_sequence=newest, last_hash=last)
        self.stored[header.agent, header.sequence] = (hashed, document)
        receipt = {"batch": hashed.hex(), "sequence": header.sequence, "reads": len(batch.reads_of(document))}
        return 200, JSON, json.dumps(receipt).encode(), {}

    def _handler(collector: "FakeCollector") -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers.get("content-length", 0))))

            def do_GET(self) -> None:
                self._reply(b"")

            def _reply(self, body: bytes) -> None:
                collector.requests.append((self.path, len(body)))
                exchange = Exchange(collector, self.path, body)
                behaviour = collector.behaviours.popleft() if collector.behaviours else Exchange.honest
                reply = behaviour(exchange)
                self.close_connection = True
                if reply is None:
                    return
                code, media_type, content, headers = reply
                collector.answered.append(code)
                self.send_response(code)
                lengths = {"content-type": media_type, "content-length": str(len(content))}
                for name, value in (lengths | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

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


def _problem(code: int, slug: str, **more: Any) -> Reply:
    document = {"type": f"urn:flexprint:problem:{slug}", "title": slug, "status": code, **more}
    return code, "application/problem+json", json.dumps(document).encode(), {}
