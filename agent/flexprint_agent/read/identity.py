"""Who a device says it is: maker, model, serial, MAC addresses, and the texts people gave it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from flexprint_agent.read import tables
from flexprint_agent.read.objects import (
    GENERAL_CONSOLE_LOCALIZATION,
    GENERAL_LOCALIZATION,
    GENERAL_NAME,
    GENERAL_SERIAL,
    HR_DEVICE_DESCR,
    HR_DEVICE_ID,
    IF_PHYS_ADDRESS,
    LOCALIZATION_CHARSET,
    PORT_MONITOR_1284,
    SYS_CONTACT,
    SYS_DESCR,
    SYS_LOCATION,
    SYS_NAME,
    SYS_OBJECT_ID,
    Answers,
)
from flexprint_agent.read.tables import Vendor
from flexprint_agent.read.text import lines_of, pml_text, text_of
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import OCTET_STRING, Value
from flexprint_shared.identity import is_placeholder, is_unique_mac
from flexprint_shared.readings import Identity

# Keys of an IEEE 1284 id as makers write them -> ours.
_KEYS_OF_1284: Final = {
    "MFG": "maker",
    "MANUFACTURER": "maker",
    "MANUFACTURE": "maker",
    "MDL": "model",
    "MODEL": "model",
    "DES": "description",
    "DESCRIPTION": "description",
    "CLS": "class",
    "CLASS": "class",
    "SN": "serial",
    "SER": "serial",
    "SERN": "serial",
    "SERIAL": "serial",
    "SERIALNUMBER": "serial",
}
_MOST_MACS: Final = 8
_LONGEST_1284: Final = 2048


@dataclass(slots=True, frozen=True)
class Charsets:
    """MIBenum of the texts in the Printer MIB, and of the console."""

    general: int | None
    console: int | None


def charsets(answers: Answers) -> Charsets:
    """By prtGeneralCurrentLocalization and prtConsoleLocalization; the only row where they point at none."""
    return Charsets(
        _charset(answers, GENERAL_LOCALIZATION),
        _charset(answers, GENERAL_CONSOLE_LOCALIZATION) or _charset(answers, GENERAL_LOCALIZATION),
    )


def _charset(answers: Answers, pointer: bytes) -> int | None:
    value = answers.at_device(pointer)
    row = None if value is None else ber.integer(value)
    rows = answers.integers(LOCALIZATION_CHARSET)
    if row is None:
        return next(iter(rows.values())) if len(rows) == 1 else None
    return next((charset for index, charset in rows.items() if index[-1] == row), None)


def parse_1284(text: str) -> dict[str, str]:
    """The keys of an IEEE 1284 device id that are known here; the first of each that has a value."""
    found: dict[str, str] = {}
    for part in text[:_LONGEST_1284].split(";"):
        key, colon, value = part.partition(":")
        name = _KEYS_OF_1284.get(key.strip().upper())
        if colon and name and value.strip():
            found.setdefault(name, value.strip()[:255])
    return found


class Speaker:
    """One device's answers together with the tables that may speak for it."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    @cached_property
    def charsets(self) -> Charsets:
        return charsets(self.answers)

    @cached_property
    def sys_descr(self) -> str:
        return self._system(SYS_DESCR)

    @cached_property
    def sys_object_id(self) -> str | None:
        named = self.answers.object_id(SYS_OBJECT_ID)
        return None if named in ("0.0", None) else named

    @cached_property
    def device_descr(self) -> str:
        """The printer's hrDeviceDescr: usually the model."""
        return _plain_text(self.answers.at_device(HR_DEVICE_DESCR), self.charsets.general)

    @cached_property
    def ieee1284(self) -> dict[str, str]:
        """The device id, wherever the device holds it."""
        for text in self._texts_1284():
            found = parse_1284(text)
            if "maker" in found or "model" in found:
                return found
        return {}

    @cached_property
    def maker(self) -> str | None:
        """Texts first: a sysObjectID is the tree of who built the machine or its network card."""
        texts = (self.ieee1284.get("maker", ""), self.device_descr, self.sys_descr)
        for text in texts:
            named = tables.maker_named(text)
            if named:
                return named
        for text in (self.device_descr, self.ieee1284.get("model", ""), self.sys_descr):
            named = tables.maker_of_brand(text)
            if named:
                return named
        by_tree = tables.maker_of_tree(self.sys_object_id) if self.sys_object_id else None
        return by_tree or self._maker_of_whoever_answered()

    @cached_property
    def vendors(self) -> tuple[Vendor, ...]:
        return tables.matched(self.maker, self.sys_object_id)

    def vendor_texts(self, field: str) -> Iterator[str]:
        """What the matched tables' objects for a field answered, the empty left out."""
        for vendor in self.vendors:
            for row in vendor.texts:
                if row.field == field:
                    text = self._vendor_text(row)
                    if text:
                        yield text

    def panel(self) -> list[str]:
        """The lines of the panel by the maker's own object."""
        for vendor in self.vendors:
            for row in vendor.texts:
                octets = self.answers.octets(row.oid) if row.field == "console" else None
                if octets:
                    return lines_of(octets, self.charsets.console)
        return []

    def from_patterns(self, field: str) -> Iterator[str]:
        """What stands inside sysDescr and hrDeviceDescr by the tables' patterns, those for everyone last."""
        everyone = (vendor for vendor in tables.vendors() if not vendor.trees)
        texts = {"sys_descr": self.sys_descr, "device": self.device_descr}
        for vendor in dict.fromkeys((*self.vendors, *everyone)):
            for pattern in vendor.patterns:
                match = pattern.regex.search(texts[pattern.of]) if pattern.field == field else None
                if match:
                    yield match[1].strip()

    def _vendor_text(self, row: tables.TextRow) -> str:
        octets = self.answers.octets(row.oid)
        if octets is None:
            number = self.answers.integer(row.oid)
            return "" if number is None else str(number)
        return pml_text(octets) if row.encoding == "pml" else text_of(octets, self.charsets.general)

    def _system(self, name: bytes) -> str:
        # The system group is ASCII by RFC 1213; what is not is guessed, not taken for the panel's set.
        return text_of(self.answers.octets(name) or b"", limit=400)

    def _texts_1284(self) -> Iterator[str]:
        asked = {row.oid for vendor in tables.vendors() for row in vendor.texts if row.field == "ieee1284"}
        values = [self.answers.at_device(PORT_MONITOR_1284), self.answers.at_device(HR_DEVICE_ID)]
        values += [value for name, value in self.answers.values.items() if name in asked]
        for value in values:
            if value is not None and value[0] == OCTET_STRING and b":" in value[1]:
                yield text_of(value[1], limit=_LONGEST_1284)

    def _maker_of_whoever_answered(self) -> str | None:
        """The maker whose own tree answered a device that named none."""
        for vendor in tables.vendors():
            starts = tuple(ber.oid(tree) + b"" for tree in vendor.trees)
            if starts and self.answers.any_under(starts):
                return next(iter(vendor.makers))
        return None

    def identity(self) -> Identity:
        """Everything the device says of itself. A field it does not give is None."""
        model = self._model()
        return Identity(
            manufacturer=self.maker,
            model=model,
            serial=self._serial(model),
            macs=macs(self.answers.column(IF_PHYS_ADDRESS).values()),
            name=self._name(model),
            location=self._system(SYS_LOCATION)[:255] or next(self.vendor_texts("location"), None),
            contact=self._system(SYS_CONTACT)[:255] or next(self.vendor_texts("contact"), None),
            asset=next(self.vendor_texts("asset"), None),
            firmware=next(self.vendor_texts("firmware"), None) or next(self.from_patterns("firmware"), None),
            sys_object_id=self.sys_object_id,
            description=self.sys_descr or None,
        )

    def _serial(self, model: str | None) -> str | None:
        """The first that is no placeholder; where all are, the first, since it is what the device says."""
        said = [
            _plain_text(self.answers.at_device(GENERAL_SERIAL), self.charsets.general),
            *self.vendor_texts("serial"),
            self.ieee1284.get("serial", ""),
            *self.from_patterns("serial"),
        ]
        said = [serial for serial in said if serial]
        return next((serial for serial in said if not is_placeholder(serial, model)), next(iter(said), None))

    def _model(self) -> str | None:
        """The device's own row before the 1284 id, which often names a family, and before sysDescr, which often
        names a network card."""
        inside_device = [text for text in self.from_patterns("model") if text in self.device_descr]
        candidates = (
            *self.vendor_texts("model"),
            *inside_device,
            self.device_descr,
            self.ieee1284.get("model", ""),
            *self.from_patterns("model"),
            _first_part(self.sys_descr),
        )
        for text in candidates:
            if text and not tables.is_card_text(text) and not text.isdigit():
                return tables.without_maker(text, self.maker)
        return None

    def _name(self, model: str | None) -> str | None:
        given = _plain_text(self.answers.at_device(GENERAL_NAME), self.charsets.general)
        for name in (self._system(SYS_NAME)[:255], *self.vendor_texts("name"), given):
            if name and name != model:
                return name
        return None


def _plain_text(value: Value | None, charset: int | None) -> str:
    if value is None:
        return ""
    if value[0] == OCTET_STRING:
        return text_of(value[1], charset)
    number = ber.integer(value)
    return "" if number is None else str(number)


def _first_part(sys_descr: str) -> str:
    """The text up to where versions begin: "Xerox AltaLink C8045; SS 100..." is "Xerox AltaLink C8045"."""
    for mark in (";", ",", " / ", " version ", " Ver.", " Rev."):
        sys_descr = sys_descr.split(mark, maxsplit=1)[0]
    return sys_descr.strip()


def macs(values: Iterable[Value]) -> tuple[str, ...]:
    """The rows of ifPhysAddress that belong to this device alone: universally administered, each once."""
    found: dict[str, None] = {}
    for tag, octets in values:
        if tag == OCTET_STRING and len(octets) == 6 and is_unique_mac(octets.hex()):
            found[octets.hex(":")] = None
    return tuple(found)[:_MOST_MACS]
