"""Devices that answer like printers until they do not: random lies, one seed each, the same again for the same seed.

    PYTHONPATH=tests python -m agent.read.hostile SECONDS [FIRST SEED]

reads such devices for so long and prints each seed whose read broke a promise.
"""

import json
import random
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flexprint_agent.read import layout, tables
from flexprint_agent.read import objects as at
from flexprint_agent.read.reader import Found, read_device
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Binding, Value
from flexprint_agent.snmp.conversation import Answer, Ask, Conversation, Silent, Traits
from flexprint_server.ingest.document import decode
from flexprint_shared.batch import Sender, document, inflate, pack, reads_of, unpack
from flexprint_shared.readings import LARGEST_NUMBER, Read
from lab.office import office

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MOST_ASKS = 3000
TAGS = (0x02, 0x04, 0x05, 0x06, 0x40, 0x41, 0x42, 0x43, 0x44, 0x46, 0x7F, 0x80, 0x81, 0x82, 0x30, 0x00)
OCTETS = (
    b"", b"\0", b"NULL", b"-1", b"\xff" * 8, b"\x80" + bytes(7), b"\x7f" + b"\xff" * 7, b"9" * 40, b"\x01\x15", b"\xfd\xe8\xff\xfe",
    b"0x56 4E 43 52", b"41 42 43 44 45 46", b"MFG:;MDL:;" * 60, b"a\0b\0c\0", b"\0a\0b", "黑色碳粉".encode(), b"\x1b[2J\r\n", b"x" * 5000,
    b"\x00\x01\xc8" + b"\x01" * 200, b"\x00\x01\x00", b"Total 1", b"S/N:" * 50, b"%s%n%d{0}", b"=1+1", "\u202egnp".encode(), b"\xc3\x28",
)  # fmt: skip


def known_columns() -> list[bytes]:
    """Every column and object that a read may ask for."""
    counters = [column for table in tables.counters(tables.vendors()) for column in table.columns()]
    return sorted({*at.FIRST_ROWS, *at.WALKED, at.SUPPLY_MARKER, *counters, *tables.objects(tables.vendors())})


BASES = [[(ber.oid(row.oid), (row.tag, row.content)) for row in one.rows] for one in office()]
COLUMNS = known_columns()


class Liar:
    """One device. `manners` are the ways in which this one misbehaves, each with its chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.version = self.chance.choice((ber.V1, ber.V2C, ber.V2C))
        self.values = self._values()
        self.order = sorted(self.values, key=_arcs)
        self.manners = {
            manner: self.chance.choice((0.0, 0.0, 0.02, 0.3)) for manner in ("silent", "error", "lies", "cut", "astray")
        }
        self.endless = self.chance.random() < 0.1
        self.walk_only = _walk_only(random.Random(~seed), self.order)
        self.asks = 0

    def _values(self) -> dict[bytes, Value]:
        values = dict(self.chance.choice(BASES)) if self.chance.random() < 0.8 else {}
        for _ in range(self.chance.choice((0, 3, 30, 300))):
            column = self.chance.choice(COLUMNS)
            name = column + at.instance(b"", *(self._arc() for _ in range(self.chance.randint(0, 4))))
            values[name] = self._value()
        for name in self.chance.sample(
            sorted(values), min(len(values), self.chance.choice((0, 0, 1, len(values) // 3)))
        ):
            if self.chance.random() < 0.5:
                values[name] = self._value()
            else:
                del values[name]
        return values

    def _arc(self) -> int:
        return self.chance.choice((0, 1, 1, 1, 2, 3, 10, 127, 128, 2**31, 2**32 - 1))

    def _value(self) -> Value:
        kind = self.chance.randrange(3)
        if kind == 0:
            return self.chance.choice(TAGS), self.chance.randbytes(self.chance.choice((0, 1, 4, 9, 60)))
        if kind == 1:
            return self.chance.choice(TAGS), self.chance.choice(OCTETS)
        number = self.chance.choice((-(2**63), -3, -2, -1, 0, 1, 7, 100, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1))
        return self.chance.choice((0x02, 0x41, 0x42, 0x46)), ber.signed(number)

    def answer(self, ask: Ask) -> Answer | None:
        """None for silence."""
        self.asks += 1
        if self._now("silent"):
            return None
        if self._now("error"):
            return Answer(
                [(name, ber.NULL, b"") for name in ask.oids], self.chance.randint(1, 18), self.chance.randint(0, 60)
            )
        bindings = self._honest(ask)
        if self._now("lies"):
            bindings = [
                (name, *self._value()) if self.chance.random() < 0.2 else (name, *rest) for name, *rest in bindings
            ]
        if self._now("astray"):
            self.chance.shuffle(bindings)
            bindings = [
                (self.chance.choice(self.order or [b"\x2b"]), *rest) if self.chance.random() < 0.2 else (name, *rest)
                for name, *rest in bindings
            ]
        if self._now("cut"):
            bindings = bindings[: self.chance.randint(0, len(bindings))]
        return Answer(bindings)

    def _now(self, manner: str) -> bool:
        return self.chance.random() < self.manners[manner]

    def _honest(self, ask: Ask) -> list[Binding]:
        if ask.kind == "get":
            nothing = (ber.NO_SUCH_INSTANCE, b"")
            return [
                (name, *(nothing if name.startswith(self.walk_only) else self.values.get(name, nothing)))
                for name in ask.oids
            ]
        rounds = ask.repetitions if ask.kind == "bulk" else 1
        bindings: list[Binding] = []
        following = list(ask.oids)
        for _ in range(min(rounds, 60)):
            following = [self._next(name) for name in following]
            bindings += [
                (name, *self.values[name]) if name in self.values else (name, ber.END_OF_MIB_VIEW, b"")
                for name in following
            ]
        return bindings

    def _next(self, name: bytes) -> bytes:
        if self.endless and len(name) < 60:
            longer = name + b"\x01"
            self.values.setdefault(longer, (ber.INTEGER, b"\x01"))
            return longer
        key = _arcs(name)
        return next((one for one in self.order if _arcs(one) > key), name)


def _walk_only(chance: random.Random, names: list[bytes]) -> tuple[bytes, ...]:
    """What this device answers to no GET, though to a walk: nothing of most, of some a table."""
    if not names or chance.random() < 0.8:
        return ()
    name = chance.choice(names)
    return (name[: chance.randint(6, max(6, len(name)))],)


def _arcs(name: bytes) -> tuple[int, ...]:
    try:
        return ber.arcs(name)
    except ber.Malformed:
        return tuple(name)


def hold(liar: Liar, conversation: Conversation[Found]) -> Found | None:
    """The conversation to its end; None when it ended in silence."""
    try:
        ask = next(conversation)
        while True:
            assert liar.asks < MOST_ASKS, "it never ends"
            answer = liar.answer(ask)
            ask = conversation.send(answer) if answer else conversation.throw(Silent("it stopped answering"))
    except StopIteration as stop:
        found: Found = stop.value
        return found
    except Silent:
        return None


def try_seed(seed: int) -> Read | None:
    """Reads the device of a seed twice, the second time by what was learned. Raises whatever promise is broken."""
    liar = Liar(seed)
    found = hold(liar, read_device("10.1.2.3", 161, MONDAY, Traits(version=liar.version)))
    if found is None:
        return None
    assert found.reason
    if found.read is None:
        return None
    promised(found.read)
    if found.layout is not None:
        kept = layout.from_json(json.loads(json.dumps(found.layout.as_json())))
        assert kept == found.layout
        liar.asks = 0
        again = hold(
            liar, read_device("10.1.2.3", 161, MONDAY + timedelta(days=1), Traits(version=liar.version), found.layout)
        )
        if again is not None and again.read is not None:
            promised(again.read)
    return found.read


def promised(read: Read) -> None:
    """What holds for any read, whatever a device says."""
    assert all(0 <= meter.value <= LARGEST_NUMBER for meter in read.meters)
    assert len({meter.name for meter in read.meters}) == len(read.meters)
    assert all(supply.percent is None or 0 <= supply.percent <= 100 for supply in read.supplies)
    shown = json.dumps(read.as_json(), ensure_ascii=False)
    assert len(shown) < 400_000
    assert not any(ord(character) < 32 or 0x202A <= ord(character) <= 0x202E for character in shown)
    packed = pack(document([read], made_at=MONDAY, sender=Sender("0.1.0", "FRONT-DESK")))
    assert len(decode(inflate(packed)).reads.layout) == 1
    assert reads_of(unpack(packed)) == [read.without_conversation()]


def main(seconds: float, first: int, report: Callable[[str], None] = print) -> int:
    """Seeds from `first` on, until the time is over. Gives how many were bad."""
    until, seed, bad, reads = time.monotonic() + seconds, first, 0, 0
    while time.monotonic() < until:
        try:
            reads += try_seed(seed) is not None
        except Exception:
            bad += 1
            report(f"seed {seed}\n{traceback.format_exc(limit=-4)}")
        seed += 1
    report(f"{seed - first} devices, {reads} reads, {bad} bad, {time.process_time():.0f} s of CPU")
    return bad


if __name__ == "__main__":
    sys.exit(1 if main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0) else 0)
