"""The form of a vendor table, beyond what a read needs of it: what somebody who writes one wants to be told. Pure."""

import tomllib
from collections.abc import Iterator
from typing import Any, Final

from flexprint_agent.read import tables
from flexprint_agent.read.tables import BadTable, Vendor
from flexprint_shared.meters import UNITS, is_meter_name

_FACT: Final = frozenset({"source", "checked"})
KEYS: Final = frozenset(
    {"trees", "makers", "brands", "printers", "serial", "text", "pattern", "rows", "meter", "records", "derived"}
)
OF_PRINTERS: Final = frozenset({"sys_object_id", "sys_descr", "built", "cards", "signs"})
OF_ROW: Final = {
    "text": frozenset({"field", "oid", "encoding"}) | _FACT,
    "pattern": frozenset({"field", "of", "regex"}) | _FACT,
    "meter": frozenset({"name", "oid", "unit", "regex", "doubtful"}) | _FACT,
    "rows": frozenset({"value", "key", "unit", "units", "meter"}) | _FACT,
    "records": frozenset({"oid", "mark", "end", "meter"}) | _FACT,
    "derived": frozenset({"name", "sum"}),
}


def check(file: str, text: str) -> Vendor:
    """The table in `text`. Raises BadTable that names everything that is wrong with it."""
    vendor = tables.parse(file, text)
    faults = [*_unknown_keys(tomllib.loads(text)), *_unknown_words(vendor)]
    if faults:
        raise BadTable("\n".join(f"{file}: {fault}" for fault in faults))
    return vendor


def _unknown_keys(table: dict[str, Any]) -> Iterator[str]:
    yield from (f"nothing is known by the name of {key}" for key in sorted(table.keys() - KEYS))
    strangers = sorted(table.get("printers", {}).keys() - OF_PRINTERS)
    yield from (f"[printers] has no {key}" for key in strangers)
    for kind, known in OF_ROW.items():
        for number, row in enumerate(table.get(kind, ()), 1):
            yield from (f"[[{kind}]] number {number} has no {key}" for key in sorted(row.keys() - known))


def _unknown_words(vendor: Vendor) -> Iterator[str]:
    named = [(row.name, row.unit) for row in vendor.meters]
    named += [(meter.name, unit) for table in vendor.rows for meter in table.meters for _, unit in meter.units]
    named += [meter for packed in vendor.records for meter in packed.meters.values()]
    for name, unit in named:
        if unit not in UNITS:
            yield f"{unit!r} is no unit; it is one of {', '.join(UNITS)}"
        yield from _unknown_names(name)
    for row in vendor.derived:
        yield from _unknown_names(row.name, *row.sum_of)


def _unknown_names(*names: str) -> Iterator[str]:
    for name in names:
        if not is_meter_name(name):
            yield f"{name!r} is no meter: function[.colour][.size], as total, print.color or copy.mono.large"
