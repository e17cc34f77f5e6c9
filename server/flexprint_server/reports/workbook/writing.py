"""A whole workbook: its sheets, filled in one walk over the devices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from flexprint_server.reports.sheets import workbook
from flexprint_server.reports.skeleton import Sheet
from flexprint_server.reports.wanted import SheetName
from flexprint_server.reports.workbook.about import ABOUT, about_rows
from flexprint_server.reports.workbook.columns import Fact, on_the_clock
from flexprint_server.reports.workbook.devices import (
    chosen_places,
    device_facts,
    device_sheet,
    device_writer,
    meter_columns,
)
from flexprint_server.reports.workbook.import_sheet import IMPORT, import_sheets, import_writer
from flexprint_server.reports.workbook.rows import About, DeviceRow, Summary, VolumeRow
from flexprint_server.reports.workbook.supplies import SUPPLY, supply_sheet, supply_writer
from flexprint_server.reports.workbook.volume import VOLUME, volume_rows, volume_sheet


@dataclass(slots=True, frozen=True)
class Contents:
    """What stands in a workbook beside the sheets Devices and About. `columns` are keys of COLUMNS, none for all."""

    sheets: Sequence[SheetName] = ("supplies", "import")
    columns: Sequence[str] = ()


def write_workbook(
    file: IO[bytes],
    about: About,
    devices: Iterable[DeviceRow],
    contents: Contents = Contents(),
    volumes: Iterable[VolumeRow] = (),
) -> Summary:
    """Writes the workbook and gives what the rows came to. Devices, and then volumes, are walked once, and none of them
    is kept. Raises archive.Overfull."""
    summary = Summary(stale_after=about.rules.stale.words, zone=str(about.zone))
    counted = meter_columns(about.meters)
    facts = device_facts(counted)
    kept = chosen_places(facts, contents.columns)
    legends = _legends([facts[number] for number in kept], about, contents)
    with workbook(
        file, _sheets(about, legends), title=f"Printers of {about.title}", made_at=about.made_at
    ) as all_pages:
        pages = {page.title: page for page in all_pages}
        writers = [device_writer(pages["Devices"], about, counted, kept, summary)]
        if "Supplies" in legends:
            writers.append(supply_writer(pages["Supplies"], summary))
        if "Import" in legends:
            writers.append(import_writer([page for title, page in pages.items() if title.startswith("Import")]))
        for device in devices:
            for write in writers:
                write(device)
        if "Volume" in legends:
            pages["Volume"].add_all(volume_rows(volumes, about.zone))
        pages["About"].add_all(about_rows(about, summary, legends))
    return summary


def _legends(shown: Sequence[Fact], about: About, contents: Contents) -> dict[str, Sequence[Fact]]:
    """What is told of each sheet on the page About; of devices nothing but in the sheet Devices."""
    zone = about.zone
    of_sheets = {"supplies": on_the_clock(SUPPLY, zone), "volume": on_the_clock(VOLUME, zone), "import": IMPORT}
    chosen = {name.capitalize(): facts for name, facts in of_sheets.items() if name in contents.sheets}
    return {"Devices": on_the_clock(shown, zone), **chosen}


def _sheets(about: About, legends: Mapping[str, Sequence[Fact]]) -> list[Sheet]:
    sheets = [device_sheet(legends["Devices"], about.zone)]
    if "Supplies" in legends:
        sheets.append(supply_sheet(legends["Supplies"], about.zone))
    if "Volume" in legends:
        sheets.append(volume_sheet(legends["Volume"], about.zone))
    if "Import" in legends:
        sheets += import_sheets(about)
    return [*sheets, ABOUT]
