"""Every page in Chromium, at desk and phone width, light and dark, with usual and with very long names: it meets what
axe-core can tell of WCAG 2.2 AA, and nothing is wider than the screen.

The pages are those of the router itself: a new one is walked without anybody naming it here, and one whose address cannot
be filled in fails the test."""

import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from sqlalchemy import func, select, update

from flexprint_server.dashboard.exports import KINDS
from flexprint_server.dashboard.routes import router
from flexprint_server.database import Database
from flexprint_server.fleet.models import Device, Layout, Read
from flexprint_server.ingest.models import CarriedFile
from flexprint_server.mail.unsubscribe import Subscription, token_for
from flexprint_server.reports import links
from flexprint_server.reports.models import Delivery, Report, Schedule
from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import Agent, Customer, Site, User
from services.pages import ALICE, NOW

CHROMIUM = os.environ.get("FLEXPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: `make test-system` installs it, or FLEXPRINT_CHROMIUM names one"
    ),
]

# What stands in an address, as the seeded fleet has it; none for what only a link in a mail holds.
ROWS = {
    "device_id": Device.id,
    "customer_id": Customer.id,
    "site_id": Site.id,
    "agent_id": Agent.id,
    "report_id": Report.id,
    "schedule_id": Schedule.id,
    "user_id": User.id,
    "file_id": CarriedFile.id,
}
# Addresses of no page of their own: files, what leads elsewhere at once, and links that only a mail holds.
LEFT_OUT = ("/static/", "/sign-in", "/invitations/", "/resets/", "/oidc", "/reports/{report_id}.xlsx")
LEFT_OUT_ENDS = (*KINDS, "/acknowledgement")


def paths(pages, database, secret_key):
    """The address of every page; of those that a mail leads to, with a link as it holds it."""
    found = []
    with database.transaction() as session:
        dealer_id = session.scalar(select(User.dealer_id).where(User.email == ALICE))
        known = str(session.scalar(select(Agent.id).where(Agent.dealer_id == dealer_id).limit(1)))
        batches = [
            {"hash": "ab" * 32, "agent": agent, "sequence": 7, "state": state, "reads": 2, "why": "It is not signed."}
            for agent, state in ((known, "stored"), (known, "before"), (None, "refused"))
        ]
        told = {"batches": batches, "reports": [1], "acknowledgement": b""}
        session.add(CarriedFile(dealer_id=dealer_id, taken_at=NOW, brought_by=ALICE, name="reads.fpx", **told))
        session.flush()
        ids = {name: session.scalar(select(column).order_by(column).limit(1)) for name, column in ROWS.items()}
        reader = Subscription(dealer_id, f"site:{ids['site_id']}", "reader@customer.example")
        linked = session.scalar(select(Delivery).where(Delivery.report_id == ids["report_id"]).limit(1))
        tokens = {
            "/unsubscribe/{token}": token_for(reader, secret_key),
            "/workbooks/{token}": links.prepare(linked, secret_key, NOW)[0],
        }
        ids["read_id"] = session.scalar(select(func.min(Read.id)).where(Read.device_id == ids["device_id"]))
    for route in pages.routes:
        if "GET" not in route.methods or route.path.startswith(LEFT_OUT) or route.path.endswith(LEFT_OUT_ENDS):
            continue
        try:
            found.append(route.path.format(**ids, token=tokens.get(route.path)))
        except KeyError as missing:
            pytest.fail(f"{route.path}: say in ROWS where {missing} comes from, so that the page is walked")
    return sorted(found)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


# What WCAG 2.2 asks for at AA, and what it takes over from those before it.
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2 + "مكتب" + "X" * 34


def faults_on(axe, page):
    """What axe-core finds on a page, each with where."""
    found = axe.run(page, options=WCAG).response["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"]][:3]) for one in found]


def lengthen(database):
    """The names of customers, sites, computers and devices as long as they can be."""
    with database.transaction() as session:
        for model in (Customer, Site):
            for one in session.scalars(select(model)):
                one.name = f"{one.id} {LONG}"
        session.execute(update(Agent).values(host=LONG))
        said = dict.fromkeys(("model", "location", "name", "asset", "contact"), LONG)
        session.execute(update(Device).values(**said, serial=Device.serial + "S" * 200))
        for layout in session.scalars(select(Layout)):
            supplies = [[index, LONG, *rest] for index, _, *rest in layout.content["supplies"]]
            layout.content = {**layout.content, "supplies": supplies}


@pytest.mark.parametrize(
    ("width", "scheme", "names"),
    [(1280, "light", "long"), (1280, "dark", "usual"), (320, "light", "usual"), (390, "dark", "long")],
)
def test_nothing_on_any_page_keeps_anybody_out(browser, url, seeded, fleet, tmp_path, width, scheme, names):
    if names == "long":
        lengthen(fleet)
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True
    )
    context.add_cookies([{"name": "flexprint", "value": seeded.tokens[ALICE], "url": url}])
    page, axe = context.new_page(), Axe()
    settings = read_settings({}, data=tmp_path)
    pages = router(settings, Database("sqlite://"))
    faults = []
    for path in [*paths(pages, fleet, settings.secret_key), "/devices?q=nothing", "/devices/999999"]:
        answer = page.goto(path)
        assert answer.status in (200, 404), path
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append((path, "wider than the screen", []))
        faults += [(path, *fault) for fault in faults_on(axe, page)]
    context.close()
    assert faults == [], "\n".join(map(str, faults))


@pytest.mark.parametrize("path", ["/sign-in", "/forgot"])
def test_nor_does_anything_at_the_door(browser, url, path):
    page = browser.new_context(base_url=url, bypass_csp=True).new_page()
    page.goto(path)
    assert faults_on(Axe(), page) == []
