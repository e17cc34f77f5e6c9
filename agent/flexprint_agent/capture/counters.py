"""Numbers of a device that look like counters and that nothing maps, with what speaks for each. Pure.

A number in a maker's tree that equals a known total, that adds up to one with its neighbours, that stands beside a
row that a table maps or beside a label, is worth a person's look.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from flexprint_agent.read.text import text_of
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Value
from flexprint_agent.snmp.forbidden import is_forbidden

_ENTERPRISES: Final = ber.oid("1.3.6.1.4.1")
_COUNTING: Final = frozenset({ber.COUNTER32, ber.COUNTER64})
_NUMBERS: Final = _COUNTING | {ber.INTEGER, ber.GAUGE32}
# Below this a number says nothing: it equals and adds up to others by chance.
_LEAST: Final = 20
_LARGEST: Final = 10**9
# How much larger than the largest known count another may be.
_BEYOND: Final = 2
# Two small numbers add up to a third by chance.
_LEAST_SUM: Final = 100
# What labels of counters speak of, in the language that makers write their own tables in.
_COUNTS: Final = re.compile(
    r"total|cop(?:y|ies)|print|scan|fax|page|count|sheet|plex|black|colou?r|mono|send|sent|large|small|feeder|\bA[34]\b",
    re.IGNORECASE,
)
# A value that stands this often in a device is a constant.
_CONSTANT: Final = 6
_NEAR: Final = 0.02
# Arcs of an index that a label may share with a number.
_LONGEST_INDEX: Final = 3
_LONGEST_LABEL: Final = 60

Arcs = tuple[int, ...]


@dataclass(slots=True)
class Unexplained:
    """A number that nothing maps. `hints` are in words for people, the strongest first; `weight` is how much they say
    together. `label`: a text at the same index."""

    oid: str
    kind: str
    value: int
    label: str | None = None
    hints: list[str] = field(default_factory=list)
    weight: int = 0

    def add(self, weight: int, hint: str) -> None:
        self.weight += weight
        self.hints.append(hint)


def unexplained(
    values: Mapping[bytes, Value], mapped: Iterable[bytes], known: Mapping[str, int]
) -> tuple[Unexplained, ...]:
    """The numbers of the makers' trees that no object of `mapped` is, the most telling first.

    known: the counts that are certain, by name.
    """
    explained = frozenset(mapped)
    numbers = {
        name: number for name, number in _numbers(values) if name.startswith(_ENTERPRISES) and not is_forbidden(name)
    }
    often = {number for number, times in Counter(numbers.values()).items() if times > _CONSTANT}
    totals = {number: name for name, number in reversed([*known.items()]) if number >= _LEAST}
    most = max(totals, default=_LARGEST) * _BEYOND
    open_ones = {
        name: number
        for name, number in numbers.items()
        if name not in explained
        and (number in totals or (_LEAST <= number <= most and number not in often and not _is_round(number)))
    }
    found = {
        name: Unexplained(ber.dotted(name), ber.type_name(values[name][0]), number)
        for name, number in open_ones.items()
    }
    labels = _labels(values)
    sums = dict(_sums(open_ones, numbers, totals))
    neighbours = {ber.parent(name) for name in explained} | {ber.parent(ber.parent(name)) for name in explained}
    for name, one in found.items():
        _weigh(one, name, totals, sums.get(name))
        one.label = labels.get(name)
        if one.label is not None:
            one.add(2 if _COUNTS.search(one.label) else 1, f"beside the text {one.label!r}")
        if ber.parent(name) in neighbours or ber.parent(ber.parent(name)) in neighbours:
            one.add(1, "beside an object that a table maps")
        if values[name][0] in _COUNTING:
            one.add(1, "the device calls it a counter")
    telling = [one for one in found.values() if one.weight > 1]
    telling += _packed(values, explained, totals)
    return tuple(sorted(telling, key=lambda one: -one.weight))


def _is_round(number: int) -> bool:
    """Sizes, masks and limits are powers of two, or one less."""
    return number & (number - 1) == 0 or number & (number + 1) == 0


def _numbers(values: Mapping[bytes, Value]) -> Iterator[tuple[bytes, int]]:
    """Every number, also where it comes as text."""
    for name, (tag, content) in values.items():
        if tag in _NUMBERS:
            number = ber.integer((tag, content))
            if number is not None:
                yield name, number
        elif tag == ber.OCTET_STRING and len(content) <= 10 and content.strip(b" \0").isdigit():
            yield name, int(content.strip(b" \0"))


def _packed(
    values: Mapping[bytes, Value], explained: frozenset[bytes], totals: Mapping[int, str]
) -> Iterator[Unexplained]:
    """Octet strings in which a known count stands as four octets, as where a maker packs its counters."""
    for name, (tag, content) in values.items():
        if tag != ber.OCTET_STRING or name in explained or not name.startswith(_ENTERPRISES) or is_forbidden(name):
            continue
        for total, said in totals.items():
            at = content.find(total.to_bytes(4, "big")) if total < 2**32 and not content.isascii() else -1
            if at >= 0:
                one = Unexplained(ber.dotted(name), ber.type_name(tag), total)
                one.add(4, f"holds {said} ({total}) as four octets from octet {at} on")
                yield one
                break


def _weigh(one: Unexplained, name: bytes, totals: Mapping[int, str], adds_up: str | None) -> None:
    if one.value in totals:
        one.add(4, f"equals {totals[one.value]}")
    elif adds_up is not None:
        one.add(3, adds_up)
    else:
        near = next((total for total in totals if abs(total - one.value) <= total * _NEAR), None)
        if near is not None:
            one.add(2, f"near {totals[near]} ({near})")


def _sums(
    open_ones: Mapping[bytes, int], numbers: Mapping[bytes, int], totals: Mapping[int, str]
) -> Iterator[tuple[bytes, str]]:
    """Numbers that add up to a known count: all rows of a column together, or two of one table."""
    columns: dict[bytes, list[bytes]] = defaultdict(list)
    tables: dict[bytes, list[bytes]] = defaultdict(list)
    for name in numbers:
        columns[ber.parent(name)].append(name)
        tables[ber.parent(ber.parent(name))].append(name)
    for names in tables.values():
        by_value = {numbers[name]: name for name in names if numbers[name] >= _LEAST}
        for value, name in by_value.items():
            for total, said in totals.items():
                other = by_value.get(total - value) if total >= _LEAST_SUM else None
                if other is not None and other != name and name in open_ones:
                    yield name, f"with {ber.dotted(other)} it adds up to {said} ({total})"
    for names in columns.values():
        whole = sum(numbers[name] for name in names if numbers[name] > 0)
        if len(names) > 2 and whole in totals:
            hint = f"the {len(names)} rows of its column add up to {totals[whole]} ({whole})"
            yield from ((name, hint) for name in names if name in open_ones)


def _labels(values: Mapping[bytes, Value]) -> dict[bytes, str]:
    """Object -> the text in another column of its table at the same index."""
    at: dict[tuple[Arcs, Arcs], str] = {}
    arcs = {name: ber.arcs(name) for name in values if name.startswith(_ENTERPRISES)}
    for name, whole in arcs.items():
        tag, content = values[name]
        text = text_of(content, limit=_LONGEST_LABEL) if tag == ber.OCTET_STRING else ""
        if sum(map(str.isalpha, text)) > 2:
            for place in _places(whole):
                at.setdefault(place, text)
    found = {}
    for name, whole in arcs.items():
        if values[name][0] in _NUMBERS:
            label = next((at[place] for place in _places(whole) if place in at), None)
            if label is not None:
                found[name] = label
    return found


def _places(whole: Arcs) -> Iterator[tuple[Arcs, Arcs]]:
    """(entry, index) of an instance whose index may have some lengths; an index of 0 alone is a scalar's."""
    for length in range(_LONGEST_INDEX, 0, -1):
        index = whole[-length:]
        if len(whole) > length + 8 and index != (0,):
            yield whole[: -length - 1], index
