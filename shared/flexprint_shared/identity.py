"""What identifies a device: its serial, then its MAC addresses, then its SNMP engine. An address alone never does."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from flexprint_shared.readings import Identity

_WORDS: Final = frozenset(
    {"", "na", "none", "null", "unknown", "notset", "notavailable", "serial", "serialnumber", "default", "sn"}
)
_COUNTING: Final = "01234567890123456789"
# SnmpEngineID (RFC 3411): the fifth octet says what the rest is made of; 1 and 2 are addresses.
_ENGINE_OF_MAC: Final = 3
_ENGINE_FORMS: Final = (_ENGINE_OF_MAC, 4, 5)
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


def is_unique_engine(engine: str) -> bool:
    """True for an SNMP engine id (hexadecimal digits) that may belong to one device: 5 to 32 octets of the form of
    RFC 3411, made of a MAC address, or of text or octets that the maker or an administrator chose. One that is made of
    an IP address, or that ends in octets that are all the same, identifies nothing."""
    try:
        octets = bytes.fromhex(engine)
    except ValueError:
        return False
    if not 9 <= len(octets) <= 32 or not octets[0] & 0x80 or octets[4] not in _ENGINE_FORMS:
        return False
    return len(set(octets[5:])) > 1 and (octets[4] != _ENGINE_OF_MAC or is_unique_mac(octets[5:11].hex()))


def _bare(text: str) -> str:
    lower = text.lower()
    return lower if lower.isascii() and lower.isalnum() else _UNMARKED.sub("", lower)


# Makers and models are few; serials are not.
_bare_name = lru_cache(maxsize=1024)(_bare)


def identity_keys(identity: Identity) -> tuple[str, ...]:
    """The keys that name this device within one dealer, the strongest first; empty when it has none.

    `serial:kyocera:VD21457943`, `mac:0017c8b902de`, `engine:8000053d030017c8b902de`. The maker stands in the serial's
    key because short serials of two makers do collide.
    """
    return keys(identity.manufacturer, identity.model, identity.serial, identity.macs, identity.engine)


def is_named(identity: Identity) -> bool:
    """True for a device that its serial or a MAC address names: its engine need not be told."""
    return bool(keys(identity.manufacturer, identity.model, identity.serial, identity.macs))


def keys(
    manufacturer: str | None, model: str | None, serial: str | None, macs: Iterable[str], engine: str | None = None
) -> tuple[str, ...]:
    """identity_keys() of the five facts that make them. `macs` with colons or without."""
    named = [f"mac:{mac.replace(':', '')}" for mac in _unique(macs)]
    if engine and is_unique_engine(engine):
        named.append(f"engine:{engine}")
    if serial and not is_placeholder(serial, model):
        named.insert(0, f"serial:{_bare_name(manufacturer or '')}:{serial.strip().upper()}")
    return tuple(named)


def _unique(macs: Iterable[str]) -> list[str]:
    return sorted({mac for mac in macs if is_unique_mac(mac)})
