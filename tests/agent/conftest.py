import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import proxy
import pytest
import trustme

from flexprint_agent.keep import Keep
from flexprint_agent.search import interfaces
from flexprint_shared.readings import Identity, Meter, Read
from services.collector import FakeCollector

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_spooler(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this computer prints on is no part of a test, unless the test says so."""
    from flexprint_agent.search.spooler import cups, ipp_usb

    monkeypatch.setattr(cups, "SOCKETS", ())
    monkeypatch.setattr(ipp_usb, "STATES", Path("/nonexistent"))


@pytest.fixture(autouse=True)
def no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's packets stay on loopback: this computer is in no network that a search could ask."""
    monkeypatch.setattr(interfaces, "local_interfaces", list)


@pytest.fixture
def now() -> datetime:
    return MONDAY


@pytest.fixture
def a_read() -> Callable[..., Read]:
    """Makes a read of printer `number`; what a test cares about it names."""

    def make(number: int = 1, total: int = 1000, **facts: object) -> Read:
        identity = Identity(
            manufacturer="Kyocera",
            model="ECOSYS P2040dw",
            serial=f"VD2145{number:04}",
            macs=(f"00:17:c8:b9:{number >> 8:02x}:{number & 255:02x}",),
        )
        usual = {
            "address": f"127.5.{number >> 8}.{number & 255}",
            "port": 161,
            "read_at": MONDAY + timedelta(seconds=number),
            "identity": identity,
            "meters": (Meter("total", total, "impressions", "1.3.6.1.2.1.43.10.2.1.4.1.1", "standard"),),
        }
        return Read(**(usual | facts))  # type: ignore[arg-type]

    return make


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    with Keep(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    """A collector on plain HTTP that misbehaves on demand."""
    with FakeCollector() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A private certificate authority."""
    return trustme.CA(organization_name="Northwind Authority")


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine is on a test's way."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def secure(authority: trustme.CA, no_proxy: None) -> Iterator[FakeCollector]:
    """A collector on HTTPS, vouched for by `authority`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with FakeCollector(context) as running:
        yield running


@pytest.fixture(scope="session")
def web_proxy() -> Iterator[str]:
    """A real proxy that wants a user and a password (office, p@ss:word)."""
    with _proxy("--basic-auth", "office:p@ss:word") as url:
        yield url


@pytest.fixture(scope="session")
def open_proxy() -> Iterator[str]:
    """A real proxy that asks nobody who they are."""
    with _proxy() as url:
        yield url


@contextmanager
def _proxy(*more: str) -> Iterator[str]:
    flags = ["--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1", "--num-acceptors", "1"]
    with proxy.Proxy([*flags, "--log-level", "CRITICAL", *more]) as running:
        yield f"http://127.0.0.1:{running.flags.port}"
