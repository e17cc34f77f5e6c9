from collections.abc import Iterator
from pathlib import Path

import pytest

from flexprint_agent.page.instance import Running
from flexprint_agent.wake import segments
from services.local_page import Person, serving


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
