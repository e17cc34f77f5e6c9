"""The pictures of the agent's page: a site of the lab, set up by a person at a browser; part of `make pictures`."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from flexprint_agent.keep import Keep
from flexprint_agent.keep.home import SLEEPER
from flexprint_agent.keep.notes import NEXT_WAKE
from flexprint_agent.lock import Lock
from flexprint_agent.page import instance
from flexprint_agent.search import interfaces
from flexprint_agent.search.spooler import cups, ipp_usb
from flexprint_agent.wake import segments
from flexprint_shared.readings import Typed
from flexprint_shared.times import rfc3339
from lab.device import Quirks
from lab.office import Placed, office
from lab.recording import row
from lab.site import Lab
from services.collector import FakeCollector

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
ROUTER = "127.20.9.1"
SHOWN = 7
SILENT = "127.20.240.0/22"
"""So that there is a search to be seen."""

COLLECTOR = "https://meters.northwind.example"


def draw_agent_page(browser: Browser, folder: Path, pictures: Path) -> None:
    """What a customer sees, from the first page to the overview, and once on a phone in the dark."""
    printers = [one for one in office() if one.truth and one.truth.total][::6][:SHOWN]
    cups.SOCKETS = ()  # type: ignore[misc]  what this computer prints on is no part of the pictures
    ipp_usb.STATES = Path("/nonexistent")  # type: ignore[misc]
    interfaces.local_interfaces = list  # type: ignore[assignment]
    with Lab([*printers, the_router()]) as lab, FakeCollector() as collector:
        segments._default_gateways = lambda: ([(ROUTER, lab.port)], None)
        home = folder / "agent"
        with instance.opened(home, lambda: NOW) as running:
            thread = threading.Thread(target=running.run)
            thread.start()
            try:
                page = browser.new_page(viewport={"width": 1080, "height": 760}, device_scale_factor=1.5, locale="en")
                page.goto(running.door.address())
                page.wait_for_url("**/setup/connect")

                def shot(name: str, of: Page = page) -> None:
                    of.screenshot(path=pictures / f"page-{name}.png", full_page=True)

                _set_up(page, shot, collector, [f"{one.address}:{lab.port}" for one in printers])
                _later(page, shot, home, f"{running.door.origin}{running.door.root}")
                phone = browser.new_page(
                    viewport={"width": 390, "height": 844}, device_scale_factor=1.5, color_scheme="dark"
                )
                phone.goto(running.door.address())
                phone.wait_for_url(f"**{running.door.root}/")
                phone.goto(f"{running.door.origin}{running.door.root}/printers")
                phone.screenshot(path=pictures / "page-phone.png")
            finally:
                running.server.shutdown()
                thread.join()


def the_router() -> Placed:
    """The gateway of the pictures, with two networks behind it."""
    route = "1.3.6.1.2.1.4.24.7.1.8.1.4"
    networks = [f"{route}.10.20.{third}.0.24.2.0.0.0.0|2|3" for third in (1, 2, 3)]
    return Placed(ROUTER, [row(one) for one in ("1.3.6.1.2.1.1.1.0|4|Router", *networks)], Quirks(), kind="router")


def _set_up(page: Page, shot: Callable[[str], None], collector: FakeCollector, targets: list[str]) -> None:
    page.get_by_label("Address of the collector").fill(COLLECTOR)
    page.get_by_label("Install key").fill("FPK-7Q2M-X4TD-9KWP")
    shot("connect")
    page.get_by_label("Address of the collector").fill(collector.url)
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("heading", name="Where are your printers?").wait_for()
    page.get_by_label("10.20.1.0/24").check()
    page.get_by_label("10.20.2.0/24").check()
    shot("networks")
    page.get_by_label("10.20.1.0/24").uncheck()
    page.get_by_label("10.20.2.0/24").uncheck()
    page.get_by_text("How printers near this computer are found").click()
    for box in page.locator("fieldset input[type=checkbox]").all():
        box.uncheck()
    page.get_by_label("Other printers and networks").fill("\n".join([*targets, SILENT]))
    page.get_by_role("button", name="Find my printers").click()
    page.get_by_role("status").filter(has_text="Searching").wait_for()
    shot("search")
    page.get_by_text(f"{SHOWN} printers found.").wait_for(timeout=60000)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Mail addresses").fill("office@harbour.example")
    page.get_by_label("Every month, on day").check()
    page.get_by_label("Time of day").fill("07:00")
    shot("workbook")
    page.get_by_role("button", name="Finish").click()
    page.get_by_text("The first workbook is on its way").wait_for(timeout=60000)
    page.get_by_role("button", name="Go to the overview").click()
    page.get_by_role("heading", name="Overview").wait_for()


def _later(page: Page, shot: Callable[[str], None], home: Path, root: str) -> None:
    with Keep(home) as keep:
        # The pictures are the same each time, whichever port the collector of this run had.
        keep.database.write("UPDATE enrolment SET server = ?", COLLECTOR)
        keep.notes.put_instant(NEXT_WAKE, NOW + timedelta(hours=4, minutes=12))
        keep.handed.put_workbooks([(1, _delivered(keep))])
        keep.labels.put(keep.devices.all()[0].id, Typed("Front desk", "INV-0077", "Ground floor, by the lift"))
    for name in ("printers", "sent"):
        page.goto(f"{root}/{name}")
        shot(name)
    with Lock(str(home / SLEEPER), "asleep"):
        page.goto(f"{root}/")
        shot("overview")
    page.goto(f"{root}/workbook")
    shot("delivered")


def _delivered(keep: Keep) -> dict[str, object]:
    """What the collector says of the workbook that was asked for."""
    (asked,) = [one for one in keep.spool.batches() if one.report_at]
    recipients = [
        {"address": "office@harbour.example", "state": "accepted", "at": rfc3339(NOW + timedelta(seconds=9))},
        {
            "address": "accounts@harbour.example",
            "state": "deferred",
            "at": rfc3339(NOW + timedelta(seconds=12)),
            "answer": "451 4.7.1 Greylisted, try again later",
        },
    ]
    return {"report": 1, "requested_at": rfc3339(asked.report_at or NOW), "state": "sent", "recipients": recipients}
