"""A recording answers like the device it is of, without a network: conversations are held with it as with any other."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, TypeVar

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Binding, Value
from flexprint_agent.snmp.conversation import Answer, Ask, Conversation

T = TypeVar("T")

# Bindings in one answer: more than this fits no datagram.
_MOST: Final = 60


class Replay:
    """A flawless v2c agent that has these values. `packets` is what was asked."""

    def __init__(self, values: Mapping[bytes, Value]) -> None:
        self.values = values
        self.names = sorted(values, key=ber.arcs)
        self.keys = [ber.arcs(name) for name in self.names]
        self.packets = 0

    def hold(self, conversation: Conversation[T]) -> T:
        """Holds a conversation to its end."""
        try:
            ask = next(conversation)
            while True:
                self.packets += 1
                ask = conversation.send(self._answer(ask))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _answer(self, ask: Ask) -> Answer:
        if ask.kind == "get":
            return Answer([(name, *self.values.get(name, (ber.NO_SUCH_INSTANCE, b""))) for name in ask.oids])
        places = [bisect_right(self.keys, ber.arcs(name)) for name in ask.oids]
        rounds = ask.repetitions if ask.kind == "bulk" else 1
        bindings = [
            self._at(place + number, name)
            for number in range(rounds)
            for place, name in zip(places, ask.oids, strict=True)
        ]
        return Answer(bindings[: max(_MOST, len(ask.oids))])

    def _at(self, place: int, asked: bytes) -> Binding:
        if place >= len(self.names):
            return asked, ber.END_OF_MIB_VIEW, b""
        name = self.names[place]
        return (name, *self.values[name])
