from collections.abc import Iterator
from pathlib import Path

import pytest

from flexprint_agent.keep import Keep
from flexprint_agent.page.instance import Running
from flexprint_agent.wake import segments
from lab.site import BEYOND_LOOPBACK, Lab
from services.local_page import PRINTERS, ROUTER, Person, router, serving, the_time


@pytest.fixture(autouse=True)
def no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the gateway of this computer."""
    monkeypatch.setattr(segments, "_default_gateways", lambda: ([], "this computer has no gateway"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def running(home: Path) -> Iterator[Running]:
    with serving(home) as page:
        yield page


@pytest.fixture
def person(running: Running) -> Iterator[Person]:
    """Somebody who was let in."""
    visitor = Person(running)
    assert visitor.enter().status_code == 200
    visitor.get("settings")
    yield visitor
    visitor.close()


@pytest.fixture(scope="module")
def lab():
    with Lab([*PRINTERS, router("10.201.2.0/24", "10.202.0.0/16")]) as running:
        yield running


@pytest.fixture
def gateway(lab, monkeypatch):
    """The lab's router is the gateway."""
    monkeypatch.setattr(segments, "_default_gateways", lambda: ([(ROUTER, lab.port)], None))


@pytest.fixture
def keep(home):
    """The home as another command sees it, beside the page. It searches nothing but targets."""
    with Keep(home) as opened:
        opened.choices.set(dict.fromkeys(BEYOND_LOOPBACK, "off") | {"search_timeout": "0.3"}, ())
        yield opened


@pytest.fixture
def set_up(person, keep, lab, collector):
    """Enrolled, with the lab's printers known and read; the assistant is through."""
    person.get("setup/connect")
    person.post("setup/connect", {"server": collector.url, "key": "FPK-1", "do": "enrol"})
    person.running.work.wait()
    keep.notes.forget("page_setup")
    keep.choices.add_targets([f"{one.address}:{lab.port}" for one in PRINTERS], the_time())
    person.get("printers")
    person.post("printers/search")
    assert person.settled("printers").status_code == 200
    return person
