"""A person's first five minutes: from an empty home to the workbook in the mailbox, through the agent's page alone."""

from pathlib import Path

import pytest

from e2e.journey import CUSTOMER, DEALER, SITE, Collector, sheet_rows
from flexprint_agent.search.spooler import cups, ipp_usb
from flexprint_agent.wake import segments
from lab.office import SEGMENTS, office
from lab.site import Lab
from services.local_page import Person, heading, serving
from services.smtp import Sink


@pytest.fixture(autouse=True)
def nobody_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """The computer of this test has no gateway and no print queue."""
    monkeypatch.setattr(segments, "_default_gateways", lambda: ([], "this computer has no gateway"))
    monkeypatch.setattr(cups, "SOCKETS", ())
    monkeypatch.setattr(ipp_usb, "STATES", Path("/nonexistent"))


def test_somebody_in_an_office_sets_it_up_and_gets_the_workbook(tmp_path: Path, collector: Collector, relay: Sink):
    """They open the address, type what the dealer gave them, say where the printers are, see them found with their meters,
    type their own mail address, and the workbook arrives with every printer's own figures."""
    printers = {one.truth.serial: one.truth for one in office() if one.truth}
    with Lab(office()) as lab, serving(tmp_path / "home") as running:
        person = Person(running)
        person.enter()
        assert heading(person.get().text) == "Connect this computer to your dealer"
        person.post("setup/connect", {"server": collector.url, "key": collector.install_key(), "do": "enrol"})
        page = person.settled("setup/networks").text
        assert f"Connected to {DEALER}, for {CUSTOMER.replace('&', '&amp;')}, {SITE}." in page

        # The boxes of what looks around are left unticked: this computer's networks are no part of the lab.
        where = "\n".join(f"{segment}:{lab.port}" for segment in SEGMENTS)
        person.post("setup/networks", {"around": "shown", "targets": where})
        page = person.settled("setup/printers").text
        assert f"{len(printers)} printers found." in page
        assert all(serial in page for serial in printers)
        assert all(f"{truth.total:,}" in page for truth in printers.values() if truth.total)

        person.post("setup/printers")
        person.post(
            "setup/workbook",
            {"addresses": "office@harbour.example", "how_often": "monthly", "day": "1", "time": "07:00"}
            | {"wakes_per_day": "4", "now": "on"},
        )
        page = person.settled("setup/done").text
        assert "The first workbook is on its way to 1 address." in page
        (mail,) = relay.wait_for(1)

        person.post("setup/done")
        assert heading(person.page) == "Overview"
        person.post("close")
        assert "The page is closed" in person.page
        person.close()
    assert mail["To"] == "office@harbour.example"
    rows = {str(row["Serial"]): row["Total"] for row in sheet_rows(mail)}
    assert rows == {serial: truth.total for serial, truth in printers.items()}
