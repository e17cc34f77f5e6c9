"""A person at a browser: every page in Chromium, by keyboard alone, at desk and phone width, light and dark; axe-core finds
nothing that keeps anybody out."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from flexprint_agent.keep import Keep
from flexprint_agent.keep.notes import LAST_LOG, LAST_TOLD
from flexprint_agent.page.site import PAGES
from flexprint_agent.wake import segments
from lab.device import Quirks
from lab.office import SEGMENTS, Placed, office
from lab.recording import row
from lab.site import BEYOND_LOOPBACK, Lab
from services.collector import FakeCollector
from services.local_page import serving, the_time

CHROMIUM = os.environ.get("FLEXPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: `make test-system` installs it, or FLEXPRINT_CHROMIUM names one"
    ),
]

ROUTER = "127.20.9.1"
PRINTERS = [one for one in office() if one.truth][::8]


def the_router() -> Placed:
    route = "1.3.6.1.2.1.4.24.7.1.8.1.4"
    told = [
        "1.3.6.1.2.1.1.1.0|4|Branch router",
        f"{route}.10.201.2.0.24.2.0.0.0.0|2|3",
        f"{route}.10.202.0.0.16.2.0.0.0.0|2|3",
    ]
    return Placed(ROUTER, [row(one) for one in told], Quirks(), kind="router")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab():
    with Lab([*PRINTERS, the_router()]) as running:
        yield running


@pytest.fixture
def site(home, lab, monkeypatch):
    """A page on an empty home, whose gateway is the lab's router."""
    monkeypatch.setattr(segments, "_default_gateways", lambda: ([(ROUTER, lab.port)], None))
    with Keep(home) as keep:
        keep.choices.set(dict.fromkeys(BEYOND_LOOPBACK, "off"), ())
    with serving(home) as running:
        yield running


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desk", "phone"])
def page(browser: Browser, site, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A browser that was let in, and complained about nothing in the end."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, locale="en")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(site.door.address())
    page.wait_for_url(f"**{site.door.root}/setup/connect")
    yield page
    context.close()
    assert complaints == []


def is_open_to_all(page: Page) -> None:
    """Nothing serious for axe-core, and nothing that has to be pushed sideways."""
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    told = [(one["id"], [node["html"][:120] for node in one["nodes"]][:3]) for one in found]
    assert told == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url


def set_up(page: Page, lab: Lab, collector: FakeCollector, *, look=lambda _: None) -> None:
    """Through the assistant by its labels, as somebody does who hears the page."""
    page.get_by_label("Address of the collector").fill(collector.url)
    page.get_by_label("Install key").fill("FPK-1")
    look(page)
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("heading", name="Where are your printers?").wait_for()
    page.get_by_label("Other printers and networks").fill("\n".join(f"{one}:{lab.port}" for one in SEGMENTS))
    look(page)
    page.get_by_role("button", name="Find my printers").click()
    page.get_by_role("status").filter(has_text="Searching for printers").wait_for()
    look(page)
    page.get_by_text(f"{len(PRINTERS)} printers found.").wait_for(timeout=60000)
    look(page)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Mail addresses").fill("office@example.com")
    look(page)
    page.get_by_role("button", name="Finish").click()
    page.get_by_text("The first workbook is on its way to 1 address.").wait_for(timeout=60000)
    look(page)
    page.get_by_role("button", name="Go to the overview").click()
    page.get_by_role("heading", name="Overview").wait_for()


def months_later(home: Path) -> None:
    """Everything that pages show only when there is something to be shown."""
    with Keep(home) as keep:
        keep.credentials.add("10.20.1.0/24", {"user": "meter", "auth": "SHA-256", "auth_password": "a good password"})
        keep.credentials.add("", {"community": "one"})
        keep.credentials.add("", {"community": "two"})
        told = {"recipients": "billing@example.com", "report_every": "weekly fri 07:00", "mask_name": "on"}
        keep.handed.put_settings(told | {"packets_per_second": "never"}, "1")
        keep.notes.put(LAST_TOLD, json.dumps({"version": "1"}))
        keep.notes.put(LAST_LOG, json.dumps({"at": "2026-11-22T08:00:00Z", "log": "40 printers read\n"}))
        keep.keep_silence(keep.devices.all()[0].id, the_time())


def test_the_first_five_minutes_and_every_page_are_open_to_everybody(page, site, lab, collector, home):
    """With live progress, and with axe-core at each step."""
    set_up(page, lab, collector, look=is_open_to_all)
    months_later(home)
    paths = [
        path for method, path in PAGES if method == "GET" and path not in ("batch.json", "work", "printer", "batch")
    ]
    for path in [*paths, "printer?id=1", "batch?number=1"]:
        page.goto(f"{site.door.origin}{site.door.root}/{path}")
        page.get_by_role("heading", level=1).wait_for()
        is_open_to_all(page)
    assert collector.reports() == 1


@pytest.mark.parametrize("page", [(1280, "light")], ids=["desk"], indirect=True)
def test_the_keyboard_is_enough(page, lab, collector):
    """From the first field to the search without a mouse; where the keyboard stands is always seen."""
    page.get_by_label("Address of the collector").focus()
    page.keyboard.type(collector.url)
    page.keyboard.press("Tab")
    page.keyboard.type("FPK-1")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Where are your printers?").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    seen = []
    while "10.201.2.0/24" not in seen:
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.value || document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert len(seen) < 10
    page.keyboard.press("Space")
    assert page.get_by_label("10.201.2.0/24").is_checked()
    assert page.locator(".sum").inner_text().startswith("Ticked: 254 addresses")


@pytest.mark.parametrize("page", [(1280, "light")], ids=["desk"], indirect=True)
def test_the_cookie_comes_along_though_the_browser_came_from_a_file(browser, page, site, home):
    """As the command opens it: a file leads the browser in, and the session is kept from there."""
    from flexprint_agent.page import instance

    doorstep = home / "page.html"
    instance.write_private(
        doorstep, f'<meta http-equiv="refresh" content="0; url={site.door.address()}"><title>x</title>'
    )
    context = browser.new_context()
    fresh = context.new_page()
    fresh.goto(doorstep.as_uri())
    fresh.wait_for_url(f"**{site.door.root}/setup/connect")
    context.close()
