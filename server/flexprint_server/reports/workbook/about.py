"""The page About: what a workbook is about, what it comes to, and how to read it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from flexprint_server.fleet.zones import minute
from flexprint_server.reports.sheets import Row, Strong
from flexprint_server.reports.skeleton import Column, Sheet, Tone
from flexprint_server.reports.workbook.columns import Fact
from flexprint_server.reports.workbook.devices import TONES
from flexprint_server.reports.workbook.rows import About, Summary
from flexprint_server.reports.workbook.volume import QUALITIES

_TONES: Final = {
    **TONES,
    "title": Tone(size=18, strong="FF2F4858"),
    "part": Tone(size=13, strong="FF2F4858"),
    "name": Tone(strong="FF1F2933"),
}
ABOUT: Final = Sheet("About", (Column("", 26), Column("", 100)), _TONES, headings=False)


def about_rows(about: About, summary: Summary, legends: Mapping[str, Sequence[Fact]]) -> Iterator[Row]:
    """Walked last, when the rows have been counted."""
    counted: list[tuple[str, str]] = [
        ("Customer", about.customer),
        ("Site", about.site),
        ("Made", minute(about.made_at, about.zone)),
        ("Devices", f"{summary.devices:,}"),
        ("New", f"{summary.new:,}"),
        (f"Not read for {about.rules.stale.words}", f"{summary.stale:,}"),
        ("With a low supply", f"{summary.low:,}"),
        (f"Left out, not read for {about.rules.drop.words}", f"{about.left_out:,}"),
    ]
    if about.since and about.until:
        counted.append(("Volume", f"{minute(about.since, about.zone)} to {minute(about.until, about.zone)}"))
    yield "title", (Strong("Printer report"), None)
    yield from (("name", (Strong(name), value)) for name, value in counted)
    yield "plain", (None, None)
    yield "part", (Strong("Colours"), None)
    yield "new", ("Yellow row", f"New: first seen in the last {about.rules.new.words}.")
    old = f"Not read for more than {about.rules.stale.words}: the figures are old. Switched off, moved or gone?"
    yield "stale", ("Pink row", f"Stale: {old[:1].lower()}{old[1:]}")
    yield "plain", (Strong("Red"), "A supply that is low or empty, or a waste container that is nearly full.")
    yield "plain", (None, None)
    yield "part", (Strong("How to read it"), None)
    yield from (("plain", (name, text.format(zone=about.zone.key))) for name, text in _HOW)
    for sheet, facts in legends.items():
        yield "plain", (None, None)
        yield "part", (Strong(f"Sheet {sheet}"), None)
        yield from (("plain", (fact.heading, fact.meaning)) for fact in facts)
        if sheet == "Volume":
            yield "plain", (None, None)
            yield "part", (Strong("Qualities"), None)
            yield from (("plain", (name, meaning)) for name, meaning in QUALITIES.items())


_NEVER_GUESSED: Final = (
    "Figures are the device's own counters at its last read, never estimated. An empty cell: the device does "
    "not give this meter."
)
_NEVER_FORMULAS: Final = (
    "What a device says of itself is shown as text. Where it begins like a formula (= + - @) an apostrophe stands "
    "before it."
)
_HOW: Final = (
    ("Meters", _NEVER_GUESSED),
    ("Units", "Printed sides (impressions), or scans, unless a column beside the figure names another unit."),
    ("Times", "Times are those of {zone}; in Import they are UTC. Reading, first sight and report are three columns."),
    ("Text", _NEVER_FORMULAS),
)
