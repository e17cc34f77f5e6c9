"""What a device counted: the standard life count, the maker's own counters, and sums of them.

Which total is the bill's is decided here, by one rule for all makers: the maker's own total, where there is none
the life count, where there is none either the sum of mono and colour. What is not taken is kept as evidence,
and a warning says how far the two are apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from flexprint_agent.read import records, rows
from flexprint_agent.read.balance import mismatches
from flexprint_agent.read.objects import MARKER_LIFE_COUNT, MARKER_UNIT, Answers, Index, instance
from flexprint_agent.read.rows import Pick
from flexprint_agent.read.tables import MeterRow, RecordsRow, Vendor
from flexprint_agent.read.text import text_of
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
# -1 in the 32 bits of a Counter32.
_ALL_ONES: Final = 2**32 - 1
# Digits: one more than LARGEST_NUMBER has, so that what is cut is too large as well.
_LONGEST_NUMBER: Final = 20
_LONGEST_EVIDENCE: Final = 4096
# Of a device that claims hundreds of markers, or of wrong numbers, some tell as much as all.
_MOST_LISTED: Final = 16


@dataclass(slots=True)
class Counted:
    """Meters by name, and what there is to say about them."""

    answers: Answers
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
        if value == _ALL_ONES:
            self.warnings.append(f"{name} is left out: {value} is a -1 without its sign, which means not known")
            if oid is not None:
                self.prove(oid)
            return False
        tag = self.answers.values[oid][0] if oid in self.answers.values else None
        kind = None if tag is None else ber.type_name(tag)
        self.meters[name] = Meter(name, value, unit, None if oid is None else ber.dotted(oid), source, kind)
        return True

    def prove(self, *names: bytes) -> None:
        """Keeps the answer itself beside a meter that is not simply the integer at its OID."""
        for name in names[:_MOST_LISTED]:
            value = self.answers.values.get(name)
            if value is not None:
                tag, octets = value
                proof = Evidence(ber.dotted(name), ber.type_name(tag), octets[:_LONGEST_EVIDENCE].hex())
                if proof not in self.evidence:
                    self.evidence.append(proof)

    def in_order(self) -> tuple[Meter, ...]:
        return tuple(sorted(self.meters.values(), key=lambda meter: position(meter.name)))


def count(answers: Answers, vendors: tuple[Vendor, ...], *, mono: bool = False) -> Counted:
    """All meters. `total` is the one that is billed. `mono`: the device is known to print in black alone, so that a
    sum lacks nothing when its colours are not counted."""
    counted = Counted(answers)
    for vendor in vendors:
        _vendor_meters(answers, vendor, counted)
    _life_count(answers, counted)
    for vendor in vendors:
        _own_meters(answers, vendor, counted, doubtful=True)
        for row in vendor.derived:
            _derive(counted, row.name, _parts_of(row.sum_of, counted, mono=mono))
    _derive(counted, "total", ("total.mono", "total.color"))
    counted.warnings += mismatches(counted.meters)
    _tell_oversized(answers, counted)
    return counted


def _tell_oversized(answers: Answers, counted: Counted) -> None:
    names = answers.oversized()
    if names:
        listed = ", ".join(map(ber.dotted, names[:_MOST_LISTED]))
        counted.warnings.append(f"left out, as no device counts that far: {len(names)} numbers ({listed})")
        counted.prove(*names)


def _vendor_meters(answers: Answers, vendor: Vendor, counted: Counted) -> None:
    for table in vendor.rows:
        for pick in rows.picks(answers, table):
            if pick.name not in counted.meters:
                _add_rows(answers, pick, counted)
    _own_meters(answers, vendor, counted, doubtful=False)
    for packed in vendor.records:
        _unpack(answers, packed, counted)


def _own_meters(answers: Answers, vendor: Vendor, counted: Counted, *, doubtful: bool) -> None:
    values = answers.values
    for row in vendor.meters:
        if row.oids[0] not in values or row.doubtful != doubtful or row.name in counted.meters:
            continue
        if len(row.oids) == 1 or values.keys() >= {*row.oids}:
            numbers = [_number_of(answers, row, name, counted) for name in row.oids]
            if None not in numbers:
                _add_parts(counted, row.name, row.unit, row.oids, numbers)


def _add_rows(answers: Answers, pick: Pick, counted: Counted) -> None:
    """One row's count, or the sum of several. Rows that should agree and do not are no meter: a wrong one is worse
    than none."""
    numbers = [_number(answers, name, counted) for name in pick.values]
    known = {number for number in numbers if number is not None}
    if pick.adds_up and None not in numbers:
        _add_parts(counted, pick.name, pick.unit, pick.values, numbers)
    elif len(known) == 1 and not pick.adds_up:
        value = known.pop()
        counted.add(pick.name, value, pick.unit, pick.values[numbers.index(value)], "vendor")
    else:
        said = ", ".join("no number" if number is None else str(number) for number in numbers[:_MOST_LISTED])
        counted.warnings.append(f"{pick.name} is left out: its rows say {said}")
        counted.prove(*pick.values)


def _add_parts(counted: Counted, name: str, unit: str, names: tuple[bytes, ...], numbers: Iterable[int | None]) -> None:
    """A count at one object, which is the maker's, or the sum of several, which is ours and is proved by them."""
    value = sum(number for number in numbers if number is not None)
    if len(names) == 1:
        counted.add(name, value, unit, names[0], "vendor")
    elif counted.add(name, value, unit, None, "derived"):
        counted.prove(*names)


def _number_of(answers: Answers, row: MeterRow, name: bytes, counted: Counted) -> int | None:
    if row.regex is None:
        return _number(answers, name, counted)
    found = row.number_in(text_of(answers.octets(name) or b""))
    if found is None:
        return None
    counted.prove(name)
    return int(found[:_LONGEST_NUMBER])


def _number(answers: Answers, name: bytes, counted: Counted) -> int | None:
    """A counter, also where it comes as text; never a negative one, which stands for "not known"."""
    octets = answers.octets(name)
    if octets is not None:
        digits = octets.strip(b" \0")
        if not digits.isdigit():
            return None
        counted.prove(name)
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
        counted.prove(row.oid)


def _life_count(answers: Answers, counted: Counted) -> None:
    """The life count of the first marker that has one. What the others count, the MIB does not say."""
    counts = {index: value for index, value in answers.integers(MARKER_LIFE_COUNT).items() if value >= 0}
    device = answers.device
    own = {index: value for index, value in counts.items() if index[0] == device} or counts
    if not own:
        return
    index, life = next(iter(own.items()))
    _tell_markers(own, index, counted)
    name, unit = instance(MARKER_LIFE_COUNT, *index), _unit(answers, index)
    total = counted.meters.get("total")
    if total is not None and total.value == 0 < life:
        # Seen as a counter that this model has and does not use.
        del counted.meters["total"]
        counted.warnings.append(f"the maker's total is 0, the engine's life count {life}: the life count is taken")
        counted.prove(ber.oid(total.oid or "0.0"))
        total = None
    if total is None:
        counted.add("total", life, unit or "impressions", name, "standard")
        if answers.octets(name) is not None:  # written out
            counted.prove(name)
        _remark(counted, life, unit)
    elif total.value != life:
        counted.prove(name)
        counted.warnings.append(_apart(total, life, unit))


def _tell_markers(own: dict[Index, int], first: Index, counted: Counted) -> None:
    if len(own) == 1:
        return
    some = dict(islice(own.items(), _MOST_LISTED))
    listed = ", ".join(f"{'.'.join(map(str, row))}: {value}" for row, value in some.items())
    counted.warnings.append(f"the device has several markers ({listed}); the first is taken for the total")
    counted.prove(*(instance(MARKER_LIFE_COUNT, *other) for other in some if other != first))


def _apart(total: Meter, life: int, unit: str | None) -> str:
    """The maker's total beside the life count, in words."""
    if unit is not None and unit != total.unit:
        return (
            f"the maker's total is {total.value} {total.unit}, the engine's life count {life} {unit}; "
            "the maker's is what is billed, and the two units are not compared"
        )
    return (
        f"the maker's total is {total.value}, the engine's life count {life} ({life - total.value:+}); "
        "the maker's is what is billed"
    )


def _unit(answers: Answers, index: Index) -> str | None:
    code = answers.integers(MARKER_UNIT).get(index)
    return None if code is None else UNITS.get(code, "other")


def _remark(counted: Counted, life: int, unit: str | None) -> None:
    if unit is None:
        counted.warnings.append("the device does not say in which unit it counts; impressions are assumed")
    if life == 0:
        counted.warnings.append("the life count is 0: a new device, or one that does not count")


def _parts_of(sum_of: tuple[str, ...], counted: Counted, *, mono: bool) -> tuple[str, ...]:
    """The parts of a sum; a device that prints in black alone need not count its colours."""
    return tuple(part for part in sum_of if part in counted.meters or not (mono and ".color" in part))


def _derive(counted: Counted, name: str, parts: tuple[str, ...]) -> None:
    """A sum, only of parts that the device gave itself and that count the same thing."""
    found = [counted.meters.get(part) for part in parts]
    given = [meter for meter in found if meter is not None]
    if given and len(given) == len(parts) and len({meter.unit for meter in given}) == 1:
        counted.add(name, sum(meter.value for meter in given), given[0].unit, None, "derived")
