"""What is never asked for: subtrees that harm a device when they are read, or that hold what is nobody's business.

They are data (`forbidden.toml`, each with its reason and source). Conversations step over them, and the exchange
sends no request that names an OID inside one, whatever it was made by.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from flexprint_agent.snmp import ber

Danger = Literal["device", "privacy"]


@dataclass(slots=True, frozen=True)
class Forbidden:
    """One subtree. `beyond` is the OID right behind it: a GETNEXT of it goes on past the whole subtree, though
    not to an instance of exactly that name."""

    root: bytes
    beyond: bytes
    danger: Danger
    reason: str
    source: str

    def __str__(self) -> str:
        return f"{ber.dotted(self.root)} is never asked for: {self.reason}"


class ForbiddenObject(Exception):
    """Something was about to be asked for that never is; the message says what and why. A defect of whoever asked."""


@cache
def forbidden() -> tuple[Forbidden, ...]:
    """All of them, in the order of the file."""
    text = Path(__file__).with_name("forbidden.toml").read_text("utf-8")
    return tuple(
        Forbidden(ber.oid(row["oid"]), _beyond(row["oid"]), row["danger"], row["reason"], row["source"])
        for row in tomllib.loads(text)["subtree"]
    )


def _beyond(dotted: str) -> bytes:
    before, _, last = dotted.rpartition(".")
    return ber.oid(f"{before}.{int(last) + 1}")


@cache
def _roots() -> tuple[bytes, ...]:
    return tuple(one.root for one in forbidden())


def is_forbidden(name: bytes) -> bool:
    """Whether an OID is the root of such a subtree or lies inside one."""
    return name.startswith(_roots())


def allowed(names: Iterable[bytes]) -> list[bytes]:
    """Those of these OIDs that may be asked for."""
    roots = _roots()
    return [name for name in names if not name.startswith(roots)]


def holding(name: bytes) -> Forbidden | None:
    """The subtree that an OID is the root of or lies inside; None when it may be asked for."""
    if not is_forbidden(name):
        return None
    return next(one for one in forbidden() if name.startswith(one.root))


@lru_cache(1024)
def forbidden_in(column: bytes) -> tuple[Forbidden, ...]:
    """The subtrees that a walk of this column comes by."""
    return tuple(one for one in forbidden() if one.root.startswith(column))


@cache
def _harmful() -> tuple[tuple[bytes, bytes], ...]:
    """The enterprise (1.3.6.1.4.1.N) and the root of what harms a device."""
    roots = [ber.dotted(one.root) for one in forbidden() if one.danger == "device"]
    return tuple((ber.oid(".".join(root.split(".")[:7])), ber.oid(root)) for root in roots)


def leads_to_harm(name: bytes) -> bool:
    """Whether a walk that goes on from an OID may come upon something of the same enterprise that harms the device."""
    return any(name.startswith(enterprise) and ber.after(root, name) for enterprise, root in _harmful())


def refuse(names: Iterable[bytes]) -> None:
    """Raises ForbiddenObject when a request must not be sent."""
    roots = _roots()
    for name in names:
        if name.startswith(roots):
            raise ForbiddenObject(f"{ber.dotted(name)} is not asked for; {holding(name)}")
