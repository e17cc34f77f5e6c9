"""Which stored device a read belongs to, decided by the keys that both carry. Pure.

Keys are scored: a serial decides alone, MAC addresses outweigh engine ids, an address never counts. What the keys do
not settle is never guessed away: the read is stored, and the doubt is kept for people to see.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

SERIAL: Final = "serial:"
MAC: Final = "mac:"
_LONGEST = 300

# More of the weaker never outweigh one of the stronger: a device has a few cards and one engine.
_SCORES: Final = {"serial": 10_000, "mac": 100, "engine": 1, "address": 1}

LEAST_TOTAL: Final = 1_000
"""Two printers whose totals are both below this say nothing by being close to each other."""

MOST_A_DAY: Final = 500
"""Pages a day by which a counter may have gone on, for it to be taken as the same one under another serial. Who prints
more is kept apart until somebody says that they are one."""

Event = Literal[
    "card_swapped",
    "board_swapped",
    "serial_learnt",
    "moved",
    "handed_over",
    "merged",
    "split",
    "undone",
    "retired",
    "back",
    "renamed",
    "readdressed",
    "relabelled",
]
"""What may happen to who a device is: another network card, another main board, a serial not told before; another site;
its site to another customer; what people did; another name or address in the network; other labels."""

Reason = Literal["card_or_board", "two_cards"]
"""Why two devices may be one: a network card that came with another serial (the card moved, or the main board was
swapped); two network cards that name two devices."""


@dataclass(slots=True, frozen=True)
class Seen:
    """What a read says of who it is: `keys` strongest first, its `kind` (maker and model) and total; serial and MAC
    addresses as people read them."""

    keys: Sequence[str]
    kind: tuple[str | None, str | None]
    total: int | None
    at: datetime
    serial: str | None = None
    macs: str = ""


@dataclass(slots=True, frozen=True)
class Known:
    """A device as stored that some key of a read names; `has_serial` when it has one of its own."""

    device: int
    has_serial: bool = False
    has_card: bool = False
    kind: tuple[str | None, str | None] = (None, None)
    total: int | None = None
    last_read_at: datetime | None = None
    serial: str | None = None
    macs: str = ""


@dataclass(slots=True, frozen=True)
class Decision:
    """`device` is None for one never seen before. `new_keys` name it from now on. `conflicts` are keys of the read that
    go on naming another device; each is a doubt for `reason`."""

    device: int | None
    new_keys: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    event: Event | None = None
    reason: Reason | None = None


def cut(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of flexprint_shared.identity as long as a column holds them."""
    return tuple([key[:_LONGEST] for key in keys])


def place_key(agent: str, address: str, port: int) -> str:
    """A device that gives neither serial nor MAC address is known by where this agent found it, which is the best
    there is and holds only until it moves."""
    return f"address:{agent}:{address}:{port}"[:_LONGEST]


def plainly(keys: Sequence[str], names: Mapping[str, int]) -> int | None:
    """The device that all of `keys` name, which is how it nearly always is; None where it takes a decision."""
    known = {names.get(key) for key in keys}
    return known.pop() if len(known) == 1 else None


def decide(seen: Seen, names: Mapping[str, int], devices: Mapping[int, Known]) -> Decision:
    """The device that `seen` is, of those that `names` have for its keys and `devices` know.

    A MAC address does not outweigh a serial: network cards move from printer to printer, and the pages of one must not
    be billed to the other. So a read with a serial never seen before is a new device, even where its MAC address names
    one with another serial; unless the model is the same and the counter goes on where it stopped, which only the same
    machine with another main board does."""
    new_keys = tuple([key for key in seen.keys if key not in names])
    candidates = {names[key]: devices.get(names[key], Known(names[key])) for key in seen.keys if key in names}
    serial = seen.keys[0] if seen.keys and seen.keys[0].startswith(SERIAL) else None
    if serial is None or serial in names:
        chosen = _best(seen.keys, names)
        return _settled(seen, names, chosen, new_keys, "two_cards" if serial is None else "card_or_board", candidates)
    nameless = {device for device, known in candidates.items() if not known.has_serial}
    if nameless:
        chosen = _best([key for key in seen.keys if names.get(key) in nameless], names)
        return _settled(seen, names, chosen, new_keys, "card_or_board", candidates)
    by_card = {names[key] for key in seen.keys if key.startswith(MAC) and key in names}
    if len(by_card) == 1:
        (other,) = by_card
        if goes_on(seen, candidates[other]):
            return Decision(other, new_keys, _others(seen.keys, names, other), "board_swapped")
    return Decision(None, new_keys, _others(seen.keys, names, None), None, "card_or_board" if candidates else None)


def _settled(
    seen: Seen,
    names: Mapping[str, int],
    chosen: int | None,
    new_keys: tuple[str, ...],
    reason: Reason,
    candidates: Mapping[int, Known],
) -> Decision:
    conflicts = _others(seen.keys, names, chosen)
    event: Event | None = None
    if chosen is not None:
        known = candidates[chosen]
        if any(key.startswith(SERIAL) for key in new_keys):
            event = "serial_learnt"
        elif known.has_card and any(key.startswith(MAC) for key in new_keys):
            event = "card_swapped"
    return Decision(chosen, new_keys, conflicts, event, reason if conflicts else None)


def _best(keys: Iterable[str], names: Mapping[str, int]) -> int | None:
    """The device with the highest score; of equals the one known for longest."""
    scores: dict[int, int] = {}
    for key in keys:
        if key in names:
            scores[names[key]] = scores.get(names[key], 0) + _SCORES[key.partition(":")[0]]
    return min(scores, key=lambda device: (-scores[device], device), default=None)


def _others(keys: Sequence[str], names: Mapping[str, int], device: int | None) -> tuple[str, ...]:
    return tuple([key for key in keys if key in names and names[key] != device])


def goes_on(seen: Seen, known: Known) -> bool:
    """True where `seen` is of the same make as `known` and counts on where that stopped: the same machine, whatever its
    serial."""
    if seen.kind != known.kind or seen.total is None or known.total is None or known.last_read_at is None:
        return False
    days = (seen.at - known.last_read_at).days
    return LEAST_TOTAL <= known.total <= seen.total <= known.total + MOST_A_DAY * (max(days, 0) + 1)


def conflict_note(key: str, device: int) -> str:
    """What people read about a key that two devices claim."""
    kind, _, value = key.partition(":")
    return f"{kind} {value.rpartition(':')[2]} also names device {device}; the stronger key decided"
