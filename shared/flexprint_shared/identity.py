"""What identifies a device: its serial, then its MAC addresses. An address alone never does."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from flexprint_shared.readings import Identity

_WORDS: Final = frozenset(
    {"", "na", "none", "null", "unknown", "notset", "notavailable", "serial", "serialnumber", "default", "sn"}
)
_COUNTING: Final = "01234567890123456789"
_UNMARKED: Final = re.compile(r"[^a-z0-9]")


def is_placeholder(serial: str | None, model: str | None = None) -> bool:
    """True for a serial that identifies nothing: empty, one character repeated (0000, XXXXX), a counting
    row (1234567890), a word for "not set", or the model's own name."""
    core = _bare(serial or "")
    if core in _WORDS or len(set(core)) == 1:
        return True
    if len(core) >= 6 and (core in _COUNTING or core.rstrip("0") in ("123456789", "12345678", "1234567")):
        return True
    return model is not None and core == _bare_name(model)


def is_unique_mac(mac: str) -> bool:
    """True for a universally administered unicast address: the only kind that belongs to one device."""
    octets = bytes.fromhex(mac.replace(":", ""))
    return len(octets) == 6 and any(octets) and octets != b"\xff" * 6 and not octets[0] & 0x03


def _bare(text: str) -> str:
    lower = text.lower()
    return lower if lower.isascii() and lower.isalnum() else _UNMARKED.sub("", lower)


# Makers and models are few; serials are not.
_bare_name = lru_cache(maxsize=1024)(_bare)


def identity_keys(identity: Identity) -> tuple[str, ...]:
    """The keys that name this device within one dealer, the strongest first; empty when it has none.

    `serial:kyocera:VD21457943`, `mac:0017c8b902de`. The maker stands in the serial's key because short
    serials of two makers do collide.
    """
    return keys(identity.manufacturer, identity.model, identity.serial, identity.macs)


def keys(manufacturer: str | None, model: str | None, serial: str | None, macs: Iterable[str]) -> tuple[str, ...]:
    """identity_keys() of the four facts that make them. `macs` with colons or without."""
    named = [f"mac:{mac.replace(':', '')}" for mac in _unique(macs)]
    if serial and not is_placeholder(serial, model):
        named.insert(0, f"serial:{_bare_name(manufacturer or '')}:{serial.strip().upper()}")
    return tuple(named)


def _unique(macs: Iterable[str]) -> list[str]:
    return sorted({mac for mac in macs if is_unique_mac(mac)})
