"""From a printer on the network to a workbook in the mailbox, every part a program of its own."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from e2e.journey import DEALER, RECIPIENT, Agent, Collector, sheet_rows
from lab.office import SEGMENTS, addresses, office
from lab.site import Lab, recorded
from services.smtp import Sink

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = Path(os.environ.get("FLEXPRINT_RECORDINGS") or ROOT.parent / "shared" / "recordings")


def test_what_the_printers_hold_is_what_the_workbook_says(collector: Collector, agent: Agent, relay: Sink):
    """An office is searched, read, uploaded and mailed: every serial and every total in the workbook is the
    printer's own, nothing else is in it, and no silent address got more than two packets."""
    with Lab(office()) as lab:
        agent.enroll(collector)
        agent.run("add", *(f"{segment}:{lab.port}" for segment in SEGMENTS))
        (search,) = agent.run("search")
        asked = lab.report()["per address"]
        reads = agent.run("read")
        (sent,) = agent.run("send", "--report")
        (mail,) = relay.wait_for(1)
    printers = {one.address: one.truth for one in office() if one.truth}
    rows = {str(row["Serial"]): row for row in sheet_rows(mail)}

    assert search["asked"] == len(addresses())
    assert search["printers"] == len(printers)
    assert {read["address"] for read in reads} == set(printers)
    assert sent["acknowledged"] == sent["batches"] >= 1
    assert sent["waiting"] == sent["refused"] == 0
    assert {serial: row["Total"] for serial, row in rows.items()} == {
        truth.serial: truth.total for truth in printers.values()
    }
    devices = {one.address for one in office()}
    assert {tally["packets"] for address, tally in asked.items() if address not in devices} == {2}
    assert mail["To"] == RECIPIENT


def test_a_wake_does_the_whole_job_and_the_next_one_adds_only_what_is_new(
    collector: Collector, agent: Agent, relay: Sink
):
    """The first wake searches, reads, sends and asks for the workbook; the second, the same day, reads and
    sends. Each read is stored once, with the page counts of its own moment."""
    some = [one for one in office() if one.truth and one.truth.total and not one.quirks.as_json()][:6]
    with Lab(some) as lab:
        agent.enroll(collector)
        agent.run("add", *(f"{one.address}:{lab.port}" for one in some))
        (first,) = agent.run("wake")
        later = lab.grow(pages=25)
        lab.down(some[0].address)
        (second,) = agent.run("wake")
    relay.wait_for(1)

    assert (first["searched"], first["read"], first["silent"]) == (True, 6, 0)
    assert (second["searched"], second["read"], second["silent"]) == (False, 5, 1)
    expected = [(one.truth.serial, one.truth.total) for one in some]
    expected += [(one.truth.serial, one.truth.total) for one in later.values() if one.address != some[0].address]
    assert collector.stored_reads() == sorted(expected)
    assert len(relay.mails) == 1


@pytest.mark.recordings
def test_recorded_printers_arrive_with_the_figures_they_were_recorded_with(
    collector: Collector, agent: Agent, relay: Sink
):
    """Every printer among the recordings of real devices, served at an address of its own, ends as a row
    with its life count or its maker's own total; no decoy does."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recordings of real printers at {RECORDINGS}")
    truth = json.loads((RECORDINGS / "truth.json").read_text(encoding="utf-8"))
    placed = [recorded(f"127.21.0.{10 + n}", RECORDINGS / name) for n, name in enumerate(truth)]
    named = {one.address: name for one, name in zip(placed, truth, strict=True)}
    with Lab(placed) as lab:
        agent.enroll(collector)
        agent.run("add", f"127.21.0.0/24:{lab.port}")
        (search,) = agent.run("search")
        agent.run("read")
        agent.run("send", "--report")
        (mail,) = relay.wait_for(1)
    found = {named[one["address"]] for one in search["found"] if one["printer"]}

    assert found == {name for name, facts in truth.items() if facts["is_printer"]}
    totals = [row["Total"] for row in sheet_rows(mail) if row["Total"]]
    serials = Counter(truth[name]["serial"]["best"] for name in found)
    for name in found:
        life_count, serial = truth[name]["life_count"], truth[name]["serial"]["best"]
        if not life_count or (serial and serials[serial] > 1):
            continue  # several captures of one device make one row
        # The maker's own total is what is billed; the life count lies a little above it.
        assert any(abs(total - life_count) <= 100 for total in totals), f"{name}: {life_count} is in no row"


def test_nobody_outside_the_dealer_sees_the_fleet(collector: Collector):
    """The dashboard answers nobody but those who signed in."""
    import httpx

    answer = httpx.get(collector.url, follow_redirects=True)
    assert "password" in answer.text.lower()
    assert DEALER not in answer.text
