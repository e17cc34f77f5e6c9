from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

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
