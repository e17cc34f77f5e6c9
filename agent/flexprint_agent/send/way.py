"""The way to the collector, walked step by step, so that a person sees where it ends and what to do there.

`walk` looks, what a step says is pure: `explained` for a certificate, `clock_step` for the clock.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from flexprint_agent.errors import AgentError
from flexprint_agent.send import certificate
from flexprint_agent.send.answers import Answer
from flexprint_agent.send.certificate import Certificate
from flexprint_agent.send.client import Collector, Patience, Route, proxy_of, trust
from flexprint_agent.send.errors import BadRoute, NotTheCollector, NotTrusted, ProxyRefused, Unreachable
from flexprint_agent.send.proxies import Proxy

_PATIENCE: Final = Patience(connect=10.0, silence=15.0, whole=30.0)
_WRONG_CLOCK: Final = timedelta(minutes=5)
"""What a clock may be off: less is the network's and the collector's own."""

State = Literal["ok", "trouble", "skipped"]


@dataclass(slots=True, frozen=True)
class Step:
    """`told` is what was seen, `next_step` what to do where there is trouble."""

    name: str
    state: State
    told: str
    next_step: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"step": self.name, "state": self.state, "told": self.told, "next_step": self.next_step}


def require_open(route: Route, now: datetime) -> None:
    """Raises DeliveryError, or BadRoute, unless the collector answers. A wrong clock does not close the way."""
    for step in walk(route, now):
        if step.state == "trouble" and step.name != "clock":
            raise _CLOSED.get(step.name, Unreachable)(f"{step.told}; {step.next_step}")


_STEPS: Final = ("proxy", "name", "connection", "password", "certificate", "collector", "clock")
_CLOSED: Final = {"proxy": BadRoute, "password": ProxyRefused, "certificate": NotTrusted, "collector": NotTheCollector}


def walk(route: Route, now: datetime) -> list[Step]:
    """Every step up to the first trouble; those behind it are skipped."""
    taken = list(_steps(route, now))
    behind = _STEPS[len({step.name for step in taken}) :]
    return taken + [Step(name, "skipped", "not tried, as the step before has to be mended first") for name in behind]


def _steps(route: Route, now: datetime) -> Iterator[Step]:
    try:
        proxy = proxy_of(route, trust(route.ca)) if route.server.startswith("https://") else None
    except AgentError as error:
        yield _trouble("proxy", error)
        return
    yield _proxy_step(proxy)
    host, port = _first_hop(route, proxy)
    try:
        found = sorted({str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        yield Step("name", "trouble", f"nobody knows the name {host}", _unknown_name(proxy))
        return
    yield Step("name", "ok", f"{host} is {', '.join(found[:4])}")
    try:
        socket.create_connection((host, port), _PATIENCE.connect).close()
    except OSError as error:
        told = f"{host} takes no connection at port {port} ({error.strerror or error})"
        yield Step("connection", "trouble", told, _no_connection(route, proxy))
        return
    yield Step("connection", "ok", f"{host} takes connections at port {port}")
    yield from _collector_steps(route, proxy, now)


def _proxy_step(proxy: Proxy | None) -> Step:
    if proxy is None:
        return Step("proxy", "ok", "no proxy is on the way")
    named_by = {"settings": "the settings", "pac": "the PAC file", "system": "this system"}[proxy.source]
    return Step("proxy", "ok", f"{proxy.url}, named by {named_by}" + (f", as {proxy.user}" if proxy.user else ""))


def _first_hop(route: Route, proxy: Proxy | None) -> tuple[str, int]:
    if proxy is not None:
        return proxy.place
    parts = urlsplit(route.server)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _unknown_name(proxy: Proxy | None) -> str:
    if proxy is not None:
        return "check the proxy's name with your IT: `flexprint-agent settings proxy`"
    return (
        "check that this computer is online (does a web page open?) and that the collector's address is right; in a "
        "network that only its proxy leaves, set that: `flexprint-agent settings proxy http://proxy.example.com:3128`"
    )


def _no_connection(route: Route, proxy: Proxy | None) -> str:
    if proxy is not None:
        return "check the proxy's address and port with your IT: `flexprint-agent settings proxy`"
    host = urlsplit(route.server).hostname
    return (
        f"ask your IT to let this computer reach {host} by HTTPS, or for the proxy that does, and set that: "
        "`flexprint-agent settings proxy http://proxy.example.com:3128`"
    )


def _collector_steps(route: Route, proxy: Proxy | None, now: datetime) -> Iterator[Step]:
    let_in = Step("password", "ok", "the proxy lets the agent through" if proxy else "nobody on the way wants one")
    try:
        with Collector(route, patience=_PATIENCE) as collector:
            answer = collector.greet()
    except ProxyRefused as error:
        yield _trouble("password", error)
        return
    except NotTrusted as error:
        shown = certificate.shown_by(route.server, proxy)
        host = urlsplit(route.server).hostname or ""
        yield let_in
        yield _trouble("certificate", error) if shown is None else explained(shown, host, now)
        return
    except AgentError as error:
        yield let_in
        yield _trouble("certificate", error)
        return
    secure = route.server.startswith("https://")
    yield let_in
    yield Step("certificate", "ok", "it proved who it is" if secure else "none, as it is on this computer")
    yield collector_step(answer)
    if collector_step(answer).state == "ok":
        yield clock_step(answer, now)


def _trouble(name: str, error: AgentError) -> Step:
    """Our errors say what happened, and after the first semicolon what to do."""
    told, _, step = str(error).partition("; ")
    return Step(name, "trouble", told, step or "send the report of this walk to your dealer")


def explained(shown: Certificate, host: str, now: datetime) -> Step:
    """Why a certificate was not trusted, as far as it tells itself."""
    seen = f"who answers shows a certificate for {shown.subject}, issued by {shown.issuer}"
    # What a proxy makes up begins at the moment it was asked, by the clock of the proxy.
    if not shown.not_before - _WRONG_CLOCK <= now <= shown.not_after:
        return Step(
            "certificate",
            "trouble",
            f"{seen}; it holds from {shown.not_before:%Y-%m-%d} to {shown.not_after:%Y-%m-%d}, "
            f"and this computer's clock says {now:%Y-%m-%d}",
            "if that clock is wrong, correct it; if it is right, tell your dealer that the certificate has run out",
        )
    if shown.names and not any(covers(name, host) for name in shown.names):
        return Step(
            "certificate",
            "trouble",
            f"{seen}; it is for {', '.join(shown.names[:4])} and not for {host}",
            "open a web page in a browser: where the network wants a sign-in first, sign in; else check the "
            "collector's address with your dealer",
        )
    if shown.is_its_own_issuer:
        return Step(
            "certificate",
            "trouble",
            f"{seen} itself (SHA-256 {shown.fingerprint})",
            "ask your dealer whether this is the collector's own; if so, get it from them as a file and add it: "
            "`flexprint-agent settings ca FILE`",
        )
    return Step(
        "certificate",
        "trouble",
        f"{seen}, which this computer does not trust: the network looks into HTTPS, or the collector has a private "
        "authority",
        f"ask your IT for the certificate of {shown.issuer} as a PEM file and add it: `flexprint-agent settings ca "
        f"FILE`; or ask them to let {host} through unopened",
    )


def covers(name: str, host: str) -> bool:
    """Whether a name of a certificate is for `host` (RFC 6125: a * stands for one label, the first)."""
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:] != "")


def collector_step(answer: Answer) -> Step:
    """Whether what answers is a collector."""
    if answer.status == 407:
        return Step(
            "collector",
            "trouble",
            "the proxy wants a user and a password",
            "`flexprint-agent settings proxy_user NAME` and `flexprint-agent settings proxy_password -`",
        )
    if answer.status in (401, 403):
        return Step(
            "collector",
            "trouble",
            f"something on the way wants to know who you are (HTTP {answer.status})",
            "ask your IT to let the collector's address through without a sign-in",
        )
    if answer.status >= 500:
        return Step(
            "collector",
            "trouble",
            f"the collector is in trouble itself (HTTP {answer.status})",
            "nothing to do here: the reads wait, and are sent once it is well again; tell your dealer if it lasts",
        )
    if answer.status != 200 or answer.body.strip() != b"alive":
        return Step(
            "collector",
            "trouble",
            f"what answers is not the collector (HTTP {answer.status}, {answer.media_type or 'no type'})",
            "open a web page in a browser: where the network wants a sign-in first, sign in; else check the "
            "collector's address with your dealer",
        )
    return Step("collector", "ok", "the collector answers")


def clock_step(answer: Answer, now: datetime) -> Step:
    """How this computer's clock stands beside the one of the collector, by the answer's Date."""
    try:
        said = parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return Step("clock", "skipped", "the collector does not say what time it is")
    off = now - said
    if abs(off) <= _WRONG_CLOCK:
        return Step("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, as the collector's")
    minutes = round(abs(off).total_seconds() / 60)
    told = f"it is {minutes} minutes {'ahead of' if off > timedelta() else 'behind'} the collector's"
    return Step(
        "clock", "trouble", told, "set this computer's clock by the internet's time: a read is billed by its time"
    )
