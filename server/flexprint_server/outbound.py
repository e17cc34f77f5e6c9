"""Requests that leave for an address somebody typed into a page. None of them reaches what only this machine can: other
hosts of its network, the machine itself, a cloud's metadata. The operator names the exceptions.

The name is looked up here and the connection made to the very address that was checked: a name that is answered
differently the second time leads nowhere else.
"""

import ipaddress
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from time import monotonic
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpcore

LARGEST: Final = 512 << 10
"""Octets of an answer at most."""

AT_ONCE: Final = 4
"""Requests under way to one host at most: whoever waits for a slow one has a thread of ours, which others need."""

_LONGEST: Final = 20.0
"""Seconds that a connection lives at most, however slowly it goes on."""

_SECONDS: Final = 10.0
_TIMEOUTS: Final = {"connect": _SECONDS, "read": _SECONDS, "write": _SECONDS, "pool": _SECONDS}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class CannotReach(Exception):
    """No answer that could be used. The message says why, without what was answered."""


class Outbound:
    """`inside` are networks that may be reached besides public addresses, over plain HTTP, too."""

    def __init__(self, inside: Iterable[Network] = ()) -> None:
        self._inside = tuple(inside)
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()

    @cached_property
    def _pool(self) -> httpcore.ConnectionPool:
        """Made when it is first needed: reading the certificates of the world takes a while."""
        return httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=_Guarded(self._inside),
            http2=False,
            max_connections=None,
            max_keepalive_connections=0,  # each lives for one request: Timed
        )

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A JSON object. Raises CannotReach."""
        return self._ask("GET", url, {"Accept": "application/json", **(headers or {})}, None)

    def post(self, url: str, form: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """A JSON object in answer to an encoded form. Raises CannotReach."""
        kind = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, {**kind, **headers}, form)

    def check(self, url: str) -> None:
        """Raises CannotReach for an address that would never be asked."""
        self._checked(url)

    def _checked(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            raise CannotReach(f"{url[:200]!r} is no web address.") from None
        if not fits or parts.username or not url.isascii() or not url.isprintable():
            raise CannotReach(f"{url[:200]!r} is no web address that can be asked.")
        if parts.scheme == "http" and not self._is_inside(parts.hostname or ""):
            raise CannotReach(f"{url[:200]!r} has to begin with https://.")
        return parts

    def _is_inside(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._inside if network.version == address.version)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, Any]:
        parts = self._checked(url)
        try:
            with (
                self._turn(parts.hostname or ""),
                self._pool.stream(
                    method, url, headers=[*headers.items()], content=body, extensions={"timeout": _TIMEOUTS}
                ) as response,
            ):
                octets = bytearray()
                for part in response.iter_stream():
                    octets += part
                    if len(octets) > LARGEST:
                        raise CannotReach(f"{parts.hostname} answers too much.")
                status = response.status
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise CannotReach(f"{parts.hostname} cannot be reached: {_words(error)}") from error
        if status != 200:
            raise CannotReach(f"{parts.hostname} answers {status} at {parts.path or '/'}.")
        try:
            document = json.loads(octets)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise CannotReach(f"{parts.hostname} answers no JSON object at {parts.path or '/'}.")
        return document

    @contextmanager
    def _turn(self, host: str) -> Iterator[None]:
        """Raises CannotReach where AT_ONCE others ask the host already."""
        with self._lock:
            if self._under_way[host] >= AT_ONCE:
                raise CannotReach(f"{host} has not answered others yet. Try again in a minute.")
            self._under_way[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[host] -= 1
                self._under_way += Counter()  # what is at nothing goes


class _Guarded(httpcore.NetworkBackend):
    """Connects to addresses that were checked."""

    def __init__(self, inside: Sequence[Network]) -> None:
        self._inside = inside
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"there is no such host ({error.strerror})") from error
        allowed = [
            str(address) for address in (ipaddress.ip_address(entry[4][0]) for entry in found) if self._may(address)
        ]
        if not allowed:
            raise httpcore.ConnectError(
                "it is inside this collector's own network, where only the operator can allow it (FLEXPRINT_INSIDE)"
            )
        stream = self._plain.connect_tcp(allowed[0], port, timeout, local_address, socket_options)
        return Timed(stream, monotonic() + _LONGEST)

    def _may(self, address: _Address) -> bool:
        return is_public(address) or any(
            address in network for network in self._inside if network.version == address.version
        )


class Timed(httpcore.NetworkStream):
    """A connection that ends at `until`, by a clock that only rises: timeouts of single reads alone would let a host
    that sends an octet now and then go on for days."""

    def __init__(self, stream: httpcore.NetworkStream, until: float, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._until = until
        self._clock = clock

    def _left(self, timeout: float | None) -> float:
        left = self._until - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("it takes too long")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return Timed(inner, self._until, self._clock)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def is_public(address: _Address) -> bool:
    """Whether an address is anybody's on the Internet; IPv4 addresses in IPv6 ones count as what they are."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address in _TRANSLATED:
            return False
    return address.is_global and not address.is_multicast


_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
"""NAT64 (RFC 6052): reaches any IPv4 address, private ones included."""


def _words(error: Exception) -> str:
    return str(error)[:300] or type(error).__name__
