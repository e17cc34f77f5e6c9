"""Schedules: when they run, what of, and never twice."""

import io
import json
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from sqlalchemy import delete, func, select

from flexprint_server.fleet.models import Read
from flexprint_server.mail.relay import FolderPost
from flexprint_server.reports import schedules
from flexprint_server.reports.models import Report, Schedule, WorkbookPart
from flexprint_server.reports.schedules import ScheduleUnfit, Typed, run_due
from flexprint_server.reports.wanted import Covers, period, wanted_of
from flexprint_server.tenants.models import Customer, SettingValue, Site
from services.laid_out import figures
from services.sites import add_device, add_site

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def typed(**given):
    plain = {
        "name": "Weekly meters", "recurrence": "weekly mon 07:00", "zone": "Europe/Berlin", "covers": Covers("all"),
        "recipients": ["a@example.com", "b@example.com"], "sheets": ["supplies", "import"], "columns": [],
        "period": "none", "subject": "", "file_name": "",
    }  # fmt: skip
    return Typed(**{**plain, **given})


def keep(house, **given):
    with house.database.transaction() as session:
        return schedules.keep(session, house.agent.dealer_id, typed(**given), "alice@example.com", house.now).id


def run(house, at):
    house.now = at
    return run_due(house.database, at, "example.com")


def the(house, schedule_id):
    with house.database.reading() as session:
        return session.get_one(Schedule, schedule_id)


def count(house):
    with house.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Report))


def test_a_schedule_runs_at_its_time_on_its_own_clock(house):
    """07:00 in Berlin in November is 06:00 UTC."""
    schedule = keep(house)
    assert the(house, schedule).next_at == MONDAY
    assert run(house, MONDAY - timedelta(seconds=1)) == []
    (report_id,) = run(house, MONDAY)
    report = house.report(report_id)
    assert (report.state, report.title, report.scheduled_for, report.site_id) == ("due", "Weekly meters", MONDAY, None)
    assert [one.recipient for one in report.deliveries] == ["a@example.com", "b@example.com"]
    assert the(house, schedule).next_at == MONDAY + timedelta(days=7)
    assert run(house, MONDAY + timedelta(seconds=2)) == []


def test_runs_that_were_missed_are_caught_up_once(house):
    """The collector was away for four weeks: one report now, and the next one when it is due."""
    schedule = keep(house)
    back = MONDAY + timedelta(days=28, hours=3)
    assert len(run(house, back)) == 1
    assert the(house, schedule).next_at == MONDAY + timedelta(days=35)
    assert run(house, back) == []


def test_of_two_schedulers_one_has_the_run(house):
    """At the same moment, on SQLite as on PostgreSQL."""
    keep(house)
    together, reports = threading.Barrier(4), []

    def look():
        together.wait()
        reports.extend(run_due(house.database, MONDAY, "example.com"))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == count(house) == 1


def test_a_paused_schedule_waits_and_goes_on_with_the_next_run(house):
    schedule = keep(house)
    with house.database.transaction() as session:
        schedules.pause(session.get_one(Schedule, schedule))
    assert run(house, MONDAY + timedelta(days=14)) == []
    with house.database.transaction() as session:
        schedules.resume(session.get_one(Schedule, schedule), house.now)
    assert the(house, schedule).next_at == MONDAY + timedelta(days=21)


def test_a_paused_schedule_that_is_changed_stays_paused(house):
    schedule = keep(house)
    with house.database.transaction() as session:
        row = session.get_one(Schedule, schedule)
        schedules.pause(row)
        session.flush()
        schedules.keep(session, row.dealer_id, typed(name="Other"), "x", house.now, row)
    assert (the(house, schedule).name, the(house, schedule).next_at) == ("Other", None)


def test_the_report_of_a_schedule_is_built_and_mailed(house, tmp_path):
    """With its own words in subject and file name, for everything of the dealer and nothing of another one."""
    with house.database.transaction() as session:
        add_device(session, add_site(session, house.now, "Somebody else"), house.now, "X")
    keep(house, subject="Meters of {month}, {printers}", file_name="{name} {date}")
    (report_id,) = run(house, MONDAY)
    report = house.deliver(report_id, post=FolderPost(tmp_path))
    assert (report.state, report.devices, report.subject) == ("sent", 3, "Meters of 2026-10, 3 printers")
    assert report.file_name == "Weekly meters 2026-11-23.xlsx"
    mails = [path.read_text() for path in tmp_path.glob("*.eml")]
    assert len(mails) == 2
    assert all("Subject: Meters of 2026-10, 3 printers" in mail for mail in mails)
    assert all(
        "recipient of the schedule Weekly meters" in mail.replace("=\n", "").replace("\n", " ") for mail in mails
    )


def workbook(house, report_id, tmp_path):
    report = house.deliver(report_id, post=FolderPost(tmp_path))
    assert report.error is None
    with house.database.reading() as session:
        content = session.scalars(select(WorkbookPart.content).where(WorkbookPart.report_id == report_id)).one()
    return openpyxl.load_workbook(io.BytesIO(content))


def serials(book):
    headings, *rows = book["Devices"].iter_rows(values_only=True)
    return [row[headings.index("Serial")] for row in rows]


def test_a_schedule_covers_what_was_chosen(house, tmp_path):
    """All, some customers, some sites, some devices: and never another dealer's, whatever ids it names."""
    with house.database.transaction() as session:
        first = session.get_one(Site, house.agent.site_id)
        customer = Customer(dealer_id=first.dealer_id, name="City Library", created_at=house.now)
        session.add(customer)
        session.flush()
        site = Site(dealer_id=first.dealer_id, customer_id=customer.id, name="Annexe", created_at=house.now)
        session.add(site)
        session.flush()
        house.agent.site_id, there = site.id, house.agent.site_id
        device = add_device(session, house.agent, house.now, "LIB1")
        house.agent.site_id = there
        stranger = add_site(session, house.now, "Somebody else")
        foreign = add_device(session, stranger, house.now, "FOREIGN")
        chosen = {
            "customers": (customer.id, session.get_one(Site, stranger.site_id).customer_id),
            "sites": (site.id, stranger.site_id),
            "devices": (device.id, foreign.id),
        }
    for number, (kind, ids) in enumerate(chosen.items()):
        keep(house, name=kind, covers=Covers(kind, ids), recurrence=f"daily 0{number}:00", zone="UTC")
    everything = keep(house, name="all", recurrence="daily 05:00", zone="UTC")
    for report_id in run(house, MONDAY):
        book = workbook(house, report_id, tmp_path)
        report = house.report(report_id)
        expected = ["LIB1"]
        if report.schedule_id == everything:
            expected = ["LIB1", "VD00000000", "VD00000001", "VD00000002"]
        assert sorted(serials(book)) == expected, report.title
        about = dict(book["About"].iter_rows(values_only=True))
        assert "Somebody else" not in about.values()


def test_a_group_is_the_sites_that_are_in_it_when_the_workbook_is_made(house, tmp_path):
    """A site that joins it later is covered without anyone touching the schedule; one that is taken out is not."""
    with house.database.transaction() as session:
        site = session.get_one(Site, house.agent.site_id)
        dealer = site.dealer_id
        annexe = Site(dealer_id=dealer, customer_id=site.customer_id, name="Annexe", created_at=house.now)
        session.add(annexe)
        session.flush()
        house.agent.site_id, there = annexe.id, house.agent.site_id
        add_device(session, house.agent, house.now, "ANNEXE")
        house.agent.site_id = there
        stranger = add_site(session, house.now, "Somebody else")
        settle(session, stranger.dealer_id, "site", stranger.site_id, "North", house.now)
        settle(session, dealer, "site", annexe.id, "Schools, north", house.now)
    schedule = keep(house, covers=Covers("groups", names=("North",)))
    (report_id,) = run(house, MONDAY)
    book = workbook(house, report_id, tmp_path)
    assert serials(book) == ["ANNEXE"]
    assert (book["About"]["A2"].value, book["About"]["B2"].value) == ("Customer", "Group North")
    with house.database.transaction() as session:
        settle(session, dealer, "customer", session.get_one(Site, there).customer_id, "North", house.now)
        settle(session, dealer, "site", annexe.id, "none", house.now)
    (report_id,) = run(house, MONDAY + timedelta(days=7))
    assert sorted(serials(workbook(house, report_id, tmp_path))) == ["VD00000000", "VD00000001", "VD00000002"]
    assert the(house, schedule).covers == {"kind": "groups", "ids": [], "names": ["North"]}


def settle(session, dealer_id, level, number, groups, now):
    session.execute(delete(SettingValue).where(SettingValue.place == f"{level}:{number}"))
    column = {"customer": "customer_id", "site": "site_id"}[level]
    place = {"dealer_id": dealer_id, "place": f"{level}:{number}", column: number}
    session.add(SettingValue(**place, name="groups", value=groups, set_at=now))


def test_chosen_columns_and_sheets_are_all_that_stands_there(house, tmp_path):
    """But for the serial, the time of the read and what the colour says, without which no figure means anything."""
    keep(house, sheets=["import"], columns=["customer", "meters"])
    book = workbook(house, run(house, MONDAY)[0], tmp_path)
    assert book.sheetnames == ["Devices", "Import", "About"]
    headings = ["Customer", "Serial", "Total", "Note", "Last read (Europe/Berlin)"]
    assert [cell.value for cell in book["Devices"][1]] == headings
    assert book["Devices"]["C2"].value == 7342


def stored_read(session, device, at, total):
    facts = figures(session, device.dealer_id, {"total": [total, "impressions"]}, [])
    facts["meters"] = facts.pop("meter_values")
    del facts["supply_left"], facts["supply_low"]
    return Read(dealer_id=device.dealer_id, device_id=device.id, batch_id=1, row=0, read_at=at, **facts)


def test_volume_is_told_over_the_last_month_epoch_by_epoch(house, tmp_path):
    """By the schedule's own clock: October in Berlin began at 22:00 UTC, and is shown from midnight to midnight."""
    house.now = datetime(2026, 10, 20, tzinfo=UTC)
    with house.database.transaction() as session:
        for serial, values in (("UP", (1000, 1100, 1300)), ("SWAPPED", (5000, 10, 250)), ("GONE", (70, 95))):
            at = [datetime(2026, 10, day, 21, tzinfo=UTC) for day in (1, 15, 31)[: len(values)]]
            device = add_device(session, house.agent, at[-1], serial)
            session.add_all(stored_read(session, device, *read) for read in zip(at, values, strict=True))
        device.in_fleet, device.retired_at = False, at[-1] + timedelta(days=2)
    keep(house, recurrence="monthly 1 07:00", sheets=["volume"], period="month")
    (report_id,) = run(house, datetime(2026, 11, 1, 6, tzinfo=UTC))
    house.now = MONDAY
    book = workbook(house, report_id, tmp_path)
    headings, *rows = book["Volume"].iter_rows(values_only=True)
    told = {row["Serial"]: row for row in (dict(zip(headings, row, strict=True)) for row in rows)}
    assert set(told) == {"UP", "SWAPPED", "GONE"}
    assert str(told["UP"]["From (Europe/Berlin)"]) == "2026-10-01 00:00:00"
    assert str(told["UP"]["To (Europe/Berlin)"]) == "2026-11-01 00:00:00"
    assert (told["UP"]["From quality"], told["UP"]["To quality"]) == ("missing", "actual")
    assert (told["UP"]["Pages"], told["SWAPPED"]["Pages"]) == (300, 240)
    assert "went down" in told["SWAPPED"]["Note"]
    assert (told["GONE"]["Pages"], str(told["GONE"]["To (Europe/Berlin)"])) == (25, "2026-10-15 23:00:00")
    assert "Retired on 2026-10-17" in told["GONE"]["Note"]
    assert "Counted from the first read" in told["UP"]["Note"]


@pytest.mark.parametrize(
    ("kind", "since", "until"),
    [
        ("none", None, None),
        ("month", "2026-10-01", "2026-11-01"),
        ("week", "2026-11-16", "2026-11-23"),
        ("run", "2026-11-20", "2026-11-25"),
    ],
)
def test_volume_is_told_of_a_month_a_week_or_since_the_last_run(kind, since, until):
    zone = ZoneInfo("Europe/Berlin")
    now, before = datetime(2026, 11, 25, tzinfo=zone), datetime(2026, 11, 20, tzinfo=zone)
    told = period(kind, now, before)
    assert told == (since and tuple(datetime.fromisoformat(day).replace(tzinfo=zone) for day in (since, until)))


@pytest.mark.parametrize(
    ("given", "field", "fault"),
    [
        ({"name": ""}, "name", "give it a name"),
        ({"recurrence": "hourly"}, "recurrence", "weekly mon 07:00"),
        ({"zone": "Mars/Base"}, "zone", "Europe/Berlin"),
        ({"zone": "../../etc/passwd"}, "zone", "Europe/Berlin"),
        ({"zone": "Europe"}, "zone", "Europe/Berlin"),
        ({"covers": Covers("sites")}, "covers", "at least one of the sites"),
        ({"recipients": []}, "recipients", "at least one"),
        ({"recipients": ["a@example.com", "nobody"]}, "recipients", "nobody is no mail address"),
        ({"recipients": [f"r{n}@example.com" for n in range(51)]}, "recipients", "50 is the most"),
        ({"subject": "{nmae}"}, "subject", "{nmae} is unknown"),
        ({"file_name": "{date"}, "file_name", "stands alone"),
    ],
)
def test_what_does_not_fit_is_named_field_by_field(house, given, field, fault):
    with pytest.raises(ScheduleUnfit) as caught:
        keep(house, **given)
    assert [named for named, _ in caught.value.faults] == [field]
    assert fault in caught.value.faults[0][1]


def test_two_schedules_of_one_name_would_be_mistaken_for_each_other(house):
    keep(house)
    with pytest.raises(ScheduleUnfit, match="already"):
        keep(house)


def test_a_report_whose_customer_is_gone_says_so(house, tmp_path):
    keep(house, covers=Covers("sites", (999,)))
    report = house.deliver(run(house, MONDAY)[0], post=FolderPost(tmp_path))
    assert "not there any more" in report.error


def test_what_a_report_is_to_be_reads_back_as_it_was_kept(house):
    keep(house, period="week", sheets=["volume"], columns=["asset"])
    report = house.report(run(house, MONDAY)[0])
    wanted = wanted_of(report.wanted, None)
    assert json.loads(json.dumps(wanted.as_json())) == report.wanted
    assert (wanted.sheets, wanted.columns, wanted.zone) == (("volume",), ("asset",), "Europe/Berlin")
