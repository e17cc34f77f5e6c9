"""The workbook: what a dealer bills from, as openpyxl reads it back."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from flexprint_server.reports import archive, sheets
from flexprint_server.reports.archive import Overfull
from flexprint_server.reports.skeleton import Column, Sheet
from flexprint_server.reports.wanted import UTC_ZONE
from flexprint_server.reports.workbook import import_sheet
from flexprint_server.reports.workbook.rows import About, DeviceRow, Summary, VolumeRow
from flexprint_server.reports.workbook.words import status_text
from flexprint_server.reports.workbook.writing import Contents, write_workbook
from flexprint_shared.usage import Reading, history
from services.sites import TONER

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=300)

YELLOW = "FFFFF4B8"
PINK = "FFFADADF"


def a_device(**given):
    facts = {
        "customer": "Harbour Dental", "site": "Main Street", "manufacturer": "Kyocera", "model": "ECOSYS P2040dw",
        "serial": "VD21457943", "asset": None, "address": "10.1.2.3", "name": "prn-1", "location": "Front desk",
        "meters": {"total": [7342, "impressions", "vendor"]}, "supplies": [TONER], "state": "idle", "errors": [],
        "first_seen_at": LONG_AGO, "last_read_at": NOW - timedelta(hours=1),
    }  # fmt: skip
    return DeviceRow(**{**facts, **given})


def written(*devices, meters=(("total", "impressions"),), zone=UTC_ZONE, **given):
    file = io.BytesIO()
    about = About("Harbour Dental", "Main Street", NOW, meters, zone=zone)
    summary = write_workbook(file, about, devices, **given)
    file.seek(0)
    return openpyxl.load_workbook(file), summary


def bare(instant):
    """As a cell gives it back: cells know no zones."""
    return instant.replace(tzinfo=None)


def rows_of(sheet):
    headings, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(headings, row, strict=True)) for row in rows]


def fill_of(sheet, row):
    fills = {cell.fill.fgColor.rgb if cell.fill.fill_type else None for cell in sheet[row]}
    assert len(fills) == 1, "a row has one colour from end to end"
    return fills.pop()


def test_one_row_per_device_with_everything_a_dealer_bills_from():
    book, _ = written(a_device(asset="NW-1"), meters=(("total", "impressions"),))
    assert book.sheetnames == ["Devices", "Supplies", "Import", "About"]
    assert rows_of(book["Devices"]) == [
        {
            "Customer": "Harbour Dental",
            "Site": "Main Street",
            "Manufacturer": "Kyocera",
            "Model": "ECOSYS P2040dw",
            "Serial": "VD21457943",
            "Asset": "NW-1",
            "IP address": "10.1.2.3",
            "Name": "prn-1",
            "Location": "Front desk",
            "Total": 7342,
            "Lowest supply": "TK-1170",
            "Left": 0.42,
            "Status": "Idle",
            "Note": None,
            "Last read (UTC)": bare(NOW - timedelta(hours=1)),
            "Days since read": 0,
            "First seen (UTC)": bare(LONG_AGO),
            "Reported (UTC)": bare(NOW),
        }
    ]


def test_meters_stand_in_the_order_of_the_vocabulary_with_their_units():
    """Only meters that occur, an empty cell where a device lacks one; where units differ, each figure's stands
    beside it."""
    pairs = [("scan", "scans"), ("total", "sheets"), ("copy", "impressions"), ("total", "impressions")]
    book, _ = written(
        a_device(meters={"total": [10, "impressions", "vendor"], "copy": [4, "impressions", "vendor"]}),
        a_device(meters={"total": [5, "sheets", "vendor"], "scan": [0, "scans", "vendor"]}),
        meters=pairs,
    )
    headings = [cell.value for cell in book["Devices"][1]]
    assert headings[9:13] == ["Total", "Total unit", "Copy", "Scan"]
    figures = [row[9:13] for row in book["Devices"].iter_rows(min_row=2, values_only=True)]
    assert figures == [(10, "impressions", 4, None), (5, "sheets", None, 0)]


def test_pages_that_a_computer_counted_are_never_called_the_printers_own():
    book, _ = written(
        a_device(meters={"print.spooler": [120, "impressions", "vendor"], "print": [7, "impressions", "vendor"]}),
        meters=[("print.spooler", "impressions"), ("print", "impressions")],
    )
    assert [cell.value for cell in book["Devices"][1][9:11]] == ["Print", "Print spooler"]
    legend = {name: about for name, about, *_ in book["About"].iter_rows(values_only=True)}
    assert "not by the device" in legend["Print spooler"]
    assert "not by the device" not in legend["Print"]


def test_figures_are_figures_and_serials_are_text():
    book, _ = written(a_device(serial="000123", meters={"total": [1234567, "impressions", "vendor"]}))
    by_heading = {heading.value: cell for heading, cell in zip(*book["Devices"].iter_rows(), strict=True)}
    assert (by_heading["Serial"].value, by_heading["Serial"].data_type) == ("000123", "s")
    assert by_heading["Serial"].number_format == "@"
    assert (by_heading["Total"].value, by_heading["Total"].number_format) == (1234567, "#,##0")
    assert by_heading["Left"].number_format == "0%"
    assert by_heading["Last read (UTC)"].is_date


def test_serials_that_look_like_figures_get_no_green_corner():
    """The sheet says that its text is meant to be text."""
    file = io.BytesIO()
    write_workbook(file, About("a", "b", NOW, ()), [a_device()])
    with zipfile.ZipFile(file) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert '<ignoredErrors><ignoredError sqref="A1:Q2" numberStoredAsText="1"/></ignoredErrors></worksheet>' in sheet


@pytest.mark.parametrize("field", ["serial", "asset", "address", "name", "location", "model", "customer", "site"])
def test_text_from_a_device_is_never_a_formula(field):
    book, _ = written(a_device(**{field: "=HYPERLINK(A1)"}))
    cells = [cell for row in book["Devices"].iter_rows(min_row=2) for cell in row]
    assert "'=HYPERLINK(A1)" in [cell.value for cell in cells]
    assert "f" not in [cell.data_type for cell in cells]


def test_new_devices_are_yellow_and_stale_ones_pink():
    """New for a month; what is both is pink, because that is the more urgent."""
    recent, old = NOW - timedelta(days=2), NOW - timedelta(days=8)
    book, summary = written(
        a_device(),
        a_device(first_seen_at=recent),
        a_device(last_read_at=old),
        a_device(first_seen_at=NOW - timedelta(days=6), last_read_at=old),
        a_device(last_read_at=NOW - timedelta(days=7)),
    )
    sheet = book["Devices"]
    assert [fill_of(sheet, row) for row in range(2, 7)] == [None, YELLOW, PINK, PINK, None]
    assert [row["Note"] for row in rows_of(sheet)] == [None, "New", "Stale", "Stale", None], "also without colours"
    assert (summary.devices, summary.new, summary.stale) == (5, 1, 2)


@pytest.mark.parametrize(
    ("supply", "lowest", "left", "red"),
    [
        ({"percent": 42, "state": "ok"}, "TK-1170", 0.42, False),
        ({"percent": 3, "state": "low"}, "TK-1170", 0.03, True),
        ({"percent": 0, "state": "empty"}, "TK-1170", 0, True),
        ({"percent": None, "state": "low"}, "TK-1170", "low", True),
        ({"percent": None, "state": "some"}, None, None, False),
        ({"percent": 95, "state": "low", "kind": "wasteToner", "name": "Waste box"}, "Waste box", "95 % full", True),
        ({"percent": None, "state": "low", "kind": "wasteToner", "name": "Waste box"}, "Waste box", "nearly full", True),
    ],
)  # fmt: skip
def test_the_lowest_supply_is_named_with_what_is_left(supply, lowest, left, red):
    """As a percentage where there is one, in the device's words where not, in red when somebody has to act."""
    book, summary = written(a_device(supplies=[{**TONER, **supply}]))
    row = rows_of(book["Devices"])[0]
    assert (row["Lowest supply"], row["Left"]) == (lowest, left)
    cell = book["Devices"].cell(2, 12)
    assert (cell.font.color.rgb == "FFB42318" and cell.font.bold) is red
    assert summary.low == red


def test_the_second_sheet_has_a_row_per_supply_with_special_levels_as_words():
    """-3 is "some left", not three less than nothing."""
    waste = {
        **TONER,
        "kind": "wasteToner",
        "name": "Waste box",
        "color": None,
        "percent": None,
        "state": "some",
        "level": -3,
        "capacity": -2,
    }
    drum = {**TONER, "kind": "opc", "name": "Drum", "percent": None, "state": "unlimited", "level": -1}
    book, summary = written(a_device(supplies=[TONER, waste, drum]))
    keys = ("Serial", "Supply", "Kind", "Colour", "Percent", "State", "Level", "Capacity", "Unit")
    assert [tuple(row[key] for key in keys) for row in rows_of(book["Supplies"])] == [
        ("VD21457943", "TK-1170", "toner", "black", 0.42, "ok", 420, 1000, "tenths of grams"),
        ("VD21457943", "Waste box", "waste toner", None, None, "some left", "some left", "unknown", "tenths of grams"),
        ("VD21457943", "Drum", "opc", "black", None, "no limit", "no limit", 1000, "tenths of grams"),
    ]
    assert summary.supplies == 3


def test_the_sheet_for_programs_has_a_row_per_device_and_meter():
    """Ids, names without spaces, figures without separators, instants that every program reads the same."""
    device = a_device(
        meters={"total": [7342, "impressions", "vendor"], "scan": [46, "scans", "derived"]},
        asset="0042", device_id=7, customer_id=3, site_id=5,
    )  # fmt: skip
    book, _ = written(device, meters=(("total", "impressions"), ("scan", "scans")))
    common = {
        "device_id": 7, "customer_id": 3, "customer": "Harbour Dental", "site_id": 5, "site": "Main Street",
        "manufacturer": "Kyocera", "model": "ECOSYS P2040dw", "serial": "VD21457943", "asset": "0042",
        "read_at": "2026-11-22T07:30:00Z", "quality": "actual",
    }  # fmt: skip
    assert [row.items() >= common.items() for row in rows_of(book["Import"])] == [True, True]
    assert [(row["meter"], row["value"], row["unit"], row["source"]) for row in rows_of(book["Import"])] == [
        ("total", 7342, "impressions", "vendor"),
        ("scan", 46, "scans", "derived"),
    ]
    assert all(" " not in cell.value for cell in book["Import"][1])
    assert [cell.number_format for cell in book["Import"][2]][:11] == ["0", "0", "@", "0", *["@"] * 6, "0"]


def test_more_rows_than_a_sheet_holds_stand_on_another_one(monkeypatch):
    monkeypatch.setattr(import_sheet, "ROWS_A_SHEET", 100)
    devices = [a_device(serial=str(number)) for number in range(250)]
    file = io.BytesIO()
    write_workbook(file, About("a", "b", NOW, [("total", "impressions")], figures=250), devices)
    book = openpyxl.load_workbook(file)
    names = ["Import", "Import 2", "Import 3"]
    assert book.sheetnames == ["Devices", "Supplies", *names, "About"]
    assert [row["serial"] for name in names for row in rows_of(book[name])] == [str(number) for number in range(250)]
    formats = [[cell.number_format for cell in book[name][2]] for name in names]
    assert formats[0] == formats[1] == formats[2]


def a_volume(*values, start=0, end=2):
    read = [Reading(NOW + timedelta(days=number), value) for number, value in enumerate(values)]
    return history(read).volume(NOW + timedelta(days=start), NOW + timedelta(days=end))


def test_volume_says_how_each_figure_was_obtained_and_what_to_look_at():
    """A meter that began anew, or was not read at an end, stands out."""
    meter = ("total.mono", "impressions")
    volumes = [
        VolumeRow(a_device(), meter, a_volume(100, 150, 230)),
        VolumeRow(a_device(), meter, a_volume(100, 5, 30)),
        VolumeRow(a_device(), meter, a_volume(100, 150, 230, start=-3)),
    ]
    book, _ = written(a_device(), contents=Contents(("volume",)), volumes=volumes)
    keys = ("Meter", "Unit", "From value", "From quality", "To value", "To quality", "Pages")
    rows = rows_of(book["Volume"])
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("Total mono", "impressions", 100, "actual", 230, "actual", 130),
        ("Total mono", "impressions", 100, "actual", 30, "actual", 25),
        ("Total mono", "impressions", None, "missing", 230, "actual", 130),
    ]
    assert [row["Note"] and row["Note"][:16] for row in rows] == [None, "Meter went down ", "Counted from the"]
    assert [fill_of(book["Volume"], row) for row in (2, 3, 4)] == [None, "FFFFE8CC", "FFFFE8CC"]
    assert "estimated" in dict(book["About"].iter_rows(values_only=True))
    assert (book["Volume"].page_setup.fitToWidth, book["Volume"].print_title_cols) == (2, "$E:$E"), (
        "large enough to read"
    )


def test_headings_stay_in_sight_and_filter_down_to_the_last_row():
    book, _ = written(*[a_device(serial=str(number)) for number in range(300)])
    devices = book["Devices"]
    assert devices.freeze_panes == "A2"
    assert devices.auto_filter.ref == "A1:R301"
    assert book["Supplies"].auto_filter.ref == "A1:R301"
    assert book["About"].auto_filter.ref is None
    assert devices.max_row == 301
    assert [row["Serial"] for row in rows_of(devices)] == [str(number) for number in range(300)]


def test_each_filter_knows_the_length_of_its_own_sheet():
    """Also where two sheets are equally wide: a range that is wrong here makes Excel offer a repair."""
    file = io.BytesIO()
    pairs = [("total", "impressions")]
    devices = [a_device(supplies=[TONER] * 3)] * 5
    write_workbook(file, About("a", "b", NOW, pairs), devices)
    with zipfile.ZipFile(file) as parts:
        book = parts.read("xl/workbook.xml").decode()
    assert "'Devices'!$A$1:$R$6<" in book
    assert "'Supplies'!$A$1:$R$16<" in book


def test_it_prints_on_paper():
    """Across the page, as wide as the page, with the headings on each, on A4."""
    book, _ = written(a_device())
    page = book["Devices"]
    assert (page.page_setup.orientation, page.page_setup.fitToWidth, page.page_setup.fitToHeight) == ("landscape", 2, 0)
    assert page.sheet_properties.pageSetUpPr.fitToPage
    assert (page.print_title_rows, page.print_title_cols) == ("$1:$1", "$E:$E")


def test_it_says_what_it_is():
    book, _ = written(a_device(last_read_at=NOW - timedelta(days=10)))
    assert book.properties.title == "Printers of Harbour Dental, Main Street"
    assert book.properties.creator == "FlexPrint Tracker"
    about = dict(book["About"].iter_rows(values_only=True))
    assert about["Customer"] == "Who has the printer."
    assert about["Made"] == "2026-11-22 08:30 UTC"
    assert (about["Devices"], about["New"], about["Not read for 7 days"]) == ("1", "0", "1")
    assert {cell.value for row in book["Devices"].iter_rows(max_row=1) for cell in row} <= set(about)
    assert {cell.value for row in book["Supplies"].iter_rows(max_row=1) for cell in row} <= set(about)


def test_a_site_without_printers_gets_a_workbook_too():
    book, summary = written(meters=())
    assert book["Devices"].max_row == 1
    assert summary == Summary()


def test_a_device_that_says_next_to_nothing_still_has_its_row():
    """No maker, no serial, no meters, no supplies: an address and a time."""
    nothing = dict.fromkeys(("manufacturer", "model", "serial", "asset", "name", "location"))
    book, _ = written(a_device(**nothing, meters={}, supplies=[]))
    row = rows_of(book["Devices"])[0]
    assert (row["IP address"], row["Serial"], row["Total"], row["Left"]) == ("10.1.2.3", None, None, None)


def test_a_clock_that_was_ahead_gives_no_negative_days():
    book, _ = written(a_device(last_read_at=NOW + timedelta(hours=5)))
    assert rows_of(book["Devices"])[0]["Days since read"] == 0


@pytest.mark.parametrize(
    ("state", "errors", "text"),
    [
        ("idle", (), "Idle"),
        ("printing", (), "Printing"),
        ("idle", ("lowToner", "noPaper"), "Idle: low toner, no paper"),
        ("other", ("overduePreventMaint",), "Other: overdue prevent maint"),
    ],
)
def test_the_status_is_in_words(state, errors, text):
    assert status_text(state, errors) == text


def test_names_of_meters_that_nobody_knows_come_last():
    """A later agent may know more than this collector."""
    book, _ = written(a_device(), meters=[("zoom", "impressions"), ("scan", "scans"), ("total", "impressions")])
    assert [cell.value for cell in book["Devices"][1]][9:12] == ["Total", "Scan", "Zoom"]


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch):
    """Said before anybody opens a file that lacks the rest."""
    monkeypatch.setattr(sheets, "LAST_ROW", 10)
    rows = (("plain", (str(n),)) for n in range(10))
    with pytest.raises(Overfull, match="more than 10 rows"):
        sheets.write(io.BytesIO(), Sheet("Devices", [Column("Serial", 10)]), rows, title="t", made_at=NOW)


def test_rows_are_never_all_in_memory(monkeypatch):
    """Each row is asked for only when the few before it have been deflated."""
    ahead = 0

    class Watched(archive.Part):
        def write(self, octets):
            nonlocal ahead
            ahead = 0
            super().write(octets)

    def rows():
        nonlocal ahead
        for number in range(20_000):
            ahead += 1
            assert ahead < 2000
            yield "plain", (f"{number * 7919:032x}",)

    monkeypatch.setattr(sheets, "Part", Watched)
    sheets.write(io.BytesIO(), Sheet("Devices", [Column("Serial", 10)]), rows(), title="t", made_at=NOW)


def test_the_same_rows_give_the_same_file_to_the_octet():
    """Whenever and wherever it is made: no clock and no order of chance is in it."""
    files = []
    for _ in range(2):
        file = io.BytesIO()
        write_workbook(
            file, About("Harbour Dental", "Main Street", NOW, []), [a_device(serial=str(n)) for n in range(30)]
        )
        files.append(file.getvalue())
    assert files[0] == files[1]
    with zipfile.ZipFile(io.BytesIO(files[0])) as opened:
        assert {part.date_time for part in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert opened.namelist()[0] == "[Content_Types].xml"
        properties = opened.read("docProps/core.xml").decode()
    assert properties.count(f">{NOW:%Y-%m-%dT%H:%M:%SZ}<") == 2, "created and modified"


def test_a_figure_that_no_spreadsheet_holds_stands_there_as_text():
    """Excel keeps fifteen digits and makes noughts of the rest; a counter of 64 bits may have nineteen."""
    largest = 2**63 - 1
    devices = [a_device(meters={"total": [value, "impressions", "vendor"]}) for value in (10**15 - 1, 10**15, largest)]
    book, _ = written(*devices)
    wanted = [10**15 - 1, str(10**15), str(largest)]
    assert [row["Total"] for row in rows_of(book["Devices"])] == wanted
    assert book["Devices"]["J4"].alignment.shrink_to_fit, "and is not cut off at the edge of its column"
    assert [row["value"] for row in rows_of(book["Import"])] == wanted


def test_a_clock_at_the_end_of_time_breaks_no_workbook():
    """An agent may say 9999: on a clock east of Greenwich that is a year that there is not."""
    end = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    book, _ = written(a_device(last_read_at=end, first_seen_at=end), zone=ZoneInfo("Asia/Tokyo"))
    assert rows_of(book["Devices"])[0]["Last read (Asia/Tokyo)"] == bare(end)
    assert rows_of(book["Import"])[0]["read_at"] == "9999-12-31T23:59:00Z"


def test_a_fleet_of_many_customers_is_told_with_their_names():
    """In the mail, where nobody sees which row it is."""
    low = [{**TONER, "percent": 3, "state": "low"}]
    about = About("All customers", "all sites", NOW, (("total", "impressions"),))
    summary = write_workbook(io.BytesIO(), about, [a_device(supplies=low)])
    assert summary.low_supplies == ["Kyocera ECOSYS P2040dw (Harbour Dental, Main Street, Front desk): TK-1170 3 %"]
    about = About("Harbour Dental", "3 sites", NOW, (("total", "impressions"),))
    summary = write_workbook(io.BytesIO(), about, [a_device(supplies=low)])
    assert summary.low_supplies == ["Kyocera ECOSYS P2040dw (Main Street, Front desk): TK-1170 3 %"]
