"""The sheet Import: everything once more for programs, a row for each meter, with fixed names."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from flexprint_server.reports.sheets import PLAIN, Row, Sheet
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


def import_sheets(about: About, devices: Iterable[DeviceRow]) -> Iterator[Sheet]:
    """One sheet, or as many as the rows need, walked one after the other."""
    rows = _import_rows(devices)
    yield Sheet("Import", columns_of(IMPORT), islice(rows, ROWS_A_SHEET))
    for number in range(1, -(-about.figures // ROWS_A_SHEET)):
        yield Sheet(f"Import {number + 1}", columns_of(IMPORT), islice(rows, ROWS_A_SHEET))


def _import_rows(devices: Iterable[DeviceRow]) -> Iterator[Row]:
    for device in devices:
        which = (
            device.device_id,
            device.customer_id,
            device.customer,
            device.site_id,
            device.site,
            device.manufacturer,
            device.model,
            device.serial,
            device.asset,
        )
        read_at = rfc3339(device.last_read_at)
        for name, (value, unit, source) in device.meters.items():
            yield "plain", (*which, name, value, unit, read_at, source, "actual")
