"""A site that reaches no collector, through two browsers alone: a file is carried there and back, and the workbook comes."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from e2e.journey import RECIPIENT, Agent, Collector, sheet_rows
from flexprint_agent.keep import Keep
from lab.office import office
from lab.site import Lab
from services.local_page import serving
from services.smtp import Sink

CHROMIUM = os.environ.get("FLEXPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: `make test-system` installs it, or FLEXPRINT_CHROMIUM names one"
    ),
]

PRINTERS = [one for one in office() if one.truth and one.truth.total][:5]


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def a_page(browser: Browser) -> Page:
    return browser.new_context(locale="en", java_script_enabled=False).new_page()


def saved(page: Page, name: str, folder: Path) -> Path:
    """The file that a button or a link of this name gives."""
    with page.expect_download() as download:
        page.get_by_text(name, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_file_is_carried_there_and_back_and_the_workbook_comes(
    browser: Browser, tmp_path: Path, collector: Collector, relay: Sink, agent: Agent
) -> None:
    with Lab(PRINTERS) as lab, serving(agent.home) as running:
        agent.enroll(collector)
        agent.run("add", *(f"{one.address}:{lab.port}" for one in PRINTERS))
        # From here on no way leads out: the proxy that it should take is not there.
        agent.run("settings", "proxy", "http://127.0.0.1:9")
        agent.run("search")
        agent.run("read")
        assert collector.stored_reads() == []

        site = a_page(browser)
        site.goto(running.door.address())
        site.wait_for_url("**/")
        site.goto(f"{running.door.origin}{running.door.root}/sent")
        site.get_by_label("Ask for the workbook, too").check()
        export = saved(site, "Save a file for your dealer", tmp_path)

        desk = a_page(browser)
        desk.goto(f"{collector.url}/agents/carried")
        desk.get_by_label("E-mail address").fill("owner@northwind.example")
        desk.get_by_label("Password").fill("correct horse battery")
        desk.get_by_role("button", name="Sign in").click()
        desk.get_by_label("The agent's file").set_input_files(export)
        desk.get_by_role("button", name="Bring it").click()
        desk.get_by_role("heading", name="5 reads are stored").wait_for()
        acknowledgement = saved(desk, "Acknowledgement for the agent", tmp_path)
        (mail,) = relay.wait_for(1)

        site.reload()
        site.get_by_text("in a file since").first.wait_for()
        site.get_by_label("The file from your dealer").set_input_files(acknowledgement)
        site.get_by_role("button", name="Take in the answer").click()
        site.get_by_text("Nothing waits any more.").wait_for()
        site.get_by_text("carried in a file").first.wait_for()
    with Keep(agent.home) as keep:
        assert keep.spool.unsettled() == keep.spool.count("waiting") == 0
    assert mail["To"] == RECIPIENT
    totals = {one.truth.serial: one.truth.total for one in PRINTERS}
    assert {str(row["Serial"]): row["Total"] for row in sheet_rows(mail)} == totals
    assert dict(collector.stored_reads()) == totals
