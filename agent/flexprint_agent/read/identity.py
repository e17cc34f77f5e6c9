"""Who a device says it is: maker, model, serial, MAC addresses, and the texts people gave it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Final

from flexprint_agent.read import tables
from flexprint_agent.read.objects import (
    ENGINE_ID,
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
from flexprint_agent.read.text import lines_of, pml_text, text_of, was_cleaned
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
# What stands between a model and the serial number behind it: "S/N: ", ", Serial No. ", " : ".
_SERIAL_FOLLOWS: Final = re.compile(r"[\W_]*(?:\b(?:s/?n|serial(?: (?:number|no))?)\b[\W_]*)?$", re.IGNORECASE)
_SHORTEST_SERIAL: Final = 5
_MOST_MACS: Final = 8
_LONGEST_1284: Final = 2048
# A device is looked at several times while it is read, between the answers of others.
_DEVICES: Final = 512


def _charset(answers: Answers, pointer: bytes) -> int | None:
    """The MIBenum in the row that an object points to; in the only row where it points at none."""
    rows = answers.integers(LOCALIZATION_CHARSET)
    if not rows:
        return None
    value = answers.at_device(pointer)
    row = None if value is None else ber.integer(value)
    if row is None:
        return next(iter(rows.values())) if len(rows) == 1 else None
    return next((charset for index, charset in rows.items() if index[-1] == row), None)


@lru_cache(_DEVICES)
def parse_1284(text: str) -> Mapping[str, str]:
    """The keys of an IEEE 1284 device id that are known here; the first of each that has a value."""
    found: dict[str, str] = {}
    for part in text[:_LONGEST_1284].split(";"):
        key, colon, value = part.partition(":")
        name = _KEYS_OF_1284.get(key.strip().upper())
        if colon and name and value.strip():
            found.setdefault(name, value.strip()[:255])
    return found


_LONGEST_ENGINE: Final = 32
"""Octets of an SnmpEngineID at most (RFC 3411)."""


class Speaker:
    """One device's answers, and who it is by them, so that the right tables speak for it.

    charset: MIBenum of the texts in the Printer MIB, by prtGeneralCurrentLocalization.
    device_descr: the printer's own hrDeviceDescr, which usually is its model.
    ieee1284: its device id, wherever it holds one.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.charset = _charset(answers, GENERAL_LOCALIZATION)
        self.sys_descr = self._system(SYS_DESCR)
        sys_object_id = answers.object_id(SYS_OBJECT_ID)
        self.sys_object_id = None if sys_object_id == "0.0" else sys_object_id
        self.device_descr = _plain_text(answers.at_device(HR_DEVICE_DESCR), self.charset)
        self.ieee1284 = self._device_id()
        # Texts first: a sysObjectID is the tree of who built the machine or its network card.
        models = (self.device_descr, self.ieee1284.get("model", ""), self.sys_descr)
        named = tables.maker_of((self.ieee1284.get("maker", ""), self.device_descr, self.sys_descr), models)
        self.maker = named or self._maker_by_tree()
        self.vendors = tables.speaking(self.maker, self.sys_object_id, models)

    @property
    def console_charset(self) -> int | None:
        """MIBenum of the console, by prtConsoleLocalization."""
        return _charset(self.answers, GENERAL_CONSOLE_LOCALIZATION) or self.charset

    def _device_id(self) -> Mapping[str, str]:
        for text in self._texts_1284():
            found = parse_1284(text)
            if "maker" in found or "model" in found:
                return found
        return {}

    def vendor_texts(self, field: str) -> Iterator[str]:
        """What the matched tables' objects for a field answered, the empty left out."""
        for row in tables.texts(self.vendors, field):
            text = self._vendor_text(row)
            if text:
                yield text

    def panel(self) -> list[str]:
        """The lines of the panel by the maker's own object."""
        for row in tables.texts(self.vendors, "console"):
            octets = self.answers.octets(row.oid)
            if octets:
                return lines_of(octets, self.console_charset)
        return []

    def from_patterns(self, field: str) -> Iterator[str]:
        """What stands inside sysDescr and hrDeviceDescr by the tables' patterns, those for everyone last."""
        for pattern in tables.patterns(self.vendors, field):
            found = pattern.find_in(self.sys_descr if pattern.of == "sys_descr" else self.device_descr)
            if found is not None:
                yield found

    def _vendor_text(self, row: tables.TextRow) -> str:
        octets = self.answers.octets(row.oid)
        if octets is None:
            number = self.answers.integer(row.oid)
            return "" if number is None else str(number)
        return pml_text(octets) if row.encoding == "pml" else text_of(octets, self.charset)

    def _system(self, name: bytes) -> str:
        # The system group is ASCII by RFC 1213; what is not is guessed, not taken for the panel's set.
        return text_of(self.answers.octets(name) or b"", limit=400)

    def _texts_1284(self) -> Iterator[str]:
        values = [self.answers.at_device(PORT_MONITOR_1284), self.answers.at_device(HR_DEVICE_ID)]
        values += map(self.answers.values.get, tables.objects_of("ieee1284"))
        for value in values:
            if value is not None and value[0] == OCTET_STRING and b":" in value[1]:
                yield text_of(value[1], limit=_LONGEST_1284)

    def _maker_by_tree(self) -> str | None:
        """The maker whose tree a device that names none answers under, or whose own objects it answers."""
        by_tree = tables.maker_of_tree(self.sys_object_id) if self.sys_object_id else None
        return by_tree or next((maker for tree, maker in tables.trees() if self.answers.any_under(tree)), None)

    @cached_property
    def identity(self) -> Identity:
        """Everything the device says of itself. A field it does not give is None."""
        model = self._model()
        serial = self._serial(model)
        if model and serial:
            model = _without_serial(model, serial)
        return Identity(
            manufacturer=self.maker,
            model=model,
            serial=serial,
            label=tables.label_of(self.vendors, serial) if serial else None,
            macs=macs(self.answers.column(IF_PHYS_ADDRESS).values()),
            name=self._name(model),
            location=self._system(SYS_LOCATION)[:255] or next(self.vendor_texts("location"), None),
            contact=self._system(SYS_CONTACT)[:255] or next(self.vendor_texts("contact"), None),
            asset=next(self.vendor_texts("asset"), None),
            firmware=next(self.vendor_texts("firmware"), None) or next(self.from_patterns("firmware"), None),
            sys_object_id=self.sys_object_id,
            description=self.sys_descr or None,
            engine=self._engine(),
        )

    def _engine(self) -> str | None:
        octets = self.answers.octets(ENGINE_ID)
        return octets.hex() if octets and 5 <= len(octets) <= _LONGEST_ENGINE else None

    def cleaned(self) -> Iterator[bytes]:
        """The objects that hold a text of the identity from which something was cleaned away."""
        names = [SYS_NAME, SYS_LOCATION, SYS_CONTACT, SYS_DESCR, *self.answers.under(GENERAL_SERIAL)]
        names += [row.oid for vendor in self.vendors for row in vendor.texts if row.field != "console"]
        for name in dict.fromkeys(names):
            octets = self.answers.octets(name)
            if octets and was_cleaned(octets, self.charset):
                yield name

    def _serial(self, model: str | None) -> str | None:
        """The first that is no placeholder; where all are, the first, since it is what the device says."""
        first = None
        for serial in filter(None, self._serials()):
            if not is_placeholder(serial, model):
                return serial
            first = first or serial
        return first

    def _serials(self) -> Iterator[str]:
        standard = _plain_text(self.answers.at_device(GENERAL_SERIAL), self.charset)
        own = list(self.vendor_texts("serial"))
        yield from (*own, standard) if any(vendor.serial.own for vendor in self.vendors) else (standard, *own)
        yield self.ieee1284.get("serial", "")
        yield from self.from_patterns("serial")

    def _model(self) -> str | None:
        for text in filter(None, self._models()):
            if not tables.is_card_text(text) and not text.isdigit():
                return tables.without_maker(text, self.maker)
        return None

    def _models(self) -> Iterator[str]:
        """The device's own row before the 1284 id, which often names a family, and before sysDescr, which often
        names a network card."""
        yield from self.vendor_texts("model")
        inside = list(self.from_patterns("model"))
        yield from (text for text in inside if text in self.device_descr)
        yield self.device_descr.partition(";")[0]
        yield self.ieee1284.get("model", "")
        yield from inside
        yield _first_part(self.sys_descr)

    def _name(self, model: str | None) -> str | None:
        given = _plain_text(self.answers.at_device(GENERAL_NAME), self.charset)
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


def _without_serial(model: str, serial: str) -> str:
    """A model up to the serial number that some devices write behind it."""
    before, found, _ = model.partition(serial)
    kept = _SERIAL_FOLLOWS.sub("", before)
    return kept if found and kept and len(serial) >= _SHORTEST_SERIAL else model


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
