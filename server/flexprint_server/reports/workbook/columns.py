"""Columns of people's sheets, each with what it means, and those that say which device a row is of."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from flexprint_server.reports.skeleton import INSTANT, Column


class Fact(NamedTuple):
    heading: str
    width: float
    meaning: str
    format: str = "@"


DEVICE: Final = (
    Fact("Customer", 24, "Who has the printer."),
    Fact("Site", 20, "Where the agent that read it stands."),
    Fact("Manufacturer", 17, "As the device says."),
    Fact("Model", 30, "As the device says."),
    Fact("Serial", 19, "As the device says, kept as text: leading zeros stay."),
    Fact("Asset", 14, "The asset number that was entered on the device."),
    Fact("IP address", 16, "Where it answered last. It may change; the serial does not."),
    Fact("Name", 20, "The device's own name in the network."),
    Fact("Location", 24, "The place that was entered on the device."),
)
KEY: Final = "Serial"
identity: Final = attrgetter(
    "customer", "site", "manufacturer", "model", "serial", "asset", "address", "name", "location"
)


def columns_of(facts: Iterable[Fact]) -> list[Column]:
    return [Column(fact.heading, fact.width, fact.format) for fact in facts]


def on_the_clock(facts: Iterable[Fact], zone: ZoneInfo) -> list[Fact]:
    """The facts with the zone in the headings of instants."""
    return [
        fact._replace(heading=fact.heading.replace("(UTC)", f"({zone.key})"), width=max(fact.width, len(zone.key) + 4))
        if fact.format == INSTANT
        else fact
        for fact in facts
    ]
