"""One printer of the office: the maker's facts, the model's and this machine's own put together."""

# ruff: noqa: TID252 - the lab goes by two names, lab and tests.lab, so it cannot name itself

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..device import Quirks

# PrtMarkerSuppliesTypeTC and PrtMarkerSuppliesSupplyUnitTC (IANA-PRINTER-MIB), as far as used here.
KINDS: Final = {
    "other": 1, "toner": 3, "wasteToner": 4, "ink": 5, "inkCartridge": 6, "inkRibbon": 7, "wasteInk": 8,
    "opc": 9, "developer": 10, "fuser": 15, "cleanerUnit": 18, "transferUnit": 20, "tonerCartridge": 21,
    "staples": 32,
}  # fmt: skip
UNITS: Final = {
    "other": 1,
    "unknown": 2,
    "impressions": 7,
    "sheets": 8,
    "tenthsOfGrams": 13,
    "items": 18,
    "percent": 19,
}
RECEPTACLES: Final = frozenset({"wasteToner", "wasteInk"})
# IANA MIBenum to Python codec (prtLocalizationCharacterSet).
CHARSETS: Final = {
    4: "iso8859-1", 5: "iso8859-2", 106: "utf-8", 2004: "hp-roman8", 2009: "cp850", 2025: "gb2312", 2252: "cp1252",
}  # fmt: skip
# hrPrinterDetectedErrorState (RFC 2790), bit 0 is the highest of the first octet.
ERRORS: Final = (
    "lowPaper", "noPaper", "lowToner", "noToner", "doorOpen", "jammed", "offline", "serviceRequested",
    "inputTrayMissing", "outputTrayMissing", "markerSupplyMissing", "outputNearFull", "outputFull",
    "inputTrayEmpty", "overduePreventMaint",
)  # fmt: skip
_NETWORK: Final = "127.20."
_COUNTERS: Final = ("total", "color", "copy", "copy_color", "fax", "scan", "duplex", "misfeeds", "inches")

# What stands in a maker's file, a model and a printer: the nearer one wins, `rows` are merged.
_OF_MODEL: Final = frozenset({
    "maker", "oui", "host", "sys_descr", "sys_object_id", "device_id", "description", "interface", "firmware",
    "rows", "without", "model", "speed", "trays", "supplies", "counter_unit", "covers", "hr_devices",
    "error_octets", "charset", "language", "interpreters", "ready", "label_printer",
})  # fmt: skip
_OF_PRINTER: Final = _OF_MODEL | frozenset({
    "at", "serial", "location", "contact", "asset", "name", "levels", "supply_names", "console", "state",
    "errors", "alerts", "quirks", "uptime_days", *_COUNTERS,
})  # fmt: skip


@dataclass(slots=True, frozen=True)
class SupplyTruth:
    """A supply as a perfect read says it; `percent` None where the machine tells none."""

    name: str
    kind: str
    color: str | None
    percent: int | None
    level: int
    capacity: int


@dataclass(slots=True, frozen=True)
class Supply:
    """A row of prtMarkerSuppliesTable. `filled` is percent left (of a waste container: how full it is), or
    one of the special values -1 no limit, -2 unknown, -3 some left."""

    kind: str
    color: str | None
    capacity: int
    unit: str
    name: str
    filled: int

    @property
    def level(self) -> int:
        """prtMarkerSuppliesLevel: what is left, or the room left in a container (RFC 3805)."""
        if self.filled < 0:
            return self.filled
        if self.capacity <= 0:
            return self.filled
        share = 100 - self.filled if self.kind in RECEPTACLES else self.filled
        return self.capacity * share // 100

    def truth(self) -> SupplyTruth:
        known = self.filled >= 0 and (self.capacity > 0 or self.unit == "percent")
        color = None if self.color == "other" else self.color
        return SupplyTruth(self.name, self.kind, color, self.filled if known else None, self.level, self.capacity)


@dataclass(slots=True, frozen=True)
class Machine:
    """A printer in its place. `facts` are the merged facts that no field here repeats."""

    address: str
    maker: str
    model: str
    serial: str
    mac: str
    name: str
    location: str
    contact: str
    asset: str | None
    supplies: tuple[Supply, ...]
    counters: dict[str, int]
    errors: tuple[str, ...]
    console: tuple[str, ...]
    alerts: tuple[tuple[str, int, str], ...]
    quirks: Quirks
    facts: dict[str, Any] = field(repr=False)
    place: int = 0

    @property
    def color(self) -> bool | None:
        """Whether it prints in colour; None for a label printer, which does not say."""
        return None if self.facts["label_printer"] else "color" in self.counters

    @property
    def codec(self) -> str:
        """Python's name of the character set its panel speaks."""
        return CHARSETS[self.facts["charset"]]

    def meters(self) -> dict[str, int]:
        """Its meters by the names of the vocabulary; not duplex, which some makers count in sheets, some in sides."""
        values = self.values()
        names = {
            "total": "total", "total.mono": "mono", "total.color": "color",
            "print": "print", "print.mono": "print_mono", "print.color": "print_color",
            "copy": "copy", "copy.mono": "copy_mono", "copy.color": "copy_color", "fax": "fax", "scan": "scan",
        }  # fmt: skip
        return {name: values[key] for name, key in names.items() if key in values}

    def values(self) -> dict[str, Any]:
        """What the rows of the maker's file can say between braces. What this machine lacks is absent, and
        so is then each row that would say it."""
        counted: dict[str, Any] = dict(self.counters)
        if "total" in counted:
            counted |= _derived(self.counters)
        levels = {f"level_{supply.color}": supply.level for supply in reversed(self.supplies) if supply.color}
        texts = {
            "maker": self.maker, "model": self.model, "serial": self.serial, "host": self.name,
            "location": self.location, "contact": self.contact, "asset": self.asset, "firmware": self.facts["firmware"],
            "mac": self.mac.replace(":", ""), "address": self.address, "panel": self.console[0] if self.console else "",
        }  # fmt: skip
        return counted | levels | {key: value for key, value in texts.items() if value is not None}


def _derived(counters: dict[str, int]) -> dict[str, int]:
    total, color = counters["total"], counters.get("color")
    copy, fax = counters.get("copy", 0), counters.get("fax", 0)
    values = {"mono": total - (color or 0), "print": total - copy - fax, "life": total + counters.get("misfeeds", 0)}
    if "duplex" in counters:  # sheets; each has two sides
        values["simplex"] = total - 2 * counters["duplex"]
        values["duplex_sides"] = 2 * counters["duplex"]
    if color is None:
        values["print_mono"] = values["print"]
        if "copy" in counters:
            values["copy_mono"] = copy
    else:
        copy_color = counters.get("copy_color", 0)
        values["print_color"] = color - copy_color
        values["print_mono"] = values["print"] - values["print_color"]
        if "copy" in counters:
            values["copy_color"], values["copy_mono"] = copy_color, copy - copy_color
    return values


def machine(maker: dict[str, Any], own: dict[str, Any]) -> Machine:
    """One entry of a maker's `printers`, completed from its model and the maker. Raises ValueError for a key
    that means nothing."""
    model = maker["models"][own["model"]]
    shared = {key: value for key, value in maker.items() if key not in ("models", "printers")}
    _refuse_unknown(shared, _OF_MODEL)
    _refuse_unknown(model, _OF_MODEL)
    _refuse_unknown(own, _OF_PRINTER)
    facts: dict[str, Any] = _DEFAULTS | shared | model | own | {"model": model["model"]}
    facts["rows"] = shared.get("rows", {}) | model.get("rows", {}) | own.get("rows", {})
    facts["without"] = [*shared.get("without", ()), *model.get("without", ()), *own.get("without", ())]
    mac = _mac(facts["oui"], own["serial"])
    return Machine(
        address=_NETWORK + own["at"],
        maker=facts["maker"],
        model=facts["model"],
        serial=own["serial"],
        mac=mac,
        name=own.get("name")
        or facts["host"].format(tail=mac.replace(":", "")[6:].upper(), mac=mac.replace(":", "").upper()),
        location=facts["location"],
        contact=facts["contact"],
        asset=own.get("asset"),
        supplies=_supplies(facts),
        counters={name: own[name] for name in _COUNTERS if name in own},
        errors=tuple(facts["errors"]),
        console=tuple(own.get("console", [facts["ready"]])),
        alerts=tuple((severity, code, text) for severity, code, text in facts["alerts"]),
        quirks=Quirks(**facts["quirks"]),
        facts=facts,
    )


_DEFAULTS: Final[dict[str, Any]] = {
    "contact": "it@fenwick-lund.example", "location": "", "errors": [], "alerts": [], "quirks": {},
    "state": "idle", "counter_unit": "impressions", "covers": ["Front Cover"], "hr_devices": ["network"],
    "error_octets": 1, "charset": 106, "language": "en", "firmware": "1.0", "description": "{model}",
    "interface": "Ethernet", "interpreters": ["PCL", "PCLXL", "PostScript", "PJL"], "ready": "Ready",
    "uptime_days": 12, "label_printer": False,
}  # fmt: skip


def _refuse_unknown(facts: Iterable[str], known: frozenset[str]) -> None:
    if unknown := set(facts) - known:
        raise ValueError(f"nothing is known by the name of {', '.join(sorted(unknown))}")


def _supplies(facts: dict[str, Any]) -> tuple[Supply, ...]:
    """The model's supplies, each written `kind color capacity unit name`, filled as `levels` says."""
    lines, levels = facts["supplies"], facts["levels"]
    names = facts.get("supply_names") or [None] * len(lines)
    return tuple(_supply(line, filled, name) for line, filled, name in zip(lines, levels, names, strict=True))


def _supply(line: str, filled: int, renamed: str | None) -> Supply:
    kind, color, capacity, unit, name = line.split(" ", 4)
    if kind not in KINDS or unit not in UNITS:
        raise ValueError(f"a supply of an unknown kind or unit: {line}")
    return Supply(kind, None if color == "-" else color, int(capacity), unit, renamed or name, filled)


def _mac(ouis: list[str], serial: str) -> str:
    digest = hashlib.sha256(serial.encode()).digest()
    return f"{ouis[digest[3] % len(ouis)]}:{digest[:3].hex(':')}"


def printed(one: Machine, pages: int) -> Machine:
    """The machine after `pages` more pages: its other counters grow in the proportion they have."""
    total = one.counters.get("total")
    if total is None:
        return one
    counters = {
        name: _share(value, total, pages) for name, value in one.counters.items() if name not in ("misfeeds", "total")
    }
    kept = {name: value for name, value in one.counters.items() if name == "misfeeds"}
    return replace(one, counters={"total": total + pages, **counters, **kept})


def _share(value: int, total: int, pages: int) -> int:
    # Rounded from the whole count, not from the few new pages, so that small steps do not lose the share.
    return value * (total + pages) // total if total else value
