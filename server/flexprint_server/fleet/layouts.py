"""What reads of one model have in common, stored once for each dealer."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, select, text

from flexprint_server.database import Json
from flexprint_server.fleet.models import Layout

_MOST_REMEMBERED: Final = 50_000
_ADD: Final = text(
    "INSERT INTO layout (dealer_id, hash, content) VALUES (:dealer, :hash, :content) "
    "ON CONFLICT (dealer_id, hash) DO NOTHING"
).bindparams(bindparam("content", type_=Json))

Content = Mapping[str, Any]


def layout_hash(content: Content) -> bytes:
    """The 32 octets that a dealer's layouts are told apart by."""
    return sha256(msgspec.json.encode(content)).digest()


class Layouts:
    """Finds layouts and stores new ones. What it found it remembers, for layouts never change; what it stored
    itself it looks up the next time, for that may yet be rolled back."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], int] = {}

    def ids(self, connection: Connection, dealer_id: int, layouts: Sequence[tuple[bytes, Content]]) -> list[int]:
        """The numbers under which the layouts are stored, each given as its layout_hash() and content."""
        hashes = [hashed for hashed, _ in layouts]
        found = {hashed: number for hashed in hashes if (number := self._known.get((dealer_id, hashed)))}
        if len(found) < len(set(hashes)):
            found |= self._found(connection, dealer_id, hashes)
        new = {hashed: content for hashed, content in layouts if hashed not in found}
        found |= _add(connection, dealer_id, new)
        return [found[hashed] for hashed in hashes]

    def _found(self, connection: Connection, dealer_id: int, hashes: Iterable[bytes]) -> dict[bytes, int]:
        found = _stored(connection, dealer_id, hashes)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        self._known.update({(dealer_id, hashed): number for hashed, number in found.items()})
        return found


def _add(connection: Connection, dealer_id: int, new: Mapping[bytes, Content]) -> dict[bytes, int]:
    if not new:
        return {}
    # In one order for everyone: two agents of a dealer may bring the same new layouts at the same time.
    for hashed, content in sorted(new.items(), key=lambda item: item[0]):
        connection.execute(_ADD, {"dealer": dealer_id, "hash": hashed, "content": content})
    return _stored(connection, dealer_id, new)


def _stored(connection: Connection, dealer_id: int, hashes: Iterable[bytes]) -> dict[bytes, int]:
    asked = select(Layout.hash, Layout.id).where(Layout.dealer_id == dealer_id, Layout.hash.in_(set(hashes)))
    return {row.hash: row.id for row in connection.execute(asked)}
