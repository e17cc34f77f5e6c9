"""Captures of printers are read as their counter pages said, with the tables installed or lying beside them."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flexprint_agent.capture.explain import explain
from flexprint_agent.capture.recording import parse
from flexprint_agent.read import form, tables

FOLDER = Path(__file__).resolve().parents[2] / "captures"
CAPTURES = sorted(FOLDER.glob("*.snmprec"))


@pytest.fixture(autouse=True)
def only_installed_tables():
    yield
    tables.put_in_force()


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_is_read_as_the_counter_page_said(path):
    truth = tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
    if "table" in truth:
        tables.put_in_force(form.check(truth["table"], (FOLDER / truth["table"]).read_text("utf-8")))
    recording = parse(path.read_bytes())
    assert not recording.faults
    explanation = explain(recording, datetime(2026, 11, 23, tzinfo=UTC))
    read = explanation.found.read
    assert [one.file for one in explanation.tables] == truth["tables"]
    assert (read.identity.model, read.identity.serial) == (truth["model"], truth["serial"])
    assert {meter.name: meter.value for meter in read.meters} == truth["meters"]
    assert len(read.warnings) == truth["warnings"], read.warnings


def test_there_is_a_truth_for_every_capture_and_none_is_unmasked():
    assert CAPTURES
    for path in CAPTURES:
        assert path.with_suffix(".toml").exists()
        assert parse(path.read_bytes()).fact("masked") != "no"
