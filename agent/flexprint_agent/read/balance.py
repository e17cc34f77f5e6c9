"""Whether a device's counters agree with each other.

What does not add up is told and kept as the device gave it: which of the figures is wrong, only a person who
looks at the machine's own counter page can say.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from flexprint_shared.meters import COLOURS, FUNCTIONS, SIZES
from flexprint_shared.readings import Meter

_PAGES: Final = ("print", "copy", "fax", "other")
"""Functions that put marks on paper. Together they are the total; each alone may be missing."""

_TIERS: Final = tuple(colour for colour in COLOURS if colour not in ("mono", "color"))
_BY_COLOUR: Final = tuple(
    (function, (f"{function}.mono", f"{function}.color"), tuple(f"{function}.{tier}" for tier in _TIERS))
    for function in FUNCTIONS
)


def mismatches(meters: Mapping[str, Meter]) -> Iterator[str]:
    """In words, every sum that is none. Counts in different units are never compared."""
    for function, both, tiers in _BY_COLOUR:
        if meters.keys().isdisjoint(both):
            continue
        yield from _compare(meters, function, both)
        told = [tier for tier in tiers if tier in meters]
        if len(told) > 1:
            yield from _compare(meters, both[1], told)
    given = [name for name in _PAGES if name in meters]
    # A function that is not counted may account for what is missing, but for nothing that is too much.
    yield from _compare(meters, "total", given, may_be_less=len(given) < len(_PAGES))
    for name in meters:
        whole, _, size = name.rpartition(".")
        if size in SIZES:
            yield from _compare(meters, whole, [name], may_be_less=True)


def _compare(
    meters: Mapping[str, Meter], whole: str, parts: Sequence[str], *, may_be_less: bool = False
) -> Iterator[str]:
    total = meters.get(whole)
    given = [meters[part] for part in parts if part in meters]
    complete = len(given) == len(parts)
    if total is None or not given or not complete or any(part.unit != total.unit for part in given):
        return
    added = sum(part.value for part in given)
    if added > total.value or (added < total.value and not may_be_less):
        said = " + ".join(f"{part.name} {part.value}" for part in given)
        sum_of = f"{said} = {added}" if len(given) > 1 else said
        yield f"{sum_of}, but {whole} is {total.value} ({added - total.value:+})"
