"""The sheet Import: everything once more for programs, a row for each meter, with fixed names."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final

from flexprint_server.reports.sheets import Page
from flexprint_server.reports.skeleton import PLAIN, Sheet
from flexprint_server.reports.workbook.columns import Fact, columns_of
from flexprint_server.reports.workbook.rows import About, DeviceRow
from flexprint_shared.times import rfc3339

ROWS_A_SHEET: Final = 1_000_000
"""Rows of one sheet for programs; what is more stands on another one."""

IMPORT: Final = (
    Fact("device_id", 10, "The printer's number at this collector. It never changes.", PLAIN),
    Fact("customer_id", 12, "The customer's number.", PLAIN),
    Fact("customer", 24, "Who has the printer."),
    Fact("site_id", 9, "The site's number.", PLAIN),
    Fact("site", 20, "Where the agent that read it stands."),
    Fact("manufacturer", 17, "As the device says."),
    Fact("model", 30, "As the device says."),
    Fact("serial", 19, "As the device says, as text."),
    Fact("asset", 14, "The asset number, as text."),
    Fact("meter", 18, "The meter's name, from a fixed list: total, total.mono, print.color, scan ..."),
    Fact("value", 13, "The counter as the device gave it.", PLAIN),
    Fact("unit", 14, "What it counts."),
    Fact("read_at", 22, "When it was read from the device: RFC 3339, UTC."),
    Fact("source", 11, "vendor: the maker's own counter; standard: the Printer MIB; derived: a sum; spooler: a queue."),
    Fact("quality", 10, "actual: what the device answered at read_at."),
)
_which: Final = attrgetter(
    "device_id", "customer_id", "customer", "site_id", "site", "manufacturer", "model", "serial", "asset"
)


def import_sheets(about: About) -> list[Sheet]:
    """One sheet, or as many as the rows need."""
    columns = columns_of(IMPORT)
    more = range(2, -(-about.figures // ROWS_A_SHEET) + 1)
    return [Sheet(name, columns) for name in ("Import", *(f"Import {number}" for number in more))]


def import_writer(pages: Sequence[Page]) -> Callable[[DeviceRow], None]:
    """Adds a row for each meter of a device, to one page after the other. Cells made by one page stand on the others,
    too: they have the same columns, and so the same styles."""
    following = iter(pages)
    page = next(following)
    room = ROWS_A_SHEET
    value_column, read_column = _column("value"), _column("read_at")

    @lru_cache(512)
    def around(name: str, unit: str, source: str) -> tuple[str, str, str]:
        # What stands around value and time of a meter is the same for all devices of a model.
        return (
            pages[0].cells("plain", (name,), value_column - 1),
            pages[0].cells("plain", (unit,), value_column + 1),
            pages[0].cells("plain", (source, "actual"), read_column + 1),
        )

    def write(device: DeviceRow) -> None:
        nonlocal page, room
        which = page.cells("plain", _which(device))
        read = page.cells("plain", (rfc3339(device.last_read_at),), read_column)
        for name, (value, unit, source) in device.meters.items():
            if not room:
                page, room = next(following), ROWS_A_SHEET
            room -= 1
            meter, counts, how = around(name, unit, source)
            page.add("plain", f"{which}{meter}{page.figure('plain', value_column, value)}{counts}{read}{how}")

    return write


def _column(heading: str) -> int:
    return [fact.heading for fact in IMPORT].index(heading)
