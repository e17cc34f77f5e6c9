"""What the pages say, and that nothing a device says can do harm there."""

import random
import re
from datetime import timedelta
from email.message import Message
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from sqlalchemy import func, select, update

from flexprint_server.dashboard.downloads import XLSX, attachment
from flexprint_server.dashboard.pages import error_page
from flexprint_server.dashboard.rooms import GROUPS
from flexprint_server.fleet.device_queries import READS_PAGE
from flexprint_server.fleet.models import Device, Read, SiteDay
from flexprint_server.fleet.queries import PAGE
from flexprint_server.reports import parts
from flexprint_server.reports.models import Delivery, Report
from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import Agent, Customer, Dealer, Site, User
from services import laid_out, seeded
from services.pages import ALICE, NOW, Visit, serving


def words(page):
    """A page as it reads: text only, one space between words."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def first(database, model, *conditions):
    with database.reading() as session:
        return session.scalars(select(model).where(*conditions).order_by(model.id).limit(1)).one()


# --- The way to every room


def test_the_navigation_leads_to_every_room_that_somebody_may_enter(alice, fleet):
    """And to no other; each room says where one is."""
    rooms = [room for group in GROUPS for room in group]
    with fleet.transaction() as session:
        session.execute(update(User).where(User.email == ALICE).values(role="viewer"))
    offered = re.findall(r'<li><a href="([^"]*)"', alice.get("/").text)
    assert offered == [room.path for room in rooms if room.needs in (None, "see")]
    with fleet.transaction() as session:
        session.execute(update(User).where(User.email == ALICE).values(role="owner"))
    for room in rooms:
        assert f'<li><a href="{room.path}" aria-current="page">' in alice.get(room.path).text


# --- The overview


def test_every_figure_of_the_overview_leads_to_the_list_behind_it(alice):
    tiles = re.findall(r'class="tile[^"]*" href="([^"]*)".*?class="figure">([\d,]+)<', alice.get("/").text, re.DOTALL)
    assert [path for path, _ in tiles] == [
        "/devices",
        *(f"/devices?show={show}" for show in ("today", "new", "stale", "low")),
        "/agents?show=silent",
    ]
    for path, figure in tiles[1:-1]:
        assert f"{figure} of 60 devices" in words(alice.get(path).text)


def test_the_overview_compares_this_month_with_the_last(alice, fleet):
    with fleet.reading() as session:
        pages = session.scalar(select(func.sum(SiteDay.pages)).where(SiteDay.day >= NOW.date().replace(day=1)))
    shown = words(alice.get("/").text)
    assert f"{pages:,} in November so far" in shown
    assert re.search(r"[+-]?\d+ % against [\d,]+ on the same days of the month before", shown)


def test_the_overview_shows_new_devices_workbooks_and_agents_that_fell_silent(alice, fleet):
    with fleet.transaction() as session:
        session.execute(update(Agent).where(Agent.site_id == 1).values(last_seen_at=NOW - timedelta(days=5)))
    page = alice.get("/").text
    shown = words(page)
    assert "Main Street" in shown.partition("Silent agents")[2].partition("New devices")[0]
    assert page.count('<rect class="day') == 31
    assert "Being built" in shown
    assert "3 d ago" in shown.rpartition("New devices")[2]


# --- The list


def test_the_list_shows_every_device_with_its_meters_supply_and_age(alice, fleet):
    page = alice.get("/devices?q=RH9928708505").text
    device = first(fleet, Device, Device.serial == "RH9928708505")
    shown = words(page)
    for expected in (
        "Kyocera TASKalfa 3554ci", "RH9928708505", "Harbour Dental", "Main Street", "10.1.4.25", "PRN-01-005",
        f"{device.total:,}", f"{device.meters['total.mono'][0]:,}", f"{device.meters['total.color'][0]:,}",
    ):  # fmt: skip
        assert expected in shown
    assert re.search(
        r'<time datetime="2026-11-22T\d\d:\d\d:00Z" title="2026-11-22 \d\d:\d\d:00 UTC">\d+ (min|h) ago</time>', page
    )
    assert "1 of 60 devices match" in shown


def test_the_figures_on_top_are_the_lengths_of_the_lists_behind_them(alice):
    page = alice.get("/devices").text
    tiles = re.findall(r'class="tile[^"]*" href="([^"]*)".*?class="figure">([\d,]+)<', page, re.DOTALL)
    assert [path for path, _ in tiles] == [
        "/devices",
        "/devices?show=today",
        "/devices?show=new",
        "/devices?show=stale",
        "/devices?show=low",
    ]
    for path, figure in tiles[1:]:
        listed = alice.get(path).text
        assert f"{figure} of 60 devices" in words(listed)
        assert len(re.findall(r'<td role="cell" class="printer">', listed)) == min(int(figure), PAGE)


def test_new_and_stale_devices_are_marked(alice):
    assert alice.get("/devices?show=new").text.count(">New</span>") == 3 + 1
    assert alice.get("/devices?show=stale").text.count(">Stale</span>") == 3 + 1


def test_the_list_has_pages_and_keeps_what_was_asked(alice):
    page = alice.get("/devices?sort=-total").text
    assert "1–50 of 60" in words(page)
    assert 'rel="next" href="/devices?sort=-total&amp;page=2"' in page
    rest = alice.get("/devices?sort=-total&page=2").text
    assert "51–60 of 60" in words(rest)
    assert 'rel="prev" href="/devices?sort=-total"' in rest


def test_a_sorted_column_says_so_and_turns_when_chosen_again(alice):
    page = alice.get("/devices?sort=-total").text
    assert 'aria-sort="descending"><a href="/devices?sort=total">Total' in page


def test_the_search_form_keeps_what_it_does_not_change(alice):
    page = alice.get("/devices?q=kyo&show=low&sort=-read&customer=1").text
    assert '<input type="hidden" name="show" value="low">' in page
    assert '<input type="hidden" name="sort" value="-read">' in page
    assert '<option value="1" selected>Harbour Dental</option>' in page
    assert "Quayside" in page


def test_devices_of_one_maker_are_a_list_of_their_own(alice):
    page = alice.get("/devices?maker=Kyocera").text
    assert '<option value="Kyocera" selected>Kyocera</option>' in page
    printers = re.findall(r'class="main" href="/devices/\d+"><bdi>([^<]*)', page)
    assert printers
    assert all(name.startswith("Kyocera ") for name in printers)


def test_a_customers_user_is_offered_the_makers_of_that_customer_alone(alice, fleet):
    offered = set(re.findall(r'<option value="([A-Za-z ]+)">', alice.get("/devices").text))
    with fleet.transaction() as session:
        session.execute(update(User).where(User.email == ALICE).values(role="customer", customer_id=2))
        theirs = set(session.scalars(select(Device.manufacturer).join(Site).where(Site.customer_id == 2)))
    fewer = set(re.findall(r'<option value="([A-Za-z ]+)">', alice.get("/devices").text))
    assert fewer == theirs < offered


def test_a_search_that_finds_nothing_says_what_can_be_searched(alice):
    page = alice.get("/devices?q=zzz").text
    assert "Nothing matches" in page
    assert "0 of 60 devices match" in words(page)


def test_a_dealer_without_printers_is_told_how_to_get_one(bob):
    for path in ("/", "/devices"):
        page = bob.get(path).text
        assert "No devices yet" in page
        assert 'href="/agents">Make a key' in page


# --- A device


def test_a_device_shows_its_meters_with_unit_source_and_oid(alice, fleet):
    device = first(fleet, Device, Device.serial == "RH9928708505")
    shown = words(alice.get(f"/devices/{device.id}").text)
    assert (
        f"Total mono {device.meters['total.mono'][0]:,} impressions maker&#39;s counter 1.3.6.1.4.1.1347.42.2.1.1.1.1.2"
        in shown
    )
    assert f"Scan {device.meters['scan'][0]:,} scans" in shown


def test_a_device_says_where_its_figures_come_from(alice, fleet):
    device = first(fleet, Device, Device.serial == "RH9928708505")
    with fleet.reading() as session:
        count = session.scalar(select(func.count()).select_from(Read).where(Read.device_id == device.id))
    shown = words(alice.get(f"/devices/{device.id}").text)
    assert re.search(r"sealed and signed them as row 3 of its batch \d+ , which arrived at", shown.replace(",", " ,"))
    assert count == 89


def test_a_read_from_a_wrong_clock_is_marked_and_gives_no_figures(alice, fleet):
    device = first(fleet, Device, Device.serial == "RH9928708505")
    path = f"/devices/{device.id}"
    before = words(alice.get(path).text)
    with fleet.transaction() as session:
        shown = session.scalars(select(Read).where(Read.device_id == device.id).order_by(Read.read_at.desc())).first()
        facts = {column.name: getattr(shown, column.name) for column in Read.__table__.columns if column.name != "id"}
        ahead = {"read_at": NOW + timedelta(days=3650), "total": 7, "meters": [7] * len(shown.meters)}
        session.add(Read(**{**facts, **ahead}))
    page = words(alice.get(path).text)
    assert page.partition("Arrived")[0] == before.partition("Arrived")[0]
    assert page.count("wrong clock") == 1
    assert "2036" in page.partition("Arrived")[2].partition("wrong clock")[0]


def test_a_device_shows_a_drawing_that_also_says_it_in_words(alice, fleet):
    device = first(fleet, Device, Device.serial == "RH9928708505")
    page = alice.get(f"/devices/{device.id}").text
    drawing = ET.fromstring(re.search(r'<svg viewBox="0 0 1000 200".*?</svg>', page, re.DOTALL)[0])
    assert f"to {device.total:,} on" in drawing.attrib["aria-label"]
    assert drawing.find("path[@class='line']").attrib["d"].startswith("M0.0 ")


def test_older_reads_are_one_page_further(alice, fleet):
    device = first(fleet, Device, Device.serial == "RH9928708505")
    seen, path = [], f"/devices/{device.id}"
    while path:
        page = alice.get(path).text
        table = page[page.index('<table class="reads">') :]
        seen += re.findall(r'<th scope="row"><a [^>]*><time datetime="([^"]*)"', table)
        following = re.search(r'rel="next" href="([^"#]*)', page)
        path = following and following[1]
    assert len(seen) == len(set(seen)) == 89
    assert seen == sorted(seen, reverse=True)
    assert READS_PAGE * 4 > len(seen) > READS_PAGE * 3


def test_a_jammed_device_says_what_is_wrong(alice, fleet):
    device = next(d for d in devices(fleet) if "jammed" in d.errors)
    shown = words(alice.get(f"/devices/{device.id}").text)
    for expected in (
        "Paper jam",
        "Open the left cover",
        "Critical Paper jam in cassette 2 8",
        "Warning Cassette 3 nearly empty 807",
    ):
        assert expected in shown


def devices(database):
    with database.reading() as session:
        return session.scalars(select(Device).order_by(Device.id)).all()


def test_special_levels_are_words_on_the_page(alice, fleet):
    shown = [words(alice.get(f"/devices/{d.id}").text) for d in devices(fleet) if d.manufacturer in ("Lexmark", "HP")]
    assert any("Some left" in page for page in shown)
    assert any("Level not told" in page for page in shown)


# --- Reports


def test_reports_say_what_became_of_them(alice):
    shown = words(alice.get("/reports").text)
    for expected in (
        "Being built",
        "not built yet",
        "Failed The relay refused every recipient",
        "550 5.1.1 User unknown",
        "Refused",
    ):
        assert expected in shown


def test_without_a_mail_server_the_page_says_that_mails_are_kept(alice):
    shown = words(alice.get("/reports").text)
    assert (
        "Mails are kept as .eml files in the collector's data folder, because no SMTP server is set."
        in shown.replace("&#39;", "'")
    )
    assert "Kept as .eml" in shown
    assert "Mailed" not in shown


def test_with_a_mail_server_mails_are_mailed(fleet, clock, tmp_path):
    settings = read_settings({"FLEXPRINT_SMTP_URL": "smtp://relay.example"}, data=tmp_path)
    with serving(settings, fleet, clock) as url:
        visit = Visit(url)
        visit.sign_in(ALICE)
        shown = words(visit.get("/reports").text)
        visit.close()
    assert ".eml" not in shown
    assert "Mailed" in shown
    assert "Accepted" in shown


def test_a_workbook_is_downloaded_as_a_file_that_opens(alice, fleet):
    report = first(fleet, Report, Report.state == "sent")
    answer = alice.get(f"/reports/{report.id}.xlsx")
    assert answer.headers["content-type"] == XLSX
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["cache-control"] == "no-store"
    assert openpyxl.load_workbook(BytesIO(answer.content)).active["A1"].value == "Printers"


def test_a_large_workbook_is_downloaded_a_part_at_a_time(alice, fleet, monkeypatch):
    """A schedule's, which is of no one site."""
    report, content = first(fleet, Report, Report.state == "sent"), bytes(range(256)) * 10
    monkeypatch.setattr(parts, "PART", 1000)
    with fleet.transaction() as session:
        parts.keep(session, report.id, BytesIO(content))
        session.execute(update(Report).where(Report.id == report.id).values(site_id=None, agent_id=None))
    answer = alice.get(f"/reports/{report.id}.xlsx")
    assert answer.content == content
    assert answer.headers["content-length"] == str(len(content))


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("Main Street 2026-11-22.xlsx", "Main Street 2026-11-22.xlsx"),
        ("Göteborg 本社.xlsx", "Göteborg 本社.xlsx"),
        ('a"b\r\nSet-Cookie: x=y.xlsx', "a_b Set-Cookie_ x=y.xlsx"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "report.xlsx"),
        ("\u202excod.xlsx", "xcod.xlsx"),
        ("100%.xlsx", "100%.xlsx"),
    ],
)
def test_a_file_is_saved_under_a_safe_name(name, saved):
    line = attachment(name)
    assert line.isascii()
    assert "\n" not in line
    message = Message()
    message["Content-Disposition"] = re.sub(r'filename="[^"]*"; ', "", line)
    assert message.get_filename() == saved


def test_reports_have_pages(alice, fleet):
    agent = first(fleet, Device).agent_id
    with fleet.transaction() as session:
        one = session.scalars(select(Report)).first()
        before = session.scalar(select(func.count()).select_from(Report))
        for _ in range(60):
            session.add(
                Report(
                    dealer_id=one.dealer_id, site_id=one.site_id, agent_id=agent, state="due", requested_at=NOW,
                    created_at=NOW, next_attempt_at=NOW,
                )
            )  # fmt: skip
    page = alice.get("/reports").text
    older = alice.get(re.search(r'rel="next" href="([^"]*)"', page)[1]).text
    assert page.count('<td role="cell" class="where">') == 50
    assert "Newest" in older
    assert older.count('<td role="cell" class="where">') == before + 60 - 50


# --- What devices say is hostile

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u2066\u200b",
    "</title></svg></table><h1>owned</h1>",
    "&lt;b&gt;",
    '=HYPERLINK("http://evil")',
    "A" * 5000,
    "\x00\x1b[31m\ud83d",
    "שלום עולם",
    "",
]  # fmt: skip


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, in order: what text may never change."""

    def __init__(self, page):
        super().__init__()
        self.seen = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, tuple(name for name, _ in attributes if name not in ("selected", "aria-current"))))


def everywhere(database, said):
    """Alice's first device, customer, site, dealer and report say `said` wherever they can say anything."""
    text = said.encode(errors="replace").decode()[:5000]
    with database.transaction() as session:
        device = session.scalars(select(Device).order_by(Device.id)).first()
        for name in (
            "manufacturer",
            "model",
            "serial",
            "asset",
            "name",
            "location",
            "contact",
            "firmware",
            "description",
            "sys_object_id",
            "address",
        ):
            setattr(device, name, text)
        device.state, device.errors, device.console = text[:20], [text], [text]
        device.alerts, device.warnings, device.macs = [[text, 7, text]], [text], [text]
        device.layout_id = laid_out.layout(
            session,
            device.dealer_id,
            {
                "meters": [["total", text, text, text], [text, text, text, text]],
                "supplies": [[text, text, text, text, -2, text]],
            },
        )
        device.meter_values, device.levels, device.percents, device.states = [7, 8], [-2], [None], "u"
        session.execute(
            update(Read).where(Read.device_id == device.id).values(layout_id=device.layout_id, meters=[7, 8])
        )
        session.get_one(Dealer, device.dealer_id).name = text + " dealer"
        site = session.get_one(Site, device.site_id)
        site.name = text
        session.get_one(Customer, site.customer_id).name = text
        report = session.scalars(select(Report).where(Report.site_id == site.id)).first()
        report.error, report.file_name = text, text[:200]
        session.execute(update(Delivery).where(Delivery.report_id == report.id).values(answer=text))
        return device.id, report.id


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_a_device_says_changes_a_page(alice, fleet, said):
    device, report = everywhere(fleet, said)
    for path in ("/", "/devices", "/devices?sort=read", f"/devices/{device}", "/reports"):
        answer = alice.get(path)
        assert answer.status_code == 200
        page = answer.text
        for tag, attributes in Shape(page).seen:
            assert tag != "script"
            assert not [name for name in attributes if name.startswith("on")]
        assert page.count("<h1") == 1
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00\x1b]", page)
        assert "A" * 300 not in page
    assert alice.get(f"/reports/{report}.xlsx").status_code == 200


def test_a_page_has_the_same_shape_whatever_a_device_says(alice, fleet):
    def shapes(said):
        device, _ = everywhere(fleet, said)
        return [Shape(alice.get(path).text).seen for path in ("/", "/devices", f"/devices/{device}", "/reports")]

    assert shapes(HOSTILE[5]) == shapes(HOSTILE[1]) == shapes(HOSTILE[0])


def test_a_device_that_says_nothing_at_all_has_a_page(fleet, bob):
    """No maker, model, serial, meters, supplies or reads."""
    chance = random.Random(3)
    with fleet.transaction() as session:
        dealer = session.scalars(select(Dealer).where(Dealer.name == "Elsewhere Office")).one()
        customer = Customer(dealer_id=dealer.id, name="C", created_at=NOW)
        session.add(customer)
        session.flush()
        agent = seeded.add_site(session, dealer, customer, "S", NOW, chance)
        kind = seeded.Kind(None, None, False, 1, None, "", "", ())
        silent = seeded.a_read(kind, NOW + timedelta(hours=5), "10.0.0.9", None, 5)
        device = seeded.store(session, agent, silent, first_seen_at=NOW)
        device.manufacturer = device.model = device.description = device.total = None
        for name, value in laid_out.figures(session, dealer.id, {}, []).items():
            setattr(device, name, value)
        number = device.id
    listed, shown = words(bob.get("/devices").text), words(bob.get(f"/devices/{number}").text)
    assert "Unnamed device" in listed
    assert "in 5 h" in listed
    for expected in (
        "Unnamed device",
        "no serial",
        "tells no meters",
        "tells nothing about supplies",
        "after the second read",
    ):
        assert expected in shown


# --- What goes wrong looks like the rest


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 418, 500, 503])
def test_an_error_page_says_what_to_do_and_nothing_of_the_fault(status):
    answer = error_page(status, {"Allow": "GET"})
    assert answer.status_code == status
    assert answer.headers["allow"] == "GET"
    assert "content-security-policy" in answer.headers
    assert b"flexprint.css" in answer.body


@pytest.mark.parametrize("path", ["/", "/devices", "/devices/5", "/reports", "/sign-in"])
def test_a_page_names_its_parts_for_those_who_listen(alice, nobody, path):
    """One heading of the first rank, landmarks, labels for every field, names for every table and drawing."""
    page = (nobody if path == "/sign-in" else alice).get(path).text
    assert page.count("<h1") == 1
    assert '<html lang="en">' in page
    assert page.count("<main") == 1
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    for reference in re.findall(r'aria-(?:labelledby|describedby)="([^"]*)"', page):
        assert reference in ids
    for field in re.findall(r'<(?:input(?! type="hidden")|select)[^>]*>', page):
        named = re.search(r'\sid="([^"]*)"', field)
        assert "aria-label=" in field or f'<label for="{named[1]}"' in page
    for picture in re.findall(r"<(?:img|svg)[^>]*>", page):
        assert re.search(r"alt=|aria-hidden=|aria-label=", picture)
