"""Which stored device a read belongs to, decided by the keys that both carry. Pure."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

_SERIAL = "serial:"
_LONGEST = 300


@dataclass(slots=True, frozen=True)
class Match:
    """`device` is None for one never seen before. `new_keys` name it from now on. `conflicts` are keys of the
    read that already name another device: they stay with that one, and people are told."""

    device: int | None
    new_keys: tuple[str, ...]
    conflicts: tuple[str, ...]


def cut(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of flexprint_shared.identity as long as a column holds them."""
    return tuple([key[:_LONGEST] for key in keys])


def place_key(agent: str, address: str, port: int) -> str:
    """A device that gives neither serial nor MAC address is known by where this agent found it, which is the best
    there is and holds only until it moves."""
    return f"address:{agent}:{address}:{port}"[:_LONGEST]


def match(keys: Sequence[str], names: Mapping[str, int], with_serial: Container[int]) -> Match:
    """The device that the strongest of `keys` names. `names` are the known keys, `with_serial` the devices that
    have a serial of their own.

    A MAC address does not outweigh a serial: network cards move from printer to printer, and the pages of one
    must not be billed to the other. So a read with a serial never seen before is a new device, even where its
    MAC address names one with another serial."""
    known = {names.get(key) for key in keys}
    if len(known) == 1 and None not in known:
        return Match(known.pop(), (), ())  # what it is nearly always: nothing new
    device = next((names[key] for key in keys if key in names and _may_decide(key, keys[0], names, with_serial)), None)
    return Match(
        device,
        tuple(key for key in keys if key not in names),
        tuple(key for key in keys if key in names and names[key] != device),
    )


def _may_decide(key: str, strongest: str, names: Mapping[str, int], with_serial: Container[int]) -> bool:
    return key == strongest or not strongest.startswith(_SERIAL) or names[key] not in with_serial


def conflict_note(key: str, device: int) -> str:
    """What people read about a key that two devices claim."""
    kind, _, value = key.partition(":")
    return f"{kind} {value.rpartition(':')[2]} also names device {device}; the stronger key decided"
