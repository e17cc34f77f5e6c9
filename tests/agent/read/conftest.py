"""Devices that are tables, and conversations held with them without a socket."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest

from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.interpret import interpret
from flexprint_agent.read.objects import Answers
from flexprint_agent.read.reader import Found, read_device
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Answer, Ask, Silent, Traits
from flexprint_shared.readings import Read

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NULL_VALUE = (ber.NULL, b"")


def value(given: object) -> ber.Value:
    """A Python value as a device sends it; a (tag, content) pair stays what it is."""
    match given:
        case bool():
            raise TypeError(given)
        case int():
            return ber.INTEGER, ber.signed(given)
        case bytes():
            return ber.OCTET_STRING, given
        case str():
            return ber.OCTET_STRING, given.encode()
        case (int(), bytes()):
            return given
    raise TypeError(given)


def values_of(table: dict[str, object]) -> dict[bytes, ber.Value]:
    return {ber.oid(name): value(given) for name, given in table.items()}


class Device:
    """Answers as the RFCs say, up to `most` bindings an answer; silent from the `silent_after`-th request on; what is
    `walk_only` not to a GET."""

    def __init__(
        self,
        values: dict[bytes, ber.Value],
        *,
        version: int = ber.V2C,
        most: int = 60,
        silent_after: int = 10**6,
        walk_only: tuple[str, ...] = (),
    ):
        self.values = values
        self.order = sorted(values, key=ber.arcs)
        self.keys = [ber.arcs(name) for name in self.order]
        self.version = version
        self.most = most
        self.silent_after = silent_after
        self.walk_only = tuple(map(ber.oid, walk_only))
        self.asks: list[Ask] = []

    def answer(self, ask: Ask) -> Answer:
        if ask.kind == "get":
            return self._get(ask)
        rounds = ask.repetitions if ask.kind == "bulk" and self.version == ber.V2C else 1
        bindings, places = [], [bisect_right(self.keys, ber.arcs(name)) for name in ask.oids]
        for number in range(rounds):
            for column, place in enumerate(places):
                at = place + number
                if at < len(self.order):
                    name = self.order[at]
                    bindings.append((name, *self.values[name]))
                elif self.version == ber.V1:
                    return Answer([(name, *NULL_VALUE) for name in ask.oids], 2, column + 1)
                else:
                    bindings.append((ask.oids[column], ber.END_OF_MIB_VIEW, b""))
        return Answer(bindings[: self.most])

    def _get(self, ask: Ask) -> Answer:
        bindings = []
        for place, name in enumerate(ask.oids, 1):
            if name not in self.values and self.version == ber.V1:
                return Answer([(name, *NULL_VALUE) for name in ask.oids], 2, place)
            hidden = self.walk_only and name.startswith(self.walk_only)
            bindings.append((name, *self.values.get(b"" if hidden else name, (ber.NO_SUCH_INSTANCE, b""))))
        return Answer(bindings)

    def hold(self, conversation):
        """Holds a conversation to its end; `asks` are the packets it took."""
        try:
            ask = next(conversation)
            while True:
                self.asks.append(ask)
                if len(self.asks) > self.silent_after:
                    ask = conversation.throw(Silent("10.1.2.3:161 stopped answering"))
                    continue
                answer = self.answer(ask)
                ask = (
                    conversation.send(answer)
                    if answer
                    else conversation.throw(Silent("10.1.2.3:161 stopped answering"))
                )
        except StopIteration as stop:
            return stop.value

    def read(self, layout=None, at: datetime = MONDAY) -> Found:
        traits = Traits(version=self.version)
        return self.hold(read_device("10.1.2.3", 161, at, traits, layout))


@pytest.fixture
def device() -> Callable[..., Device]:
    """A device that holds this table (dotted OID -> number, text, octets or (tag, content))."""

    def make(table: dict[str, object], **manners) -> Device:
        return Device(values_of(table), **manners)

    return make


@pytest.fixture
def rows_device() -> Callable[..., Device]:
    """A device that holds the rows of a recording."""

    def make(rows: Iterable[tuple[str, int, bytes]], **manners) -> Device:
        return Device({ber.oid(name): (tag, content) for name, tag, content in rows}, **manners)

    return make


@pytest.fixture
def read_of() -> Callable[[dict[str, object]], Read]:
    """What is read out of a table, without asking anybody."""

    def read(table: dict[str, object]) -> Read:
        return interpret(Speaker(Answers(values_of(table))), address="10.1.2.3", port=161, read_at=MONDAY)

    return read
