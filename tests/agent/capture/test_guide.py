"""The guide on adding a printer is true: its commands run, print what it shows, and its files are those that lie here."""

import re
import shutil
from pathlib import Path

import pytest

from flexprint_agent.cli import main
from flexprint_agent.read import tables
from lab.recording import load
from lab.site import Lab, recorded

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/guides/adding-a-printer.md").read_text("utf-8")
CAPTURES = ROOT / "tests/captures"

BLOCKS = [
    "\n".join(line[4:] for line in block.splitlines()).strip("\n")
    for block in re.findall(r"(?:^(?: {4}.*)?\n)*^ {4}.*$", GUIDE, re.MULTILINE)
]
COMMANDS = [block for block in BLOCKS if block.startswith("$ ")]


@pytest.fixture
def at_the_desk(tmp_path, monkeypatch):
    """A folder with the capture and the table, and no home of an agent."""
    for name in ("nordwind-p40.snmprec", "nordwind.toml"):
        shutil.copy(CAPTURES / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEXPRINT_AGENT_HOME", str(tmp_path / "home"))
    yield tmp_path
    tables.put_in_force()


def words(block):
    return block.splitlines()[0].removeprefix("$ flexprint-agent ").split()


@pytest.mark.parametrize(
    "block", [one for one in COMMANDS if " vendors " in one], ids=lambda block: block.splitlines()[0]
)
def test_a_command_prints_what_the_guide_shows(block, at_the_desk, capsys):
    assert main(words(block)) == 0
    assert capsys.readouterr().out.rstrip("\n").splitlines() == block.splitlines()[1:]


def test_the_capture_of_the_guide_can_be_taken_and_gives_the_same_file_but_for_the_masks(at_the_desk):
    [block] = [one for one in COMMANDS if " capture " in one]
    (at_the_desk / "nordwind-p40.snmprec").unlink()
    with Lab([recorded("127.33.1.1", CAPTURES / "nordwind-p40.snmprec")]) as lab:
        assert main([f"127.33.1.1:{lab.port}" if word == "10.1.2.3" else word for word in words(block)]) == 0
    taken, kept = load(at_the_desk / "nordwind-p40.snmprec"), load(CAPTURES / "nordwind-p40.snmprec")
    assert [(row.oid, row.tag, len(row.content)) for row in taken if row.oid != "1.3.6.1.2.1.1.3.0"] == [
        (row.oid, row.tag, len(row.content)) for row in kept if row.oid != "1.3.6.1.2.1.1.3.0"
    ]


def test_the_table_and_the_truth_of_the_guide_are_those_that_lie_here():
    table, truth = ((CAPTURES / name).read_text("utf-8").strip() for name in ("nordwind.toml", "nordwind-p40.toml"))
    assert table.partition("\n\n")[2].startswith("[makers]")
    assert any(block.startswith("trees = ") and table.endswith(block) for block in BLOCKS)
    assert any(truth.endswith(block) and block.startswith("tables = ") for block in BLOCKS)
