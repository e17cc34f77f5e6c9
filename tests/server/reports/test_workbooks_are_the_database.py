"""An agent's workbook and a schedule's, built and mailed by what the worker runs, opened in LibreOffice: every cell of every
sheet is what the database holds, asked in SQL, and read from LibreOffice's own format by a reader of its own."""

import email
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import policy
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from flexprint_server.database import Database
from flexprint_server.fleet.models import Device
from flexprint_server.mail.relay import FolderPost
from flexprint_server.migrations import upgrade
from flexprint_server.reports import schedules
from flexprint_server.reports.delivery import deliver
from flexprint_server.reports.schedules import Typed, run_due
from flexprint_server.reports.wanted import Covers
from server.reports.conftest import House
from server.reports.test_schedules import stored_read
from services.fods import Cell, understood
from services.postgres import Postgres
from services.sites import TONER, add_device, add_site

SOFFICE = shutil.which("soffice")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not here: `make test-system` installs it"),
]

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
"""07:00 in Berlin, where summer time ended in the week before."""
LONG_AGO = NOW - timedelta(days=200)
YELLOW, PINK, ORANGE, RED = "#fff4b8", "#fadadf", "#ffe8cc", "#b42318"

HOSTILE = {
    "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
    "@SUM(A1:A9)": "'@SUM(A1:A9)",
    "\uff1dSUM(A1)": "'\uff1dSUM(A1)",
    "+49 30 1234": "'+49 30 1234",
    "-": "-",
    "_x003D_1+1": "_x003D_1+1",
    "<&>\"'</t>": "<&>\"'</t>",
    "two\nlines,\x07\x1b[31m bell": "two lines, [31m bell",
    "\u202etxt.exe\u202c": "txt.exe",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f5a8 B\u00fcro \u672c\u793e": "\U0001f5a8 B\u00fcro \u672c\u793e",
    "a  b": "a  b",
    "0012345678": "0012345678",
}
"""What a device says of itself: as it stands in a cell."""
LONG = {"long " * 8000: ("long " * 8000)[:32767], "\U0001f5a8" * 20000: "\U0001f5a8" * 16383}
"""The same of text that no cell can hold: 32,767 UTF-16 units are the most."""
IN_CELLS = HOSTILE | LONG

WASTE = {**TONER, "index": "1.2", "name": "Waste", "kind": "wasteToner", "color": None, "percent": 91, "state": "low", "level": 91,
         "capacity": 100, "unit": "percent"}  # fmt: skip
SOME = {**TONER, "name": "Ink", "kind": "ink", "percent": None, "state": "some", "level": -3, "capacity": -2}
STATES = {("ok", False): "ok", ("low", False): "low", ("low", True): "nearly full", ("some", False): "some left"}
LETTERS = {"o": "ok", "l": "low", "s": "some"}
WORDS = {"wasteToner": "waste toner", "tenthsOfGrams": "tenths of grams"}
SPECIAL = {-3: "some left", -2: "unknown"}

# What people read of a device's condition: (lowest supply, what is left of it, status), by serial.
CONDITIONS: dict[str, tuple[str | None, str | float | None, str]] = {
    "WASTE": ("Waste", "91 % full", "Printing: low toner, no paper"),
    "SOME": (None, None, "Idle"),
}

# Reads of the total in October (day, hour in Berlin, value), and what became of it: pages, qualities, the note's words.
PERIODS: dict[str, tuple[list[tuple[int, int, int]], int | None, str, list[str]]] = {
    "STEADY": ([(1, 0, 1000), (15, 9, 1400), (31, 23, 1900)], 900, "actual actual", []),
    "RESET": (
        [(1, 0, 5000), (14, 9, 5600), (15, 9, 10), (31, 23, 250)],
        840,
        "actual actual",
        ["went down", "5,600 to 10"],
    ),
    "ROLLED": (
        [(1, 0, 9_999_900), (15, 9, 100), (31, 23, 300)],
        400,
        "actual actual",
        ["went on at 0", "across are counted"],
    ),
    "OLD": ([(1, 0, 70_000), (14, 9, 71_000)], 1000, "actual actual", ["Retired on 2026-10-15"]),
    "REPLACES-OLD": ([(16, 9, 12), (31, 23, 512)], 500, "missing actual", ["from the first read"]),
    "BOARD": ([(1, 0, 100), (14, 9, 200), (14, 10, 900_000), (31, 23, 900_700)], 800, "actual actual", ["rose faster"]),
    "BETWEEN": ([(1, 0, 0), (25, 0, 240)], None, "actual estimated", []),
}


class Books:
    """Both workbooks as LibreOffice understood them, and the database that they are of."""

    def __init__(self, database: Database, agents: dict[str, list[list[Cell]]], dealers: dict[str, list[list[Cell]]]):
        self.database, self.agents, self.dealers = database, agents, dealers

    def ask(self, question: str, **given: Any) -> list[Any]:
        with self.database.reading() as session:
            return list(session.execute(text(question), given))


@pytest.fixture(scope="module")
def books(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    database, folder = Database(url), tmp_path_factory.mktemp("books")
    with database.transaction() as session:
        agent = add_site(session, NOW, "=Harbour & Dental", "Main Street")
        house = House(database, agent, NOW)
        fill(session, agent)
        add_device(session, add_site(session, NOW, "Somebody else"), NOW, "FOREIGN")
        typed = Typed(
            "Everything", "monthly 1 07:00", BERLIN.key, Covers("all"), ["a@example.com"],
            ["supplies", "volume", "import"], [], "month", "", "",
        )  # fmt: skip
        schedules.keep(session, agent.dealer_id, typed, "alice@example.com", NOW - timedelta(days=3))
    reports = {"agents": house.ask("office@example.com")}
    (reports["dealers"],) = run_due(database, NOW, "example.com")
    found = {}
    for name, report_id in reports.items():
        deliver(house.means(FolderPost(folder / name)), report_id)
        (mail,) = (folder / name).glob("*.eml")
        message = email.message_from_bytes(mail.read_bytes(), policy=policy.default)
        (attachment,) = message.iter_attachments()  # type: ignore[attr-defined]
        (folder / f"{name}.xlsx").write_bytes(attachment.get_content())
        found[name] = understood(str(SOFFICE), folder / f"{name}.xlsx")
    yield Books(database, **found)
    database.close()
    postgres.drop(url)


def fill(session: Any, agent: Any) -> None:
    read_at = NOW - timedelta(hours=2, seconds=1)
    for number, raw in enumerate(HOSTILE):
        add_device(session, agent, read_at, raw, name=raw, location=raw, model=raw, asset=raw, first_seen_at=LONG_AGO,
                   supplies=[{**TONER, "name": raw}], meters={"total": [number, "impressions"]})  # fmt: skip
    for number, raw in enumerate(LONG):
        add_device(session, agent, read_at, f"LONG{number}", first_seen_at=LONG_AGO, supplies=[{**TONER, "name": raw}])
    many = {"total": [4_294_967_295, "impressions", "1.3.6.1", "standard"], "total.color": [0, "impressions"],
            "scan": [999_999_999_999, "scans"]}  # fmt: skip
    add_device(session, agent, read_at, "LARGE", first_seen_at=LONG_AGO, meters=many)
    add_device(session, agent, read_at, "WASTE", first_seen_at=LONG_AGO, supplies=[TONER, WASTE], state="printing",
               errors=["lowToner", "noPaper"])  # fmt: skip
    add_device(session, agent, read_at, "SOME", first_seen_at=LONG_AGO, supplies=[SOME])
    add_device(session, agent, read_at, "NEW", first_seen_at=NOW - timedelta(days=3))
    add_device(session, agent, NOW - timedelta(days=7, minutes=1), "STALE", first_seen_at=LONG_AGO)
    add_device(session, agent, NOW - timedelta(days=32), "SILENT", first_seen_at=LONG_AGO)
    for serial, (reads, *_) in PERIODS.items():
        at = [datetime(2026, 10, day, hour, tzinfo=BERLIN) for day, hour, _ in reads]
        device = add_device(session, agent, at[-1], serial, first_seen_at=min(at[0], LONG_AGO))
        for instant, (_, _, total) in zip(at, reads, strict=True):
            # The first of the month at midnight is what was read just before.
            session.add(stored_read(session, device, instant - timedelta(seconds=1), total))
    old = session.query(Device).filter_by(serial="OLD").one()
    old.in_fleet, old.retired_at = False, datetime(2026, 10, 15, 12, tzinfo=BERLIN)


# ---------------------------------------------------------------- what the database says, as cells

_DEVICES = """
SELECT c.name, s.name, d.manufacturer, d.model, d.serial, coalesce(d.typed_asset, d.asset), d.address,
  coalesce(d.typed_name, d.name), coalesce(d.typed_location, d.location), d.id, d.customer_id, d.site_id, d.meter_values,
  d.levels, d.percents, d.states, d.content, d.first_seen_at, d.last_read_at
FROM (SELECT d.*, l.content, s.customer_id FROM device d JOIN layout l ON l.id = d.layout_id JOIN site s ON s.id = d.site_id) d
JOIN site s ON s.id = d.site_id JOIN customer c ON c.id = s.customer_id JOIN dealer o ON o.id = d.dealer_id
WHERE d.in_fleet AND c.name <> 'Somebody else' AND d.last_read_at > :now - interval '31 days'
ORDER BY d.first_seen_at <= :now - interval '31 days', c.name, s.name, d.manufacturer, d.model, d.serial, d.id
"""
_WHO = ["Customer", "Site", "Manufacturer", "Model", "Serial", "Asset", "IP address", "Name", "Location"]


def in_cell(raw: Any) -> Any:
    return IN_CELLS.get(raw, "'=Harbour & Dental" if raw == "=Harbour & Dental" else raw)


def who(row: Sequence[Any]) -> list[Any]:
    return [in_cell(value) for value in row[:9]]


def on_the_clock(instant: datetime, zone: Any) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def plain(rows: list[list[Cell]]) -> list[list[Any]]:
    """Values alone; instants to the second, as wide as the heading."""
    width = len(rows[0])
    return [
        [
            (cell.value + timedelta(seconds=0.5)).replace(microsecond=0)
            if isinstance(cell.value, datetime)
            else cell.value
            for cell in row
        ]
        + [None] * (width - len(row))
        for row in rows
    ]


BOTH = pytest.mark.parametrize(("name", "zone"), [("agents", "UTC"), ("dealers", BERLIN.key)])


def note_of(first_seen_at: datetime, last_read_at: datetime) -> str | None:
    if NOW - last_read_at > timedelta(days=7):
        return "Stale"
    return "New" if NOW - first_seen_at < timedelta(days=31) else None


@BOTH
def test_every_cell_of_the_sheet_of_devices(books: Books, name: str, zone: str) -> None:
    """Text as text, whatever it is; figures as figures; instants on the schedule's own clock, UTC in an agent's."""
    heading, *rows = plain(getattr(books, name)["Devices"])
    assert heading == [*_WHO, "Total", "Total color", "Scan", "Lowest supply", "Left", "Status", "Note", f"Last read ({zone})",
                       "Days since read", f"First seen ({zone})", f"Reported ({zone})"]  # fmt: skip
    expected = []
    for row in books.ask(_DEVICES, now=NOW):
        *_, values, _levels, _percents, _states, content, first_seen_at, last_read_at = row
        meters = dict(zip((meter[0] for meter in content["meters"]), values, strict=True))
        usual = (in_cell(content["supplies"][0][1]), 0.42, "Idle")
        expected.append(
            [
                *who(row),
                *(meters.get(meter) for meter in ("total", "total.color", "scan")),
                *CONDITIONS.get(row[4], usual),
                note_of(first_seen_at, last_read_at),
                on_the_clock(last_read_at, ZoneInfo(zone)),
                (NOW - last_read_at).days,
                on_the_clock(first_seen_at, ZoneInfo(zone)),
                on_the_clock(NOW, ZoneInfo(zone)),
            ]
        )
    assert len(rows) == len(expected) == len(HOSTILE) + len(LONG) + 5 + len(PERIODS) - 1
    for row, wanted in zip(rows, expected, strict=True):
        assert row == wanted


@BOTH
def test_every_cell_of_the_sheet_of_supplies(books: Books, name: str, zone: str) -> None:
    heading, *rows = plain(getattr(books, name)["Supplies"])
    assert heading == [
        *_WHO,
        "Supply",
        "Kind",
        "Colour",
        "Percent",
        "State",
        "Level",
        "Capacity",
        "Unit",
        f"Last read ({zone})",
    ]
    expected = []
    for row in books.ask(_DEVICES, now=NOW):
        *_, levels, percents, states, content, _first, last_read_at = row
        for (_, called, kind, color, capacity, unit), level, percent, letter in zip(
            content["supplies"], levels, percents, states, strict=True
        ):
            expected.append(
                [
                    *who(row), in_cell(called), WORDS.get(kind, kind), color, percent and percent / 100,
                    STATES[LETTERS[letter], kind.startswith("waste")], SPECIAL.get(level, level),
                    SPECIAL.get(capacity, capacity), WORDS.get(unit, unit), on_the_clock(last_read_at, ZoneInfo(zone)),
                ]
            )  # fmt: skip
    assert rows == expected


@BOTH
def test_every_cell_of_the_sheet_for_programs(books: Books, name: str, zone: str) -> None:
    """The same in both, in UTC as RFC 3339 has it."""
    heading, *rows = plain(getattr(books, name)["Import"])
    assert heading == ["device_id", "customer_id", "customer", "site_id", "site", "manufacturer", "model", "serial", "asset",
                       "meter", "value", "unit", "read_at", "source", "quality"]  # fmt: skip
    expected = []
    for row in books.ask(_DEVICES, now=NOW):
        customer, site, maker, model, serial, asset = who(row)[:6]
        number, customer_id, site_id, values, *_, content, _first, last_read_at = row[9:]
        expected += [
            [number, customer_id, customer, site_id, site, maker, model, serial, asset, meter, value, unit,
             f"{last_read_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", source, "actual"]
            for (meter, unit, _, source), value in zip(content["meters"], values, strict=True)
        ]  # fmt: skip
    assert rows == expected


def test_volume_of_the_month_is_that_of_the_stored_reads(books: Books) -> None:
    """From midnight to midnight on the schedule's clock: a reset, a rollover, another board, a device swapped within the
    month, a start that nobody read; the row says in words what to look at."""
    heading, *rows = books.dealers["Volume"]
    names = [str(cell.value) for cell in heading]
    assert names == [*_WHO, "Meter", "Unit", "From (Europe/Berlin)", "From value", "From quality", "To (Europe/Berlin)",
                     "To value", "To quality", "Pages", "Note"]  # fmt: skip
    shown = {row[4].value: dict(zip(names, plain([heading, row])[1], strict=True)) for row in rows}
    assert set(shown) == set(PERIODS)
    begin, end, swapped = (
        datetime(*day, tzinfo=BERLIN).replace(tzinfo=None) for day in ((2026, 10, 1), (2026, 11, 1), (2026, 10, 14, 9))
    )
    for serial, (_, pages, qualities, words) in PERIODS.items():
        row = shown[serial]
        last = swapped if serial == "OLD" else end
        assert (row["From (Europe/Berlin)"], row["To (Europe/Berlin)"]) == (begin, last)
        assert f"{row['From quality']} {row['To quality']}" == qualities, serial
        (read,) = books.ask(
            "SELECT min(total) FILTER (WHERE at = first), min(total) FILTER (WHERE at = last) FROM (SELECT r.total, "
            "r.read_at AS at, min(r.read_at) OVER () AS first, max(r.read_at) OVER () AS last FROM read r "
            "JOIN device d ON d.id = r.device_id WHERE d.serial = :serial) AS x", serial=serial,
        )  # fmt: skip
        if row["From quality"] == "actual":
            assert row["From value"] == read[0]
        if row["To quality"] == "actual":
            assert row["To value"] == read[1]
        if pages is not None:
            assert row["Pages"] == pages, serial
        assert all(word in row["Note"] for word in words), (serial, row["Note"])
        assert bool(row["Note"]) == bool(words), row["Note"]
    # Seven more days at the ten pages a day of the 24 before.
    assert (shown["BETWEEN"]["To value"], shown["BETWEEN"]["Pages"]) == (310, 310)
    fills = {row[4].value: {cell.fill for cell in row} for row in rows}
    quiet = {"STEADY", "ROLLED", "BETWEEN", "OLD"}
    assert fills == {serial: {None if serial in quiet else ORANGE} for serial in PERIODS}


@BOTH
def test_new_and_stale_rows_and_low_supplies_stand_out(books: Books, name: str, zone: str) -> None:
    rows = {row[4].value: row for row in getattr(books, name)["Devices"][1:]}
    tones = {serial: {cell.fill for cell in row} for serial, row in rows.items()}
    old = {
        serial
        for serial, last in books.ask("SELECT serial, last_read_at FROM device")
        if NOW - last > timedelta(days=7)
    }
    assert {serial for serial, tone in tones.items() if tone == {PINK}} == old & set(rows)
    assert {serial for serial, tone in tones.items() if tone == {YELLOW}} == {"NEW"}
    assert [row[13].ink for serial, row in rows.items() if serial == "WASTE"] == [RED]
    assert next(iter(rows)) == "NEW"


@BOTH
def test_no_cell_is_a_formula_and_about_says_what_the_database_says(books: Books, name: str, zone: str) -> None:
    book = getattr(books, name)
    assert not [cell for rows in book.values() for row in rows for cell in row if cell.formula]
    # The first of a name: below, the columns of the sheets are explained.
    about = {row[0].value: row[1].value for row in reversed(book["About"]) if len(row) > 1}
    (count, left_out) = books.ask(
        "SELECT count(*) FILTER (WHERE last_read_at > :now - interval '31 days'), "
        "count(*) FILTER (WHERE last_read_at <= :now - interval '31 days') FROM device d JOIN site s ON s.id = d.site_id "
        "JOIN customer c ON c.id = s.customer_id WHERE in_fleet AND c.name <> 'Somebody else'", now=NOW,
    )[0]  # fmt: skip
    assert (about["Devices"], about["Left out, not read for 31 days"]) == (str(count), str(left_out))
    assert about["Made"] == f"{on_the_clock(NOW, ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
    assert zone in about["Times"]
    if name == "dealers":
        assert about["Volume"] == "2026-10-01 00:00 Europe/Berlin to 2026-11-01 00:00 Europe/Berlin"
    else:
        assert about["Customer"] == "'=Harbour & Dental"
