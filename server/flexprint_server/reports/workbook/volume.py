"""The sheet Volume: pages of each meter of each device between two instants."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from flexprint_server.fleet.zones import minute
from flexprint_server.reports.sheets import Row
from flexprint_server.reports.skeleton import INSTANT, NUMBER, Sheet, Tone
from flexprint_server.reports.wanted import UTC_ZONE
from flexprint_server.reports.workbook.columns import DEVICE, KEY, Fact, columns_of, identity
from flexprint_server.reports.workbook.rows import VolumeRow
from flexprint_server.reports.workbook.words import unit_word, words
from flexprint_shared import meters
from flexprint_shared.usage import Begun, Epoch, Quality

VOLUME_TONES: Final = {"plain": Tone(), "doubt": Tone(fill="FFFFE8CC")}

VOLUME: Final = (
    Fact("Meter", 20, "What is counted."),
    Fact("Unit", 15, "In which unit. Add up only pages of one unit."),
    Fact("From (UTC)", 19, "The instant from which pages are counted.", INSTANT),
    Fact("From value", 14, "What the meter showed at that instant.", NUMBER),
    Fact("From quality", 14, "How that figure was obtained; see Qualities."),
    Fact("To (UTC)", 19, "The instant up to which pages are counted.", INSTANT),
    Fact("To value", 14, "What the meter showed at that instant.", NUMBER),
    Fact("To quality", 14, "How that figure was obtained; see Qualities."),
    Fact("Pages", 12, "Pages between the two, counted epoch by epoch where the meter began anew.", NUMBER),
    Fact("Note", 110, "What somebody should look at before this is billed."),
)
QUALITIES: Final[Mapping[Quality, str]] = {
    "actual": "Read from the device within the day before that instant.",
    "manual": "Typed by a person.",
    "interpolated": "On the line between two reads around that instant.",
    "estimated": "Worked out from what was printed before, or read across a gap.",
    "missing": "Not known: nothing was read near that instant. Pages are those between the reads that there are.",
}
_BREAKS: Final[Mapping[Begun, str]] = {
    "first": "began",
    "rollover": "passed its largest figure and went on at 0; the pages across are counted",
    "lower": "went down (a reset, or another board); pages in between are not known and not counted",
    "leap": "rose faster than any machine prints (another board?); that step is not counted",
    "source": "is read from another source since then; the step between the two is not counted",
}


def volume_sheet(shown: Sequence[Fact], zone: ZoneInfo) -> Sheet:
    return Sheet("Volume", columns_of((*DEVICE, *shown)), VOLUME_TONES, zone=zone, key=KEY)


def volume_rows(rows: Iterable[VolumeRow], zone: ZoneInfo) -> Iterator[Row]:
    for row in rows:
        device, (name, unit), volume = row
        start, end = volume.start, volume.end
        yield (
            "doubt" if volume.has_hole or "missing" in (start.quality, end.quality) else "plain",
            (
                *identity(device),
                meters.title(name),
                words(unit),
                start.at,
                start.value,
                start.quality,
                end.at,
                end.value,
                end.quality,
                volume.pages,
                volume_note(row, zone),
            ),
        )


def volume_note(row: VolumeRow, zone: ZoneInfo = UTC_ZONE) -> str | None:
    """What somebody should look at before this is billed."""
    volume, unit = row.volume, row.meter[1]
    notes = [f"Meter {_break(epoch, zone)}" for epoch in volume.epochs]
    if volume.pages is None:
        notes.append("Nothing was read that pages could be counted from.")
    elif volume.start.quality == "missing":
        notes.append(f"Counted from the first read: {unit_word(unit)} before it are not known.")
    elif volume.end.quality == "missing":
        notes.append(f"Counted up to the last read: {unit_word(unit)} after it are not known.")
    if row.device.retired_at:
        notes.append(f"Retired on {row.device.retired_at.astimezone(zone):%Y-%m-%d}.")
    return " ".join(notes) or None


def _break(epoch: Epoch, zone: ZoneInfo) -> str:
    before = f"{epoch.before.value:,} to " if epoch.before else ""
    return f"{_BREAKS[epoch.begun]}: {before}{epoch.first.value:,} by {minute(epoch.first.at, zone)}."
