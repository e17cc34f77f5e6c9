"""Lists as files: whole, safe to open, for those alone who may see the page, and in little memory."""

import csv
import re
import weakref
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO, StringIO
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import case, func, select, update

from flexprint_server.dashboard import exports
from flexprint_server.dashboard.exports import INSTANT, NUMBER, Export, Field
from flexprint_server.dashboard.routes import router
from flexprint_server.database import Database
from flexprint_server.fleet.models import Device
from flexprint_server.reports.archive import Overfull
from flexprint_server.reports.models import Delivery
from flexprint_server.reports.workbook.devices import TONES
from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import Agent, Customer, SettingValue, Site
from services.pages import ALICE, NOW

# Pages that show no list of the dealer's; any other page of the router does, and has to be a file, too.
NO_LISTS = {
    "/", "/account", "/account/second-factor", "/agents/carried", "/company-sign-in", "/forgot", "/reports/schedules/new", "/settings",
    "/sign-in", "/sign-in/code", "/sign-in/company/return",
}  # fmt: skip


def addresses():
    """Those that GET answers without anything to fill in, from the router itself: a new page is among them at once."""
    pages = router(read_settings({}, data=Path()), Database("sqlite://"))
    return {route.path for route in pages.routes if "GET" in route.methods and "{" not in route.path}


MIXED = Export(
    "Mixed",
    (
        Field("Said", lambda row: row["said"]),
        Field("Figure", lambda row: row["figure"], 12, NUMBER),
        Field("At (UTC)", lambda row: row["at"], 18, INSTANT),
    ),
    lambda *_: (),
)


def a_row(said="words", figure=7, at=NOW):
    return {"said": said, "figure": figure, "at": at}


def as_csv(rows):
    file = BytesIO()
    exports.write_csv(file, MIXED, rows, NOW)
    return file.getvalue()


def as_xlsx(rows):
    file = BytesIO()
    exports.write_xlsx(file, MIXED, rows, NOW)
    return openpyxl.load_workbook(file).active


def rows_of(answer):
    return list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))


def test_every_list_is_both_files_and_its_page_leads_to_them(alice):
    known = addresses()
    files = {path.rpartition(".")[0] for path in known if "." in path}
    assert {f"{path}.{kind}" for path in files for kind in ("csv", "xlsx")} <= known
    pages = {path for path in known if "." not in path}
    assert pages - NO_LISTS == files & pages, "a page shows a list that is no file, or is to be named in NO_LISTS"
    for path in files & pages:
        links = re.findall(r'href="([^"?]*)[^"]*" download>(?:CSV|Excel)', alice.get(path).text)
        assert links[-2:] == [f"{path}.csv", f"{path}.xlsx"]


@pytest.mark.parametrize("path", ["/agents", "/devices", "/reports/schedules", "/reports/addresses"])
def test_both_files_are_named_after_the_list_and_kept_by_nobody(alice, path):
    name = path.rpartition("/")[2].capitalize()
    for kind in ("csv", "xlsx"):
        answer = alice.get(f"{path}.{kind}")
        assert answer.status_code == 200
        assert f'filename="{name} 2026-11-22.{kind}"' in answer.headers["content-disposition"]
        assert answer.headers["cache-control"] == "no-store"
        assert int(answer.headers["content-length"]) == len(answer.content)


def test_both_files_hold_all_of_the_list(alice, fleet):
    with fleet.reading() as session:
        agents, deliveries = (
            session.scalar(select(func.count(Agent.id))),
            session.scalar(select(func.count(Delivery.id))),
        )
    assert len(rows_of(alice.get("/agents.csv"))) == 1 + agents
    reports = openpyxl.load_workbook(BytesIO(alice.get("/reports.xlsx").content)).active
    with_recipient = [row for row in reports.iter_rows(min_row=2, values_only=True) if row[6]]
    assert len(with_recipient) == deliveries
    assert [cell.value for cell in reports[1]] == rows_of(alice.get("/reports.csv"))[0]
    assert [ALICE, "Owner"] in [row[:2] for row in rows_of(alice.get("/people.csv"))]


@pytest.mark.parametrize(
    "line", ["q=kyocera&sort=-total", "show=low", "customer=3", "maker=HP&sort=serial", "sort=-read"]
)
def test_the_filters_of_the_list_of_devices_hold_in_its_file(alice, line):
    """The same devices; in the same order where the list has one of its own."""
    page = alice.get(f"/devices?{line}").text
    listed = re.findall(r'<a class="main" href="/devices/(\d+)"', page)
    rows = rows_of(alice.get(f"/devices.csv?{line}"))
    shown = [row[-1] for row in rows[1:]]
    assert f"/devices.csv?{line.replace('&', '&amp;')}" in page
    assert listed
    assert (shown[: len(listed)] == listed) if "sort" in line else (set(shown) >= set(listed))


def test_the_file_of_devices_says_what_the_page_says(alice):
    rows = rows_of(alice.get("/devices.csv?q=RH9928708505"))
    line = dict(zip(*rows, strict=True))
    assert line["Customer"] == "Harbour Dental"
    assert line["Serial"] == "RH9928708505"
    assert int(line["Total"]) == int(line["Total mono"]) + int(line["Total color"])
    assert line["Lowest supply"].endswith("%")
    assert line["Last read (UTC)"].startswith("2026-11-22 ")


def test_the_file_of_devices_has_the_new_ones_first_and_marks_what_the_page_marks(alice):
    rows = rows_of(alice.get("/devices.csv"))
    marks = [row[rows[0].index("Marked")] for row in rows[1:]]
    new = ["new" in mark for mark in marks]
    assert {"", "stale", "new"} <= set(marks)
    assert new == sorted(new, reverse=True)
    sheet = openpyxl.load_workbook(BytesIO(alice.get("/devices.xlsx").content)).active
    column = rows[0].index("Marked")
    fills = {row[column].value: row[0].fill.fgColor.rgb for row in sheet.iter_rows(min_row=2)}
    assert (fills["new"], fills["stale"]) == (TONES["new"].fill, TONES["stale"].fill)
    assert fills[None] not in {fills["new"], fills["stale"]}


def test_a_file_of_what_was_read_today_goes_by_the_clock_of_the_page(alice, fleet):
    """At half past three in the afternoon it is tomorrow already where the clock is ten hours ahead."""
    with fleet.transaction() as session:
        dealer = session.scalar(select(Device.dealer_id).limit(1))
        settled = {"dealer_id": dealer, "place": f"dealer:{dealer}", "name": "time_zone", "set_at": NOW}
        session.add(SettingValue(**settled, value="Australia/Brisbane"))
        at = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
        session.execute(update(Device).values(last_read_at=at - timedelta(hours=1)))
        session.execute(update(Device).where(Device.id == 1).values(last_read_at=at))
    assert [row[-1] for row in rows_of(alice.get("/devices.csv?show=today"))[1:]] == ["1"]


def test_places_alerts_and_missing_reads_are_files_with_what_their_pages_say(alice, fleet):
    with fleet.reading() as session:
        customers, sites = (session.scalar(select(func.count(one.id))) for one in (Customer, Site))
        devices = session.scalar(select(func.sum(case((Device.in_fleet, 1), else_=0))))
    listed = rows_of(alice.get("/customers.csv"))
    assert len(listed) == 1 + customers
    assert sum(int(row[listed[0].index("Devices")]) for row in listed[1:]) == devices
    assert len(rows_of(alice.get("/customers.csv?q=harbour"))) == 2
    assert len(rows_of(alice.get("/sites.csv"))) == 1 + sites
    for name in ("missing", "alerts"):
        page, rows = alice.get(f"/{name}").text, rows_of(alice.get(f"/{name}.csv"))[1:]
        assert all(row[1] in unescape(page) for row in rows[:5])
    reasons = {row[8] for row in rows_of(alice.get("/missing.csv?reason=silent"))[1:]}
    assert reasons <= {"Device silent"}


def test_a_csv_file_says_that_it_is_utf8_and_ends_lines_as_spreadsheets_do():
    content = as_csv(
        [a_row("Göteborg 本社", 1234567, datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)), a_row(None, None, None)]
    )
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8-sig").split("\r\n") == [
        '"Said","Figure","At (UTC)"',
        '"Göteborg 本社",1234567,"2026-02-03 04:05:06"',
        '"","",""',
        "",
    ]


def test_figures_and_instants_are_such_in_excel():
    row = next(iter(as_xlsx([a_row(figure=1234567)]).iter_rows(min_row=2, values_only=True)))
    assert row == ("words", 1234567, NOW.replace(tzinfo=None))


@pytest.mark.parametrize("said", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", '=HYPERLINK("x")', "\uff1d1+1", "a;=1+1", "a;@x", "a;-1"])  # fmt: skip
def test_no_text_becomes_a_formula(said):
    """Neither where a comma separates nor where a semicolon does."""
    content = as_csv([a_row(said)]).decode("utf-8-sig")
    for separator in ",;":
        for line in csv.reader(StringIO(content), delimiter=separator):
            assert not [cell for cell in line if re.match("[=+@\uff1d-]", cell)]
    cell = as_xlsx([a_row(said)])["A2"]
    assert cell.data_type == "s"
    assert not re.match("[=+@\uff1d-]", cell.value)


def test_a_file_needs_no_memory_for_its_rows():
    """Of twenty thousand rows a few hundred are there at a time."""

    class Row(dict):
        pass

    alive, most = weakref.WeakSet(), 0

    def rows():
        nonlocal most
        for number in range(20_000):
            row = Row(a_row(f"device {number}", number))
            alive.add(row)
            most = max(most, len(alive))
            yield row

    Row.__hash__ = object.__hash__
    exports.write_csv(BytesIO(), MIXED, rows(), NOW)
    assert most < 1000
    exports.write_xlsx(BytesIO(), MIXED, rows(), NOW)
    assert most < 1000


def test_whoever_downloads_slowly_holds_no_connection_to_the_database(alice, fleet):
    with alice.client.stream("GET", "/agents.csv") as answer:
        assert answer.status_code == 200
        assert fleet.engine.pool.checkedout() == 0


def test_a_list_too_long_for_excel_is_told_to_be_csv(alice, monkeypatch):
    def too_many(*_):
        raise Overfull("many")

    monkeypatch.setitem(exports._WRITERS, "xlsx", too_many)
    answer = alice.get("/agents.xlsx")
    assert answer.status_code == 413
    assert "Take the CSV file" in answer.text
