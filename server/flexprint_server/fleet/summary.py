"""What a page searches and sorts devices by, worked out once when a read is stored."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from flexprint_shared import readings
from flexprint_shared.readings import Identity

SupplyFacts = Mapping[str, Any]
"""One entry of Device.supplies: Supply.as_json()."""

_LOW: Final = ("low", "empty")


def scarcity(supplies: Iterable[tuple[bool, str, int | None]]) -> tuple[int | None, bool]:
    """What is left of the supply that ends first, and whether any is low. Supplies as (whether it fills up, state,
    percent)."""
    found: tuple[bool, int] | None = None
    remaining, low = None, False
    for filling, state, percent in supplies:
        urgency = _urgency(percent, state, filling=filling)
        if urgency is None:
            continue
        low = low or state in _LOW
        if found is None or urgency < found:
            found, remaining = urgency, _left(percent, state, filling=filling)
    return remaining, low


def _urgency(percent: int | None, state: str, *, filling: bool) -> tuple[bool, int] | None:
    """What orders supplies by how soon they end, the first one first; None for one that says nothing about it."""
    is_low = state in _LOW
    if percent is None and not is_low:
        return None
    here = _left(percent, state, filling=filling)
    return not is_low, 1 if here is None else here


def search_text(identity: Identity, address: str) -> str:
    """Everything people look a device up by, in lower case, one field a line so that no search spans two."""
    fields: Sequence[str | None] = (
        identity.serial,
        identity.asset,
        address,
        " ".join(filter(None, (identity.manufacturer, identity.model))),
        identity.name,
        identity.location,
        *identity.macs,
    )
    return "\n".join(field for field in fields if field).lower()


def fills_up(supply: SupplyFacts) -> bool:
    """True for a waste container: its percent says how full it is, not what is left."""
    return readings.fills_up(str(supply["kind"]))


def is_low(supply: SupplyFacts) -> bool:
    """True for a supply that the device, or its level, calls low or empty; for waste, nearly full."""
    return supply["state"] in _LOW


def left(supply: SupplyFacts) -> int | None:
    """Percent left before somebody has to come, 0 to 100; None where the device gives no such figure."""
    return _left(supply["percent"], supply["state"], filling=fills_up(supply))


def _left(percent: int | None, state: str, *, filling: bool) -> int | None:
    if state == "empty":
        return 0
    if percent is None:
        return None
    bounded = 0 if percent < 0 else min(percent, 100)
    return 100 - bounded if filling else bounded


def scarcest(supplies: Iterable[SupplyFacts]) -> SupplyFacts | None:
    """The supply that ends first: the least left, a low one without a figure before any that is not low.
    None when no supply says anything about its level."""
    found, least = None, None
    for supply in supplies:
        urgency = _urgency(supply["percent"], supply["state"], filling=fills_up(supply))
        if urgency is not None and (least is None or urgency < least):
            found, least = supply, urgency
    return found
