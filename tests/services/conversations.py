"""Conversations held with devices of the lab, without a socket."""

from dataclasses import dataclass, field

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Answer, Ask, Silent
from lab import wire

KINDS = {"get": ber.GET, "next": ber.GET_NEXT, "bulk": ber.GET_BULK}


@dataclass
class Heard:
    """How a conversation went: its result (None: it ended in silence) and what was asked."""

    result: dict | None = None
    asks: list[Ask] = field(default_factory=list)
    silences: int = 0

    def kinds(self):
        return [ask.kind for ask in self.asks]


def hold(conversation, device, version=ber.V2C, most_asks=20000):
    """Talks to a device of the lab in octets, as the wire would, but without time: no answer is silence."""
    heard = Heard()
    try:
        ask = next(conversation)
        while True:
            heard.asks.append(ask)
            assert len(heard.asks) <= most_asks, "the conversation does not end"
            kind = "next" if ask.kind == "bulk" and version == ber.V1 else ask.kind
            parts = ber.request(KINDS[kind], version, b"public", ask.oids, ask.repetitions if kind == "bulk" else 0)
            question = wire.parse(parts[0] + b"\x11\x22\x33\x44" + parts[1])
            said = device.answer(question, asked=len(heard.asks) - 1)
            if said is None:
                heard.silences += 1
                ask = conversation.throw(Silent("no answer"))
            else:
                message = ber.decode(said)
                ask = conversation.send(Answer(message.bindings, message.error, message.error_at))
    except StopIteration as stop:
        heard.result = stop.value
    except Silent:
        heard.result = None
    return heard
