import io
import json
import sys
from dataclasses import dataclass

import pytest

from flexprint_agent.cli import main


@dataclass
class Said:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def agent(tmp_path, capsys, monkeypatch):
    """Runs one command in a home of this test's own."""
    monkeypatch.setenv("FLEXPRINT_AGENT_HOME", str(tmp_path / "home"))

    def run(*words, typed=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        try:
            status = main([str(word) for word in words])
        except SystemExit as stop:
            status = stop.code
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return run


@pytest.fixture
def enrolled(agent, collector):
    """The same, enrolled at `collector`."""
    assert agent("enroll", "--server", collector.url, "--insecure-loopback", "--key", "KEY").status == 0
    return agent
