"""What each role does in a day, in a real browser: from the invitation in the mailbox to a workbook in somebody's. The
collector runs as in production: a database user that is no administrator, row-level security, worker and scheduler as
processes of their own, a relay with STARTTLS."""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from playwright.sync_api import sync_playwright
from psycopg import sql

from e2e.dealership import Dealership, Somebody, link_in, rows_of, workbook_in
from e2e.journey import RECIPIENT, Agent, Collector
from flexprint_server.database import TENANT_ROLE, Database
from flexprint_server.migrations import upgrade
from lab.office import office
from lab.site import Lab
from services.dsn import returned
from services.local_page import Person, serving
from services.pages import ALICE
from services.postgres import Postgres
from services.process import wait_until
from services.seeded import PASSWORD as ALICES_PASSWORD
from services.seeded import fill
from services.smtp import Sink
from services.valkey import Valkey

CHROMIUM = os.environ.get("FLEXPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: `make test-system` installs it, or FLEXPRINT_CHROMIUM names one"
    ),
]

INVITED = {
    "owner": "olga@northwind.example",
    "billing": "bela@northwind.example",
    "technician": "tom@northwind.example",
    "viewer": "vera@northwind.example",
    "customer": "carla@harbour.example",
}
CUSTOMER = "Harbour Dental"
NEW_SITE = "Harbour Island"
EVERYDAY = ["Overview", "Devices", "Alerts", "Missing reads", "Customers", "Agents", "Reports"]
MENUS = {
    "owner": [*EVERYDAY, "Billing", "Settings", "API keys", "People", "Audit"],
    "billing": [*EVERYDAY, "Billing"],
    "technician": EVERYDAY,
    "viewer": EVERYDAY,
    "customer": EVERYDAY,
}
COLLECTOR = "flexprint_collector"
NEW_YORK = ZoneInfo("America/New_York")
BOUNCE_KEY = "k" * 40


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def database_url(postgres: Postgres) -> Iterator[str]:
    """A database of a user that is no administrator, with the two lines that the operator's guide tells for it."""
    url = postgres.create()
    name = url.rsplit("/", 1)[1]
    password = "a password of its own"
    roles = {role for (role,) in asked(postgres.url(), "SELECT rolname FROM pg_roles")}
    user, database, tenant = map(sql.Identifier, (COLLECTOR, name, TENANT_ROLE))
    lines = [sql.SQL("CREATE ROLE {} NOLOGIN NOBYPASSRLS").format(tenant)] if TENANT_ROLE not in roles else []
    if COLLECTOR not in roles:
        lines.append(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(password)))
    lines += [
        sql.SQL("GRANT {} TO {}").format(tenant, user),
        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, user),
    ]
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for line in lines:
            connection.execute(line)
    quoted = password.replace(" ", "%20")
    yield f"postgresql://{COLLECTOR}:{quoted}@{url.split('@')[1]}"
    postgres.drop(url)


def asked(url: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchall()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, database_url: str, valkey: Valkey) -> Iterator[Dealership]:
    folder = tmp_path_factory.mktemp("dealership")
    upgrade(database_url)
    database = Database(database_url)
    with database.transaction() as session:
        fill(session, now())
    database.close()
    relay = Sink(folder).start()
    smtp_url = f"{relay.url}&ca={relay.ca_file}"
    collector = Collector(folder, database_url=database_url, redis_url=valkey.url, smtp_url=smtp_url)
    returned_mails = folder / "returned"
    for name in ("new", "cur", "tmp"):
        (returned_mails / name).mkdir(parents=True)
    collector.env |= {
        "FLEXPRINT_BOUNCE_ADDRESS": "bounces@northwind.example",
        "FLEXPRINT_BOUNCE_URL": f"maildir://{returned_mails}",
        "FLEXPRINT_BOUNCE_KEY": BOUNCE_KEY,
    }
    with collector, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield Dealership(collector, relay, browser, returned_mails)
        browser.close()
    relay.stop()


@pytest.fixture(scope="module")
def invited(house: Dealership) -> Dealership:
    """Alice, who has the account since the beginning, has invited one person for each role."""
    alice = house.person(ALICE)
    alice.sign_in(ALICES_PASSWORD)
    alice.go_to("People")
    for role, email in INVITED.items():
        alice.page.get_by_label("E-mail address", exact=True).fill(email)
        alice.page.get_by_label("Role", exact=True).select_option(role)
        if role == "customer":
            alice.page.get_by_label("Which customer's user", exact=True).fill(CUSTOMER)
        alice.press("Send invitation")
        alice.page.get_by_text(email).first.wait_for()
    house.go_home()
    return house


@pytest.fixture
def come_in(invited: Dealership) -> Iterator:
    """Somebody with the role, in the house through every door: invitation, password, second factor, recovery code."""

    def enter(role: str) -> Somebody:
        somebody = invited.person(INVITED[role])
        offer = somebody.take_up_invitation()
        assert offer.lower().startswith(role)
        assert somebody.heading() == "Overview"
        codes = somebody.turn_on_second_factor(now)
        assert len(set(codes)) == 10
        somebody.come_back_without_the_phone(codes[0])
        assert somebody.heading() == "Overview"
        assert somebody.menu() == MENUS[role]
        return somebody

    yield enter
    invited.go_home()


# ---------------------------------------------------------------- what the database says


def told_of(house: Dealership) -> dict[int, tuple[object, ...]]:
    """(customer, serial, {meter: value}, time of the read) of every device that a workbook of all customers tells of."""
    rows = house.collector.rows(
        "SELECT d.id, c.name, d.serial, l.content, d.meter_values, d.last_read_at FROM device d "
        "JOIN layout l ON l.id = d.layout_id JOIN site s ON s.id = d.site_id JOIN customer c ON c.id = s.customer_id "
        f"WHERE d.last_read_at > now() - interval '31 days' AND s.name <> '{NEW_SITE}'"
    )
    return {
        row[0]: (row[1], row[2], dict(zip((meter[0] for meter in row[3]["meters"]), row[4], strict=True)), row[5])
        for row in rows
    }


def report_of(house: Dealership, title: str) -> int:
    """The number of the newest report of a schedule, once its mails are with the relay."""
    query = f"SELECT id, state FROM report WHERE title = '{title}' ORDER BY id DESC LIMIT 1"
    wait_until(lambda: [row[1] for row in house.collector.rows(query)] == ["sent"], f"the end of {title}", 60)
    return int(house.collector.rows(query)[0][0])


def as_in_cells(instant: datetime) -> datetime:
    """On the schedule's clock: cells have no zones, and milliseconds at the finest."""
    there = instant.astimezone(NEW_YORK).replace(tzinfo=None)
    return there.replace(microsecond=0) + timedelta(milliseconds=round(there.microsecond / 1000))


# ---------------------------------------------------------------- the days


def test_the_owner_sets_up_a_monthly_schedule_and_its_workbook_is_the_database(come_in, house: Dealership) -> None:
    """Own words in subject and file name, own clock, chosen columns, an import sheet, last month's volume; seen in a
    preview, run at once, accepted by the relay, written down in the audit log."""
    owner = come_in("owner")
    owner.type_schedule(
        name="Month end", zone=NEW_YORK.key, at="05:30", recipients="accounts@northwind.example",
        subject="Meters of {month}: {printers}", file_name="{name} {to}", volume="The last calendar month",
        ticked=("Every customer", "Customer", "Meters"),
    )  # fmt: skip
    owner.press("Preview")
    there = now().astimezone(NEW_YORK)
    last_day = there.replace(day=1) - timedelta(days=1)
    devices = told_of(house)
    preview = owner.page.locator(".preview").inner_text()
    assert f"Meters of {last_day:%Y-%m}: {len(devices)} printers" in preview
    assert f"Month end {last_day:%Y-%m-%d}.xlsx" in preview
    assert "05:30" in preview
    owner.press("Save schedule")
    owner.press("Run Month end now")
    (mail,) = house.mails_to("accounts@northwind.example")

    assert mail["Subject"] == f"Meters of {last_day:%Y-%m}: {len(devices)} printers"
    book = workbook_in(mail)
    assert book.sheetnames == ["Devices", "Supplies", "Volume", "Import", "About"]
    rows = rows_of(book, "Devices")
    assert list(rows[0])[:2] == ["Customer", "Serial"]
    assert sorted(
        (row["Customer"], row["Serial"], row["Total"], row[f"Last read ({NEW_YORK.key})"]) for row in rows
    ) == sorted(
        (customer, serial, meters["total"], as_in_cells(at)) for customer, serial, meters, at in devices.values()
    )
    figures = {(row["device_id"], row["meter"]): row["value"] for row in rows_of(book, "Import")}
    assert figures == {
        (number, meter): value for number, (_, _, meters, _) in devices.items() for meter, value in meters.items()
    }
    assert {row["Serial"] for row in rows_of(book, "Volume")} <= {serial for _, serial, _, _ in devices.values()}

    assert owner.states(report_of(house, "Month end")) == {"accounts@northwind.example": "Accepted"}
    owner.go_to("Audit")
    log = owner.page.get_by_role("table").inner_text()
    assert "Month end" in log
    assert owner.email in log


def test_billing_gets_a_schedule_of_one_customer_when_its_time_has_come(come_in, house: Dealership) -> None:
    """Nobody presses a button: the scheduler finds it due. The pages on the screen are those in the workbook."""
    billing = come_in("billing")
    billing.type_schedule(
        name="Schools weekly", zone="Europe/Stockholm", at="06:00", recipients="school@maple.example\nerp@northwind.example",
        lines="Maple Grove Schools", subject="{name} {date}", volume="The last week, Monday to Sunday",
        runs="weekly", ticked=("These customers",),
    )  # fmt: skip
    billing.press("Save schedule")
    assert "Maple Grove Schools" in billing.page.get_by_role("table").inner_text()
    house.collector.hurry("schedule WHERE name = 'Schools weekly'")
    (mail, other) = house.mails_to("school@maple.example") + house.mails_to("erp@northwind.example")
    assert (
        mail["Subject"]
        == other["Subject"]
        == f"Schools weekly {now().astimezone(ZoneInfo('Europe/Stockholm')):%Y-%m-%d}"
    )

    book = workbook_in(mail)
    serials = {serial for customer, serial, _, _ in told_of(house).values() if customer == "Maple Grove Schools"}
    assert {row["Serial"] for row in rows_of(book, "Devices")} == serials
    volume = rows_of(book, "Volume")
    first, last = volume[0]["From (Europe/Stockholm)"], volume[0]["To (Europe/Stockholm)"]
    assert (first.weekday(), last - first, f"{first:%H:%M}") == (0, timedelta(days=7), "00:00")
    report = report_of(house, "Schools weekly")
    assert set(billing.states(report).values()) == {"Accepted"}
    assert "by its schedule" in billing.page.get_by_role("main").inner_text()


def test_a_technician_lets_an_agent_in_and_its_workbook_arrives(come_in, house: Dealership, tmp_path: Path) -> None:
    """A site and its install key on the dashboard, the agent set up with it on another computer, its printers on the
    dashboard with a label, its workbook in the mailbox with what the printers hold."""
    technician = come_in("technician")
    agent = Agent(tmp_path / "agent")
    printers = [one for one in office() if one.truth and one.truth.total][:4]
    technician.go_to("Customers")
    technician.page.get_by_role("link", name=CUSTOMER).click()
    technician.page.get_by_label("Name of a new site").fill(NEW_SITE)
    technician.press("Add")
    assert technician.heading() == NEW_SITE
    technician.press("Make an install key")
    key = re.search(r"FPK-[\w-]+", technician.page.locator(".install").inner_text())
    assert key
    with Lab(printers) as lab:
        agent.enroll(house.collector, key=key[0])
        agent.run("add", *(f"{one.address}:{lab.port}" for one in printers))
        (wake,) = agent.run("wake")
    assert wake["read"] == len(printers)

    truths = {one.truth.serial: one.truth for one in printers if one.truth}
    serial = next(iter(truths))
    house.mails_to(RECIPIENT, 1, NEW_SITE)
    technician.page.goto(f"/devices?q={serial}")
    technician.page.locator("tbody a.main").first.click()
    technician.page.get_by_text("Type labels").click()
    technician.page.get_by_label("Asset number").fill("NW-77")
    technician.press("Save")
    agent.run("send", "--report")
    book = workbook_in(house.mails_to(RECIPIENT, 2, NEW_SITE)[-1])
    rows = {row["Serial"]: row for row in rows_of(book, "Devices")}
    assert {one: row["Total"] for one, row in rows.items()} == {one: truth.total for one, truth in truths.items()}
    assert rows[serial]["Asset"] == "NW-77"


FOR_OTHERS = ("/billing", "/settings", "/keys", "/people", "/audit", "/company-sign-in", "/billing.csv", "/people.xlsx")
FOR_KEEPERS = ("/reports/schedules", "/reports/schedules/new", "/reports/addresses")


def test_a_viewer_sees_everything_of_the_dealer_and_changes_nothing(come_in, house: Dealership) -> None:
    """Whatever the menu does not show is not there under its address either; no page has a button that does something;
    what a program may, a sign-in may not."""
    viewer = come_in("viewer")
    assert {viewer.status_of(path) for path in (*FOR_OTHERS, *FOR_KEEPERS)} == {403}
    everything = house.collector.rows("SELECT count(*) FROM device WHERE merged_into_id IS NULL AND retired_at IS NULL")
    assert len(viewer.lines_of("/devices.csv")) - 1 == everything[0][0]
    report = house.collector.rows("SELECT min(id) FROM report WHERE state = 'sent'")[0][0]
    device = house.collector.rows("SELECT min(id) FROM device")[0][0]
    agent = house.collector.rows("SELECT id FROM agent LIMIT 1")[0][0]
    for path in ("/devices", f"/devices/{device}", f"/devices/{device}/identity", f"/agents/{agent}", "/customers",
                 "/agents", f"/reports/{report}", "/alerts", "/missing"):  # fmt: skip
        viewer.page.goto(path)
        forms = viewer.page.locator("main form[method=post]")
        assert forms.count() == 0, (path, forms.all_inner_texts())
    token = viewer.page.locator(".who input[name=token]").get_attribute("value")
    for path in (f"/reports/{report}/resend", f"/devices/{device}/labels", "/reports/schedules", "/agents/keys",
                 f"/agents/{agent}/commands", f"/agents/{agent}/settings", "/people/invitations"):  # fmt: skip
        assert viewer.page.request.post(path, form={"token": token or ""}, max_redirects=0).status == 403, path
    assert viewer.status_of("/api/v1/devices") == 401


def test_a_customers_user_sees_that_customer_and_nobody_else(come_in, house: Dealership) -> None:
    """In lists, in files, in figures, under every number in the address line."""
    carla = come_in("customer")
    assert {carla.status_of(path) for path in (*FOR_OTHERS, *FOR_KEEPERS)} == {403}
    rows = house.collector.rows
    of = "JOIN site s ON s.id = x.site_id JOIN customer c ON c.id = s.customer_id WHERE c.name"
    hers = {row[0] for row in rows(f"SELECT x.serial FROM device x {of} = '{CUSTOMER}' AND x.merged_into_id IS NULL")}
    heading, *lines = carla.lines_of("/devices.csv")
    assert {line[heading.index("Serial")] for line in lines} == hers
    assert {line[heading.index("Customer")] for line in lines} == {CUSTOMER}
    carla.page.goto("/customers")
    assert carla.page.locator("table.places tbody tr").count() == 1

    (theirs,) = rows(f"SELECT min(x.id) FROM device x {of} <> '{CUSTOMER}'")[0]
    (report,) = rows(f"SELECT min(x.id) FROM report x {of} <> '{CUSTOMER}'")[0]
    (of_all,) = rows("SELECT max(id) FROM report WHERE site_id IS NULL")[0]
    (agent,) = rows(f"SELECT x.id FROM agent x {of} <> '{CUSTOMER}' LIMIT 1")[0]
    (site,) = rows("SELECT id FROM site s WHERE name = 'Depot 4'")[0]
    (customer,) = rows("SELECT id FROM customer WHERE name = 'Sato Logistics'")[0]
    paths = [f"/devices/{theirs}", f"/devices/{theirs}/identity", f"/reports/{report}", f"/reports/{report}.xlsx",
             f"/agents/{agent}", f"/sites/{site}", f"/customers/{customer}"]  # fmt: skip
    paths += [f"/reports/{of_all}", f"/reports/{of_all}.xlsx"] if of_all else []
    assert {path: carla.status_of(path) for path in paths} == dict.fromkeys(paths, 404)

    carla.go_to("Reports")
    shown = carla.page.locator("table.reports .where .main").all_inner_texts()
    assert set(shown) == {CUSTOMER}
    assert carla.downloaded("Download the workbook").sheetnames
    assert carla.status_of("/api/v1/devices") == 401


GOOD, SLOW, BAD, GONE, FULL = (f"{who}@harbour.example" for who in ("good", "slow", "bad", "gone", "full"))


def test_each_recipient_is_shown_with_what_became_of_the_mail(house: Dealership, tmp_path: Path) -> None:
    """Waiting, accepted, tried again, refused, come back (a mail in the mailbox says so, or the relay itself), sent again,
    unsubscribed: on the dashboard and on the agent's own page, in the mail server's words."""
    agent, alice = Agent(tmp_path / "agent"), house.person(ALICE)
    alice.sign_in(ALICES_PASSWORD)
    agent.enroll(house.collector)
    agent.run("settings", "report_every", "never")
    agent.run("recipients", "remove", RECIPIENT)
    agent.run("recipients", "add", GOOD, SLOW, BAD, GONE, FULL)
    manners = {SLOW: "451 4.7.1 greylisted, come back later", BAD: "550 5.1.0 we want none"}
    house.relay.on_recipient = manners.get

    house.collector.programs["worker"].stop()
    report = ask_for_workbook(house, agent)
    assert told(alice, agent, report) == dict.fromkeys((GOOD, SLOW, BAD, GONE, FULL), ("Waiting", "waiting"))

    house.collector.complete()
    wait_until(lambda: alice.states(report)[GOOD] != "Waiting" and alice.states(report)[BAD] != "Waiting", "the mails")
    shown = told(alice, agent, report)
    assert shown[GOOD] == shown[GONE] == shown[FULL] == ("Accepted", "delivered")
    assert shown[SLOW] == ("Trying again", "delayed, tried again")
    assert shown[BAD] == ("Refused", "refused")
    assert manners[BAD] in alice.page.get_by_role("main").inner_text()

    manners.clear()
    house.collector.hurry(f"report WHERE id = {report}")
    wait_until(lambda: alice.states(report)[SLOW] == "Accepted", "the second try")

    (lost,) = house.mails_to(GONE)
    house.come_back(returned(lost["Message-ID"], diagnostic="smtp; 550 5.1.1 no such user here"))
    (lost,) = house.mails_to(FULL)
    house.say_as_relay(BOUNCE_KEY, lost["Message-ID"], status="5.2.2", diagnostic="552 5.2.2 mailbox full")
    wait_until(lambda: alice.states(report)[GONE] == "Bounced", "the mail that came back")
    shown = told(alice, agent, report)
    assert shown[GONE] == shown[FULL] == ("Bounced", "came back")
    page = alice.page.get_by_role("main").inner_text()
    assert "550 5.1.1 no such user here" in page
    assert "552 5.2.2 mailbox full" in page

    alice.press(f"Send again to {BAD}")
    wait_until(lambda: alice.states(report)[BAD] == "Accepted", "the mail that was sent again")
    reader = house.person("")
    reader.page.goto(link_in(house.mails_to(GOOD)[0], "/unsubscribe/"))
    reader.press("Unsubscribe")
    assert reader.heading() == "You are unsubscribed"
    report = ask_for_workbook(house, agent)
    wait_until(lambda: "Waiting" not in alice.states(report).values(), "the next report")
    shown = told(alice, agent, report)
    assert shown[GOOD] == shown[GONE] == ("Not sent", "not sent")
    assert shown[SLOW] == shown[BAD] == shown[FULL] == ("Accepted", "delivered")
    assert [len(house.mails_to(one)) for one in (GOOD, GONE, SLOW, FULL)] == [1, 1, 2, 2]
    house.go_home()


def ask_for_workbook(house: Dealership, agent: Agent) -> int:
    """The number of the report that the agent has just asked for."""
    before = house.collector.rows("SELECT max(id) FROM report")
    agent.run("send", "--report")
    wait_until(lambda: house.collector.rows("SELECT max(id) FROM report") != before, "the report")
    return int(house.collector.rows("SELECT max(id) FROM report")[0][0])


def told(somebody: Somebody, agent: Agent, report_id: int) -> dict[str, tuple[str, str]]:
    """What becomes of the mail to each recipient of the newest report: on the dashboard, and on the agent's page after
    its check-in."""
    states = somebody.states(report_id)
    agent.run("wake")
    with serving(agent.home) as running:
        person = Person(running)
        person.enter()
        page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", person.get("workbook").text))
        person.close()
    newest = {
        one: re.search(rf"{re.escape(one)} (delivered|waiting|delayed, tried again|refused|came back|not sent)", page)
        for one in states
    }
    return {one: (states[one], found[1] if found else "") for one, found in newest.items()}
