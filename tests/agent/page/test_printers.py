"""The pages of printers, as a browser without scripts sees them."""

import re
from typing import get_args

import pytest

from flexprint_agent.page.catalogue import languages
from flexprint_agent.read.status import ERRORS
from flexprint_shared.batch import reads_of
from flexprint_shared.readings import Status, Supply, SupplyState
from services.local_page import PRINTERS, heading, text_of


def test_printers_are_listed_with_their_meters_and_each_has_a_page(set_up, keep):
    page = set_up.get("printers").text
    for one in PRINTERS:
        assert one.truth.serial in page
        assert f"{one.truth.total:,}" in page
    (first, *_) = keep.devices.all()
    page = set_up.get(f"printer?id={first.id}").text
    assert "Total" in page
    assert first.identity.serial in page
    assert set_up.get("printer?id=4711").status_code == 404
    assert set_up.get("printer?id=x").status_code == 404


def test_supplies_are_bars_with_words_and_a_printers_trouble_is_said(person, keep, a_read):
    supplies = (
        Supply("1.1", "Black toner", "toner", "black", 7, "low", 700, 10000, "percent"),
        Supply("1.2", "Cyan toner", "toner", "cyan", 66, "ok", 6600, 10000, "percent"),
        Supply("1.3", "<script>alert(1)</script>\u202e", "ink", "<b>", None, "some", -3, None, "other"),
        Supply("1.4", "Waste box", "wasteToner", None, 90, "ok", 10, 100, "percent"),
    )
    keep.keep_read(a_read(1, supplies=supplies, status=Status("idle", ("lowToner", "jammed", "odd"))), {})
    keep.keep_read(a_read(2, status=Status("printing")), {})
    keep.keep_read(a_read(3), {})
    page = person.get("printers").text
    said = text_of(page)
    assert "Black 7 % Cyan 66 %" in said
    assert "some left" in said
    assert "<script>alert" not in page
    assert "Waste box" not in said
    assert re.findall(r"paper jam|printing|ready|a supply is low", said) == ["paper jam", "printing", "ready"]
    said = text_of(person.get("printer?id=1").text)
    assert "Black toner Black 7 % low" in said
    assert "90 % full (a waste container)" in said


def test_all_that_a_printer_may_report_has_its_words():
    for words in languages().values():
        assert all(words.has(f"error.{error}") for error in ERRORS)
        assert all(words.has(f"supply.{state}") for state in get_args(SupplyState))


def test_a_label_shows_at_once_and_travels_with_the_next_read(set_up, keep, collector):
    (first, *_) = keep.devices.all()
    set_up.get(f"printer?id={first.id}")
    set_up.post(
        "printer/label",
        {"id": str(first.id), "name": "Front desk\u202e", "asset": "INV-77", "location": "<b>By the lift</b>"},
    )
    assert heading(set_up.page) == "Front desk"
    assert "&lt;b&gt;By the lift&lt;/b&gt;" in set_up.page
    set_up.post("read")
    set_up.running.work.wait(60)
    newest = reads_of(list(collector.stored.values())[-1][1])
    typed = {read.identity.serial: read.typed for read in newest}[first.identity.serial]
    assert (typed.name, typed.asset, typed.location) == ("Front desk", "INV-77", "<b>By the lift</b>")


def test_an_excluded_printer_gets_no_packet_any_more(set_up, keep, lab):
    (first, *_) = keep.devices.all()
    set_up.get(f"printer?id={first.id}")
    set_up.post("printer/exclude", {"id": str(first.id)})
    assert "Excluded" in set_up.page
    lab.forget()
    set_up.post("read")
    set_up.running.work.wait(60)
    assert lab.packets_to(first.address) == 0
    assert first.address in set_up.get("networks").text
    set_up.post("networks/forget", {"target": first.address})
    assert keep.choices.exclusions() == []


def test_a_printer_that_is_added_is_read_at_once(person, keep, lab):
    one = PRINTERS[0]
    person.get("printers")
    person.post("printers/add", {"targets": f"{one.address}:{lab.port}"})
    assert one.truth.serial in person.settled("printers").text


@pytest.mark.parametrize("typed", ["", "not an address!", "10.0.0.0/40", "<script>alert(1)</script>"])
def test_what_is_no_printer_is_refused_and_stays_to_be_mended(person, keep, typed):
    person.get("printers")
    answer = person.post("printers/add", {"targets": typed})
    assert answer.status_code in (200, 422)
    assert keep.choices.targets() == []
    assert "<script>alert" not in answer.text


def test_a_large_range_is_taken_when_the_person_says_so_again(person, keep):
    person.get("networks")
    answer = person.post("networks", {"targets": "10.0.0.0/8\n10.1.2.3"})
    assert answer.status_code == 422
    assert "Yes, I mean these large ranges" in answer.text
    assert keep.choices.targets() == ["10.1.2.3"]
    person.post("networks", {"targets": "10.0.0.0/8", "agree": "on"})
    assert keep.choices.targets() == ["10.1.2.3", "10.0.0.0/8"]


def test_reading_one_printer_now_leaves_the_others_alone(set_up, keep, lab):
    first, other, *_ = keep.devices.all()
    set_up.get(f"printer?id={first.id}")
    lab.forget()
    set_up.post("printer/read", {"id": str(first.id)})
    set_up.running.work.wait(60)
    assert lab.packets_to(first.address) > 0
    assert lab.packets_to(other.address) == 0
