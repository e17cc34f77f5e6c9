"""What a read says when it leaves: with what people at the site typed, and without what they want to keep. Pure.

It is applied before a batch is made, so the batch that can be read in clear is the one that was sealed.
"""

import os
from dataclasses import dataclass, field, replace
from typing import Final

from flexprint_agent.keep.notes import MASK_KEY, Notes
from flexprint_shared.readings import Read, Typed

HIDDEN: Final = "********"
"""Stands where a text held something that is masked."""


@dataclass(slots=True, frozen=True)
class Masks:
    """What does not leave. `host` is the name of a printer on the network and that of this computer."""

    address: bool = False
    host: bool = False
    location: bool = False
    contact: bool = False


@dataclass(slots=True, frozen=True)
class Leaving:
    """`key` makes the names under which masked addresses leave: always the same one for the same address, so that a
    printer that tells no serial stays one printer, and nobody can tell the address from it."""

    masks: Masks = Masks()
    key: bytes = field(default=b"", repr=False)

    def read(self, read: Read, typed: Typed) -> Read:
        if self.masks == Masks() and typed == Typed():
            return read
        masks, identity = self.masks, read.identity
        hidden = [
            text
            for text, wanted in (
                (read.address, masks.address),
                (identity.name, masks.host),
                (identity.location, masks.location),
                (identity.contact, masks.contact),
            )
            if text and wanted and len(text) > _SHORTEST
        ]
        location = None if masks.location else typed.location
        told = Typed(typed.name, typed.asset, location)
        return replace(
            read,
            address=self.address(read.address, read.port),
            identity=replace(
                identity,
                name=None if masks.host else _without(identity.name, hidden),
                location=None if masks.location else _without(identity.location, hidden),
                contact=None if masks.contact else _without(identity.contact, hidden),
                asset=_without(identity.asset, hidden),
                description=_without(identity.description, hidden),
            ),
            status=replace(read.status, console=tuple(_clear(line, hidden) for line in read.status.console)),
            alerts=tuple(replace(one, description=_clear(one.description, hidden)) for one in read.alerts),
            warnings=tuple(_clear(line, hidden) for line in read.warnings),
            typed=told if told != Typed() else None,
        )

    def address(self, address: str, port: int) -> str:
        """A printer on a cable (port 0) has no address that could be masked."""
        if not self.masks.address or not port:
            return address
        import hmac

        return f"masked-{hmac.digest(self.key, b'address ' + address.encode(), 'sha256').hex()[:12]}"

    def host(self, name: str) -> str:
        """The name of this computer."""
        return "" if self.masks.host else name


_SHORTEST: Final = 3
"""Characters below which a text is not looked for in others: it would be found everywhere."""


def mask_key(notes: Notes) -> bytes:
    """The key of this home's masks, made the first time that it is needed."""
    kept = notes.get(MASK_KEY)
    if kept is None:
        kept = os.urandom(32).hex()
        notes.put(MASK_KEY, kept)
    return bytes.fromhex(kept)


def _without(text: str | None, hidden: list[str]) -> str | None:
    return None if text is None else _clear(text, hidden)


def _clear(text: str, hidden: list[str]) -> str:
    for one in hidden:
        text = text.replace(one, HIDDEN)
    return text
