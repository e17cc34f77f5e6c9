"""Captures held with devices of the lab, without a socket."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest

from flexprint_agent.capture.finish import Circumstances, Finished, finish
from flexprint_agent.capture.walks import Taken, take
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Answer, Ask, Silent, Traits
from lab import wire
from lab.device import FLAWLESS, Device, Quirks
from lab.recording import Row

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEY = b"k" * 32
_KINDS = {"get": ber.GET, "next": ber.GET_NEXT, "bulk": ber.GET_BULK}


class Held:
    """A capture of a device of the lab: what was taken, and every request."""

    def __init__(self, device: Device, *, version: int = ber.V2C, enough=lambda: None, uptime=None):
        self.taken, self.asks, self.silent = Taken(), [], None
        traits = Traits(version=version)
        conversation = take(self.taken, traits, enough)
        try:
            ask = next(conversation)
            while True:
                self.asks.append(ask)
                assert len(self.asks) < 20_000
                said = device.answer(
                    _question(ask, version), asked=len(self.asks) - 1, ticks=uptime and uptime(len(self.asks))
                )
                if said is None:
                    ask = conversation.throw(Silent("10.1.2.3:161 stopped answering"))
                else:
                    message = ber.decode(said)
                    ask = conversation.send(Answer(message.bindings, message.error, message.error_at))
        except StopIteration:
            pass
        except Silent as silent:
            self.silent = silent

    def finish(self, communities: Iterable[str] = (), mask_key: bytes | None = None) -> Finished:
        return finish(self.taken, Circumstances(MONDAY, ber.V2C, len(self.asks), 1.5), communities, mask_key)


def _question(ask: Ask, version: int) -> wire.Question:
    kind = "next" if ask.kind == "bulk" and version == ber.V1 else ask.kind
    before, after = ber.request(_KINDS[kind], version, b"public", ask.oids, ask.repetitions if kind == "bulk" else 0)
    return wire.parse(before + b"\x11\x22\x33\x44" + after)


@pytest.fixture
def held() -> Callable[..., Held]:
    """A capture of a device that has these rows."""

    def hold(rows: Iterable[Row], quirks: Quirks = FLAWLESS, **manners: object) -> Held:
        return Held(Device(rows, quirks), **manners)

    return hold
