"""Workbooks: the same rows of 20 columns through openpyxl, XlsxWriter and ours, in the same run.

    python -m bench.workbook [ROUNDS]

Every writer is a process of its own, with a heading, a filter, a frozen pane, widths and number formats. Ours also
colours rows and draws lines, and adds its page About. The rows come from a generator, as from a database's cursor.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from bench.rig import has, line, middle, peak_mb, run

from flexprint_server.reports.sheets import Strong
from flexprint_server.reports.workbook.devices import device_row, meter_columns
from flexprint_server.reports.workbook.rows import About, DeviceRow
from flexprint_server.reports.workbook.writing import Contents, write_workbook

SIZES = (1_000, 10_000, 100_000)
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
METERS = [("total", "impressions"), ("total.mono", "impressions"), ("total.color", "impressions"), ("scan", "scans")]
ABOUT = About("Harbour Dental & Sons", "Main Street", NOW, METERS)
MODELS = [
    ("Kyocera", "ECOSYS P2040dw"),
    ("HP", "Color LaserJet MFP M480"),
    ("Brother", "HL-L6400DW"),
    ("Ricoh", "IM C3000"),
]
TITLES = [f"Column {number}" for number in range(1, 22)]
WIDTHS = [24, 20, 17, 30, 19, 14, 16, 20, 24, 13, 13, 13, 13, 28, 11, 28, 9, 17, 11, 17, 17]
NUMBERS = dict.fromkeys((9, 10, 11, 12, 18), "#,##0") | {14: "0%"} | dict.fromkeys((17, 19, 20), "yyyy-mm-dd hh:mm")

# Ours against openpyxl's streaming writer at 10,000 rows, and the memory for 100,000.
AIM_RATIO, AIM_MB = 4.0, 60.0


def devices(count: int) -> Iterator[DeviceRow]:
    """Printers as a cursor would give them: most fresh, some stale, some low."""
    for number in range(count):
        maker, model = MODELS[number % len(MODELS)]
        total = number * 7919 % 900_000
        percent = number % 101
        yield DeviceRow(
            customer=ABOUT.customer,
            site=ABOUT.site,
            manufacturer=maker,
            model=model,
            serial=f"VD{number:08}",
            asset=f"NW-{number:06}",
            address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            name=f"prn-{number:06}",
            location=f"Building {number % 17}, floor {number % 5}",
            meters={
                "total": (total, "impressions", "vendor"),
                "total.mono": (total // 3, "impressions", "vendor"),
                "total.color": (total - total // 3, "impressions", "vendor"),
                "scan": (total // 9, "scans", "vendor"),
            },
            supplies=[
                {"name": "Black toner", "kind": "toner", "percent": percent, "state": "ok" if percent > 10 else "low"}
            ],
            state="idle",
            errors=["lowToner"] if percent <= 10 else [],
            first_seen_at=NOW - timedelta(days=number % 300),
            last_read_at=NOW - timedelta(minutes=number % 1440, days=9 if number % 17 == 0 else 0),
        )


def values(count: int) -> Iterator[list[Any]]:
    """What the peers write: the values of our very rows."""
    counted = meter_columns(METERS)
    for device in devices(count):
        _, row = device_row(device, ABOUT, counted)
        yield [_bare(value) for value in row]


def _bare(value: object) -> object:
    if isinstance(value, Strong):
        return value.value
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def ours(count: int, file: IO[bytes]) -> None:
    write_workbook(file, ABOUT, devices(count), Contents(sheets=()))


def openpyxl_write_only(count: int, file: IO[bytes]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Devices")
    _lay_out(sheet, count)
    sheet.append([_heading(WriteOnlyCell(sheet, title)) for title in TITLES])
    for row in values(count):
        for number, number_format in NUMBERS.items():
            cell = WriteOnlyCell(sheet, row[number])
            cell.number_format = number_format
            row[number] = cell
        sheet.append(row)
    book.save(file)


def openpyxl_normal(count: int, file: IO[bytes]) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    _lay_out(sheet, count)
    sheet.append(TITLES)
    for cell in sheet[1]:
        _heading(cell)
    for number, row in enumerate(values(count), 2):
        sheet.append(row)
        for column, number_format in NUMBERS.items():
            sheet.cell(number, column + 1).number_format = number_format
    book.save(file)


def _lay_out(sheet: Any, count: int) -> None:
    from openpyxl.utils import get_column_letter

    for number, width in enumerate(WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:U{count + 1}"


def _heading(cell: Any) -> Any:
    from openpyxl.styles import Font, PatternFill

    cell.font = Font(bold=True, color="FFFFFFFF")
    cell.fill = PatternFill("solid", fgColor="FF2F4858")
    return cell


def xlsxwriter_constant(count: int, file: IO[bytes]) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    sheet = book.add_worksheet("Devices")
    formats = {number: book.add_format({"num_format": number_format}) for number, number_format in NUMBERS.items()}
    for number, width in enumerate(WIDTHS):
        sheet.set_column(number, number, width, formats.get(number))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, count, len(TITLES) - 1)
    sheet.write_row(0, 0, TITLES, book.add_format({"bold": True, "font_color": "#FFFFFF", "bg_color": "#2F4858"}))
    for number, row in enumerate(values(count), 1):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, column, value)
            elif isinstance(value, datetime):
                sheet.write_datetime(number, column, value, formats[column])
            elif value is not None:
                sheet.write_number(number, column, value, formats.get(column))
    book.close()


def rows_alone(count: int, file: IO[bytes]) -> None:
    for _ in values(count):
        pass


Way = Callable[[int, IO[bytes]], None]
WAYS: dict[str, tuple[str, Way]] = {
    "write_only": ("openpyxl, write_only", openpyxl_write_only),
    "ours": ("**FlexPrint: openpyxl's skeleton, streamed rows**", ours),
    "xlsxwriter": ("XlsxWriter, constant_memory", xlsxwriter_constant),
    "normal": ("openpyxl, normal", openpyxl_normal),
    "rows": ("making the rows alone", rows_alone),
}


@dataclass(slots=True)
class Row:
    """One writer at one size: CPU `seconds` from the first row to the file, `peak_mb` of the whole process. Writers
    do nothing but compute, and their CPU time is the same whatever else the machine does."""

    way: str
    rows: int
    seconds: float
    peak_mb: float
    file_mb: float


def measure(rounds: int = 3, sizes: Sequence[int] = SIZES) -> list[Row]:
    """Every writer at every size, in turns; medians. The slow ones are asked once at the largest size."""
    measured = []
    with tempfile.TemporaryDirectory(prefix="bench-workbook-") as folder:
        for size in sizes:
            turns = rounds if size < max(SIZES) else 1
            taken: dict[str, list[Row]] = {way: [] for way in WAYS if way != "xlsxwriter" or has("xlsxwriter")}
            for _ in range(turns):
                for way, rows in taken.items():
                    rows.append(_once(way, size, Path(folder)))
            measured += [_median(rows) for rows in taken.values()]
    return measured


def _once(way: str, size: int, folder: Path) -> Row:
    path = folder / f"{way}.xlsx"
    facts = run([sys.executable, "-m", "bench.workbook", "--write", way, size, path]).facts()
    return Row(way, size, facts["seconds"], facts["peak_mb"], path.stat().st_size / 1e6)


def _median(rows: Sequence[Row]) -> Row:
    first = rows[0]
    return Row(
        first.way,
        first.rows,
        middle([row.seconds for row in rows]),
        middle([row.peak_mb for row in rows]),
        first.file_mb,
    )


def _row(rows: Sequence[Row], way: str, size: int) -> Row:
    return next(row for row in rows if (row.way, row.rows) == (way, size))


def aims(rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    """What was wanted: what was measured, and whether that is enough."""
    ratio = _row(rows, "write_only", 10_000).seconds / _row(rows, "ours", 10_000).seconds
    peak = _row(rows, "ours", 100_000).peak_mb
    taken = peak - _row(rows, "rows", 100_000).peak_mb
    return {
        f"10,000 rows at least {AIM_RATIO:g} times as fast as openpyxl write_only": (
            f"{ratio:.1f}",
            ratio >= AIM_RATIO,
        ),
        f"a workbook of 100,000 rows takes {AIM_MB:g} MB at most besides a process that makes none": (
            f"{taken:.0f} MB, {peak:.0f} with all that is imported",
            taken <= AIM_MB,
        ),
    }


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table, as lines."""
    sizes = sorted({row.rows for row in rows})
    headings = [cell for size in sizes for cell in (f"{size:,} rows, CPU s", "of write_only", "peak MB")]
    yield line(["workbook of 21 columns", *headings])
    yield line(["---"] * (1 + 3 * len(sizes)))
    for way, (name, _) in WAYS.items():
        if not any(row.way == way for row in rows):
            continue
        cells = []
        for size in sizes:
            row, reference = _row(rows, way, size), _row(rows, "write_only", size)
            cells += [f"{row.seconds:.2f}", f"{reference.seconds / row.seconds:.1f} x", f"{row.peak_mb:.0f}"]
        yield line([name, *cells])
    yield ""
    for aim, (measured, met) in aims(rows).items():
        yield f"- {aim}: {measured}{'' if met else ' — missed'}"


def main() -> None:
    if sys.argv[1:2] == ["--write"]:
        way, size, path = sys.argv[2:]
        # Imports are paid once by a worker that lives long.
        with tempfile.TemporaryFile() as file:
            WAYS[way][1](10, file)
        began = time.process_time()
        with Path(path).open("wb") as file:
            WAYS[way][1](int(size), file)
        print(json.dumps({"seconds": time.process_time() - began, "peak_mb": peak_mb()}))
        return
    for written in markdown(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)):
        print(written)


if __name__ == "__main__":
    main()
