"""Which proxy stands between this computer and the collector: the one that was set, else the one that a PAC file
names, else the one that the system names (environment, Windows' internet options, macOS' network settings)."""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote, urlsplit

from flexprint_agent.send.errors import BadRoute, Unreachable

if TYPE_CHECKING:
    import ssl

_PATIENCE: Final = 5.0
"""Seconds for a PAC file, and for a proxy that it names to take a connection."""

_LARGEST_PAC: Final = 1 << 20
"""Octets that are read at most."""

Source = Literal["settings", "pac", "system"]


@dataclass(slots=True, frozen=True)
class Proxy:
    """`url` is without user and password."""

    url: str
    source: Source
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 1080)


def with_user(url: str, source: Source) -> Proxy:
    """A proxy as systems write it: with or without scheme, with or without `user:password@`. Raises ValueError."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host, port = parts.hostname, parts.port
    if not host:
        raise ValueError("no host")
    place = f"[{host}]" if ":" in host else host
    return Proxy(
        f"{parts.scheme}://{place}" + (f":{port}" if port else ""),
        source,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )


def of_the_system(server: str) -> Proxy | None:
    """What the system says of `server`, its exceptions (NO_PROXY, Windows' ProxyOverride) respected. Raises
    BadRoute."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(server)
    named = getproxies()
    url = named.get(parts.scheme) or named.get("all")
    if not url or proxy_bypass(parts.hostname or ""):
        return None
    try:
        return with_user(url, "system")
    except ValueError:
        # The words of a bad address may hold a password, so they are not repeated.
        raise BadRoute(
            "the proxy of this system cannot be used (its address is none); correct it there, in HTTPS_PROXY or "
            "ALL_PROXY, or set one as `flexprint-agent settings proxy http://proxy.example.com:3128`"
        ) from None


def of_a_pac(text: str, server: str, takes: Callable[[Proxy], bool] | None = None) -> Proxy | None:
    """What the PAC file with this `text` says of `server`; None for a straight way. Of several proxies the first that
    takes a connection, as browsers do. Raises BadRoute where the file cannot be used, Unreachable where no way that
    it names is open."""
    try:
        import warnings

        with warnings.catch_warnings():
            # A word that it does not know, it says by a warning; the other ways of the same answer are good.
            warnings.simplefilter("ignore")
            from pypac.parser import PACFile, parse_pac_value

            answer = str(PACFile(text).find_proxy_for_url(server, urlsplit(server).hostname or ""))
            ways = parse_pac_value(answer)
    except ImportError:
        raise BadRoute(
            "reading a PAC file needs an addition to the agent; install it with `pip install 'flexprint-agent[pac]'`, "
            "or ask your IT for the address of the proxy and set that: `flexprint-agent settings proxy ADDRESS`"
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever somebody else's JavaScript may do
        raise BadRoute(
            f"the PAC file cannot be used ({str(error).splitlines()[0][:200] if str(error) else type(error).__name__});"
            " ask your IT, or set the proxy itself: `flexprint-agent settings proxy ADDRESS`"
        ) from None
    return _first_open(ways, takes or connects)


def _first_open(ways: Iterable[str], takes: Callable[[Proxy], bool]) -> Proxy | None:
    closed = []
    for way in ways:
        if way == "DIRECT":
            return None
        if not way.startswith(("http://", "https://")):
            closed.append(f"{way} (of a kind that the agent does not use)")
            continue
        proxy = with_user(way, "pac")
        if takes(proxy):
            return proxy
        closed.append(proxy.url)
    raise Unreachable(
        f"no way that the PAC file names is open ({', '.join(closed) or 'it names none'}); ask your IT, "
        "or set the proxy itself: `flexprint-agent settings proxy ADDRESS` (nothing is lost meanwhile)"
    )


def connects(proxy: Proxy) -> bool:
    try:
        with socket.create_connection(proxy.place, _PATIENCE):
            return True
    except OSError:
        return False


def fetched(url: str, context: "ssl.SSLContext") -> str:
    """The PAC file at `url`, asked for without a proxy. Raises Unreachable."""
    import httpx

    try:
        with (
            httpx.Client(verify=context, timeout=_PATIENCE, trust_env=False, follow_redirects=True) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            content = b"".join(islice(answer.iter_bytes(1 << 14), _LARGEST_PAC >> 14))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(
            f"the PAC file at {url} cannot be had ({error or type(error).__name__}); check its address with "
            "`flexprint-agent settings proxy_pac`, or set the proxy itself: `flexprint-agent settings proxy ADDRESS`"
        ) from None
    return content.decode("utf-8", errors="replace")
