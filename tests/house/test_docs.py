"""What the documents promise is checked like code."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from flexprint_server.settings import NAMES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def wanted(pyproject: str) -> set[str]:
    """The distributions that one of our pyproject files asks for."""
    read = tomllib.loads((ROOT / pyproject).read_text(encoding="utf-8"))
    groups = read.get("dependency-groups", {})
    lines = [*read["project"]["dependencies"], *(line for group in groups.values() for line in group)]
    return {Requirement(line).name for line in lines if not line.startswith("flexprint-")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), f"{document.name} points at {target}, which is not there"


def test_every_dependency_is_justified():
    """docs/dependencies.md names each package that a pyproject file asks for, and none that it does not."""
    rows = re.findall(r"^\| ([a-z][\w., -]*) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    named = {name.strip() for row in rows for name in row.split(",")} - {"package"}
    asked = set().union(*(wanted(f"{folder}pyproject.toml") for folder in ("", "agent/", "server/", "shared/")))
    assert named == {name.lower() for name in asked}


def test_every_setting_of_the_collector_is_documented():
    guide = (ROOT / "docs/guides/operator.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(FLEXPRINT_[A-Z_]+)`", guide)) == set(NAMES)


def test_every_decision_is_listed():
    """In order, each under a number of its own."""
    listed = re.findall(
        r"^(\d+)\. .*\((\d{4}-[\w-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text(), re.MULTILINE
    )
    assert [name for _, name in listed] == sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))
    numbers = [int(number) for number, _ in listed]
    assert numbers == [int(name[:4]) for _, name in listed]
    assert len({*numbers}) == len(numbers)


def test_make_alone_lists_every_target():
    printed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert {line.split()[1] for line in printed.splitlines()} == set(phony[1].split())


def test_make_targets_that_the_documents_name_exist():
    phony = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
    for document in DOCUMENTS:
        for target in re.findall(r"`make ([a-z-]+)", document.read_text(encoding="utf-8")):
            assert target in phony, f"{document.name}: make {target}"


@pytest.mark.parametrize("program", ["flexprint-agent", "flexprint-server"])
def test_commands_that_the_documents_name_exist(program):
    """Every `program command` in the documents is a command of that program."""
    shown = subprocess.run([ROOT / ".venv/bin" / program, "--help"], capture_output=True, text=True, check=True).stdout
    commands = set(re.search(r"\{([a-z,-]+)\}", shown)[1].split(","))
    for document in DOCUMENTS:
        if document.name == "CHANGELOG.md":
            continue
        for command in re.findall(
            rf"{program}(?: --[a-z-]+(?: \S+)?)* ([a-z][a-z-]*)\b", document.read_text(encoding="utf-8")
        ):
            assert command in commands, f"{document.relative_to(ROOT)}: {program} {command}"
