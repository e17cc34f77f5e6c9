"""The HTTPS client. httpx is imported when there is something to send, and not before.

TLS is always verified, against the system's own trust store and the site's CA file. Proxies come from the settings,
else from the system. Plain http goes to this computer alone, and only where the person asked for it.
"""

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import urlsplit

from flexprint_agent import __version__
from flexprint_agent.send.answers import LARGEST_ANSWER, Answer, acknowledgement
from flexprint_agent.send.errors import (
    BadRoute,
    DeliveryError,
    NotTheCollector,
    NotTrusted,
    Overloaded,
    ProxyRefused,
    Unreachable,
)
from flexprint_agent.send.proxies import Proxy, fetched, of_a_pac, of_the_system

if TYPE_CHECKING:
    import httpx

ATTEMPTS: Final = 3
"""How often one batch is tried within one send."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts at most; a collector that asks for more is left alone until the next wake."""

_Outcome = TypeVar("_Outcome")

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(slots=True, frozen=True)
class Patience:
    """Seconds. `silence` is how long either side may say nothing, `whole` how long one answer may take."""

    connect: float = 10.0
    silence: float = 30.0
    whole: float = 120.0


@dataclass(slots=True, frozen=True)
class Route:
    """How the collector is reached."""

    server: str
    ca: str | None = None
    proxy: str | None = None
    proxy_user: str | None = None
    proxy_password: str | None = field(default=None, repr=False)
    insecure_loopback: bool = False
    proxy_pac: str | None = None


def server_address(text: str, *, insecure_loopback: bool) -> str:
    """The collector's address as it is kept: https, without a slash at its end. Raises BadRoute."""
    written = text.strip()
    try:
        parts = urlsplit(written if "://" in written else f"https://{written}")
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadRoute(f"{written} is no address ({error}); write it as https://collector.example.com") from None
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.query or parts.fragment:
        raise BadRoute(f"{written} is no address of a collector; write it as https://collector.example.com")
    if parts.scheme == "http" and not (insecure_loopback and is_loopback(host)):
        raise BadRoute(
            f"{written} is not encrypted; write https:// "
            "(plain http is for trying things out on this computer: a loopback address and --insecure-loopback)"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK


def pause_before(attempt: int, retry_after: float | None, luck: float) -> float:
    """Seconds to wait before `attempt` (2 is the first repetition): 1, 2, 4 ... or what the collector asked for.

    `luck` (0 to 1) takes off up to half, so that sites which lost the collector at the same moment do not come
    back at the same moment.
    """
    if retry_after is not None:
        return retry_after
    return float(2 ** (attempt - 2)) * (1 - luck / 2)


class Collector:
    """One connection to the collector. `octets` counts the bodies that were posted, repetitions included."""

    def __init__(
        self,
        route: Route,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        luck: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.octets = 0
        self._route = route
        self._patience = patience or Patience()
        self._sleep = sleep
        self._luck = luck
        self._clock = clock
        self._client = _open(route, self._patience)

    def hand_over(self, sealed: bytes, hashed: bytes) -> int:
        """Posts one batch until it is acknowledged; the number of reads stored. Raises DeliveryError when the few
        attempts of one send are used up."""
        from flexprint_shared.sealing import MEDIA_TYPE

        def attempt() -> int:
            return acknowledgement(self.post("/agent/v1/batches", sealed, MEDIA_TYPE), hashed)

        return self.again(attempt)

    def again(self, attempt: Callable[[], _Outcome]) -> _Outcome:
        """What `attempt` gives, tried a few times where that makes sense. Raises DeliveryError."""
        for count in range(2, ATTEMPTS + 1):
            try:
                return attempt()
            except DeliveryError as error:
                retry_after = error.retry_after if isinstance(error, Overloaded) else None
                pause = pause_before(count, retry_after, self._luck())
                if not error.again or pause > LONGEST_PAUSE:
                    raise
                self._sleep(pause)
        return attempt()

    def post(self, path: str, body: bytes, media_type: str) -> Answer:
        """The answer to one POST, whatever its status. Raises DeliveryError when there is none."""
        self.octets += len(body)
        return self._ask("POST", path, body, {"content-type": media_type})

    def greet(self) -> Answer:
        """What answers when the collector is asked whether it is alive. Raises DeliveryError when nothing does."""
        return self._ask("GET", "/healthz", None, {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        until = self._clock() + self._patience.whole
        try:
            with self._client.stream(method, self._route.server + path, content=body, headers=headers) as response:
                received = self._body(response, until)
                return Answer(response.status_code, dict(response.headers), received)
        except DeliveryError:
            raise
        except Exception as error:
            raise translated(error, self._route.server) from error

    def _body(self, response: "httpx.Response", until: float) -> bytes:
        """What is answered, up to LARGEST_ANSWER octets and until the clock says `until`."""
        received = bytearray()
        for piece in response.iter_bytes():
            received += piece
            if len(received) >= LARGEST_ANSWER:
                break
            if self._clock() > until:
                raise Unreachable(
                    f"{self._route.server} takes too long to answer; nothing is lost, it can be tried again later"
                )
        return bytes(received[:LARGEST_ANSWER])

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(route: Route, patience: Patience) -> "httpx.Client":
    import httpx

    timeout = httpx.Timeout(patience.silence, connect=patience.connect)
    agent = {"user-agent": f"flexprint-agent/{__version__}"}
    if route.server.startswith("http://"):
        if not (route.insecure_loopback and is_loopback(urlsplit(route.server).hostname or "")):
            raise BadRoute(f"{route.server} is not encrypted; enrol again with https://")
        # Nothing of it may leave this computer, so no proxy either. A context that trusts nobody is made in no time.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx.Client(verify=nobody, timeout=timeout, headers=agent, trust_env=False)
    verify = trust(route.ca)
    proxy = proxy_of(route, verify)
    try:
        return httpx.Client(verify=verify, timeout=timeout, headers=agent, proxy=_spoken(proxy), trust_env=False)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        # The words of a bad address may hold a password, so they are not repeated.
        why = str(error) if isinstance(error, ImportError) else "its address is none"
        raise BadRoute(
            f"the proxy cannot be used ({why}); set one as "
            "`flexprint-agent settings proxy http://proxy.example.com:3128`, or correct HTTPS_PROXY and ALL_PROXY"
        ) from None


def proxy_of(route: Route, context: ssl.SSLContext) -> Proxy | None:
    """The proxy on this route; None for a straight way. A user that was set is the user of whatever proxy there is.
    Raises BadRoute, Unreachable."""
    if route.proxy is not None:
        proxy: Proxy | None = Proxy(route.proxy, "settings")
    elif route.proxy_pac is not None:
        proxy = of_a_pac(fetched(route.proxy_pac, context), route.server)
    else:
        proxy = of_the_system(route.server)
    if proxy is None or route.proxy_user is None:
        return proxy
    return replace(proxy, user=route.proxy_user, password=route.proxy_password)


def _spoken(proxy: Proxy | None) -> "httpx.Proxy | None":
    import httpx

    if proxy is None:
        return None
    return httpx.Proxy(proxy.url, auth=None if proxy.user is None else (proxy.user, proxy.password or ""))


def trust(ca: str | None) -> ssl.SSLContext:
    """The system's trust store, and the site's own authority where it has one. Raises BadRoute."""
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise BadRoute(
                f"{ca} cannot be used as a certificate authority ({error.strerror or error}); give a file in PEM form"
            ) from error
    return context


def translated(error: Exception, server: str) -> DeliveryError:
    """What an error of httpx, or of what stands below it, means to the person here. Errors that are none of the
    network come back as they are, by being raised."""
    import httpx

    later = "nothing is lost, it can be tried again later"
    if isinstance(error, httpx.ProxyError):
        return ProxyRefused(
            f"the proxy did not let the agent through ({error}); check it with `flexprint-agent settings proxy`, "
            "and its user and password with `settings proxy_user` and `settings proxy_password`",
            wants_password=str(error).startswith("407"),
        )
    if (cause := _caused_by(error, ssl.SSLCertVerificationError)) is not None:
        return NotTrusted(
            f"{server} could not prove who it is ({getattr(cause, 'verify_message', '') or cause}); if this network "
            "inspects HTTPS, add its authority with `flexprint-agent settings ca FILE`, and check this computer's clock"
        )
    if _caused_by(error, ssl.SSLError) is not None and isinstance(error, httpx.ConnectError):
        return NotTrusted(
            f"{server} does not speak TLS as it should ({error}); check its address and the proxy on the way"
        )
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return Unreachable(
            f"{server} cannot be reached ({error or 'no answer'}); check the network, the collector's address, and "
            f"whether a proxy or a firewall stands between ({later})"
        )
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"{server} took too long to answer; {later}")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError | UnicodeError):
        return NotTheCollector(f"{server} is no address that can be asked ({error}); enrol again with the right one")
    if isinstance(error, httpx.DecodingError | httpx.TooManyRedirects | httpx.CookieConflict):
        return NotTheCollector(
            f"what answers at {server} is not the collector ({error}); "
            "check the address with `flexprint-agent status`, and whether this network wants a sign-in first"
        )
    if isinstance(error, httpx.HTTPError | httpx.StreamError | OSError):
        return Unreachable(f"the connection to {server} was cut ({error or type(error).__name__}); {later}")
    raise error


def _caused_by(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The first error of `kind` in the chain of causes (httpx wraps httpcore, which wraps ssl)."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, kind):
        seen = seen.__cause__ or seen.__context__
    return seen
