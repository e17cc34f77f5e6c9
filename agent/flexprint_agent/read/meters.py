"""What a device counted: the standard life count, the maker's own counters, and sums of them."""

from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from flexprint_agent.read import records
from flexprint_agent.read.objects import MARKER_LIFE_COUNT, MARKER_UNIT, Answers, Index, instance
from flexprint_agent.read.tables import RecordsRow, Vendor
from flexprint_agent.snmp import ber
from flexprint_shared.meters import Source, is_meter_name, position
from flexprint_shared.readings import LARGEST_NUMBER, Evidence, Meter

# PrtMarkerCounterUnitTC, IANA-PRINTER-MIB.
UNITS: Final = {
    3: "ten_thousandths_of_inches",
    4: "micrometers",
    5: "characters",
    6: "lines",
    7: "impressions",
    8: "sheets",
    9: "dot_rows",
    11: "hours",
    16: "feet",
    17: "meters",
}
# Digits: one more than LARGEST_NUMBER has, so that what is cut is too large as well.
_LONGEST_NUMBER: Final = 20
_LONGEST_EVIDENCE: Final = 4096
# Of a device that claims hundreds of markers, or of wrong numbers, some tell as much as all.
_MOST_LISTED: Final = 16


@dataclass(slots=True)
class Counted:
    """Meters by name, and what there is to say about them."""

    meters: dict[str, Meter] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)

    def add(self, name: str, value: int, unit: str, oid: bytes | None, source: Source) -> bool:
        """Keeps the first value of a name: nothing ever overwrites what a device gave."""
        if name in self.meters or not is_meter_name(name):
            return False
        if value > LARGEST_NUMBER:
            self.warnings.append(f"{name} is left out: no device counts that far")
            return False
        self.meters[name] = Meter(name, value, unit, None if oid is None else ber.dotted(oid), source)
        return True

    def in_order(self) -> tuple[Meter, ...]:
        return tuple(sorted(self.meters.values(), key=lambda meter: position(meter.name)))


def count(answers: Answers, vendors: tuple[Vendor, ...]) -> Counted:
    """All meters. `total` is the one that is billed: the maker's own total, where there is none the life
    count, and where there is none either the sum of mono and colour."""
    counted = Counted()
    for vendor in vendors:
        _vendor_meters(answers, vendor, counted)
    _life_count(answers, counted)
    for vendor in vendors:
        for row in vendor.derived:
            _derive(counted, row.name, row.sum_of)
    _derive(counted, "total", ("total.mono", "total.color"))
    _tell_oversized(answers, counted)
    return counted


def _tell_oversized(answers: Answers, counted: Counted) -> None:
    names = answers.oversized()
    if names:
        listed = ", ".join(map(ber.dotted, names[:_MOST_LISTED]))
        counted.warnings.append(f"left out, as no device counts that far: {len(names)} numbers ({listed})")
    for name in names[:_MOST_LISTED]:
        _prove(answers, name, counted)


def _vendor_meters(answers: Answers, vendor: Vendor, counted: Counted) -> None:
    for row in vendor.meters:
        value = _number(answers, row.oid, counted)
        if value is not None:
            counted.add(row.name, value, row.unit, row.oid, "vendor")
    for packed in vendor.records:
        _unpack(answers, packed, counted)


def _number(answers: Answers, name: bytes, counted: Counted) -> int | None:
    """A counter, also where it comes as text; never a negative one, which stands for "not known"."""
    octets = answers.octets(name)
    if octets is not None:
        digits = octets.strip(b" \0")
        if not digits.isdigit():
            return None
        _prove(answers, name, counted)
        return int(digits.lstrip(b"0")[:_LONGEST_NUMBER] or b"0")
    value = answers.integer(name)
    return value if value is not None and value >= 0 else None


def _unpack(answers: Answers, row: RecordsRow, counted: Counted) -> None:
    octets = answers.octets(row.oid)
    if not octets:
        return
    values = records.decode(octets, row.mark, row.end)
    added = [
        counted.add(*row.meters[code][:1], value, row.meters[code][1], row.oid, "vendor")
        for code, value in values.items()
        if code in row.meters
    ]
    if any(added) or max(values.values(), default=0) > LARGEST_NUMBER:
        _prove(answers, row.oid, counted)


def _life_count(answers: Answers, counted: Counted) -> None:
    """The life count of the first marker that has one. What the others count, the MIB does not say."""
    counts = {index: value for index, value in answers.integers(MARKER_LIFE_COUNT).items() if value >= 0}
    device = answers.device
    own = {index: value for index, value in counts.items() if index[0] == device} or counts
    if not own:
        return
    index, life = next(iter(own.items()))
    name = instance(MARKER_LIFE_COUNT, *index)
    unit = _unit(answers, index)
    if len(own) > 1:
        own = dict(islice(own.items(), _MOST_LISTED))
        listed = ", ".join(f"{'.'.join(map(str, row))}: {value}" for row, value in own.items())
        counted.warnings.append(f"the device has several markers ({listed}); the first is taken for the total")
        for other in own:
            if other != index:
                _prove(answers, instance(MARKER_LIFE_COUNT, *other), counted)
    total = counted.meters.get("total")
    if total is None:
        counted.add("total", life, unit or "impressions", name, "standard")
        _remark(counted, life, unit)
    elif total.value != life:
        _prove(answers, name, counted)
        counted.warnings.append(
            f"the maker's total is {total.value}, the engine's life count {life}; the maker's is what is billed"
        )


def _unit(answers: Answers, index: Index) -> str | None:
    code = answers.integers(MARKER_UNIT).get(index)
    return None if code is None else UNITS.get(code, "other")


def _remark(counted: Counted, life: int, unit: str | None) -> None:
    if unit is None:
        counted.warnings.append("the device does not say in which unit it counts; impressions are assumed")
    if life == 0:
        counted.warnings.append("the life count is 0: a new device, or one that does not count")


def _derive(counted: Counted, name: str, parts: tuple[str, ...]) -> None:
    """A sum, only of parts that the device gave itself and that count the same thing."""
    found = [counted.meters.get(part) for part in parts]
    given = [meter for meter in found if meter is not None]
    if len(given) == len(parts) and len({meter.unit for meter in given}) == 1:
        counted.add(name, sum(meter.value for meter in given), given[0].unit, None, "derived")


def _prove(answers: Answers, name: bytes, counted: Counted) -> None:
    """Keeps the answer itself beside a meter that is not simply the integer at its OID."""
    value = answers.values.get(name)
    if value is not None:
        tag, octets = value
        counted.evidence.append(Evidence(ber.dotted(name), ber.type_name(tag), octets[:_LONGEST_EVIDENCE].hex()))
