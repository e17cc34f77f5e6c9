"""A whole workbook: its sheets, one after the other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import IO

from flexprint_server.reports.sheets import Column, Sheet, write
from flexprint_server.reports.wanted import SheetName
from flexprint_server.reports.workbook.about import PAGE_TONES, about_rows
from flexprint_server.reports.workbook.columns import DEVICE, KEY, Fact, columns_of, on_the_clock
from flexprint_server.reports.workbook.devices import (
    TONES,
    chosen_places,
    device_facts,
    device_rows,
    meter_columns,
    picked,
)
from flexprint_server.reports.workbook.programs import IMPORT, import_sheets
from flexprint_server.reports.workbook.rows import About, DeviceRow, Summary, VolumeRow
from flexprint_server.reports.workbook.supplies import SUPPLY, supply_rows
from flexprint_server.reports.workbook.volume import VOLUME, VOLUME_TONES, volume_rows


@dataclass(slots=True, frozen=True)
class Contents:
    """What stands in a workbook beside the sheets Devices and About. `columns` are keys of COLUMNS, none for all."""

    sheets: Sequence[SheetName] = ("supplies", "import")
    columns: Sequence[str] = ()


def write_workbook(
    file: IO[bytes],
    about: About,
    devices: Callable[[], Iterable[DeviceRow]],
    contents: Contents = Contents(),
    volumes: Iterable[VolumeRow] = (),
) -> Summary:
    """Writes the workbook and gives what the rows came to. `devices` is walked once for each sheet, so that none of
    them is kept. Raises sheets.TooManyRows."""
    summary = Summary(stale_after=about.rules.stale.words, zone=str(about.zone))
    counted = meter_columns(about.meters)
    facts = device_facts(counted)
    kept = chosen_places(facts, contents.columns)
    shown = on_the_clock((facts[number] for number in kept), about.zone)
    rows = picked(device_rows(about, counted, devices(), summary), kept, len(facts))
    legends: list[tuple[str, Sequence[Fact]]] = [("Devices", shown)]
    sheets = [Sheet("Devices", columns_of(shown), rows, TONES, zone=about.zone, key=KEY)]
    if "supplies" in contents.sheets:
        supply = on_the_clock(SUPPLY, about.zone)
        columns = columns_of((*DEVICE, *supply))
        sheets.append(Sheet("Supplies", columns, supply_rows(devices(), summary), zone=about.zone, key=KEY))
        legends.append(("Supplies", supply))
    if "volume" in contents.sheets:
        volume = on_the_clock(VOLUME, about.zone)
        columns = columns_of((*DEVICE, *volume))
        sheets.append(Sheet("Volume", columns, volume_rows(volumes, about.zone), VOLUME_TONES, zone=about.zone))
        legends.append(("Volume", volume))
    if "import" in contents.sheets:
        sheets += import_sheets(about, devices())
        legends.append(("Import", IMPORT))
    page = (Column("", 26), Column("", 100))
    sheets.append(Sheet("About", page, about_rows(about, summary, legends), PAGE_TONES, headings=False))
    write(file, sheets, title=f"Printers of {about.title}", made_at=about.made_at)
    return summary
