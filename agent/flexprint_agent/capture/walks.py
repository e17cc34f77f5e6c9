"""Everything of interest that a device answers: which subtrees, in which order, and when it is enough. No socket."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from flexprint_agent.capture import recording
from flexprint_agent.read import objects as at
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Value
from flexprint_agent.snmp.conversation import NO_VALUE, Conversation, Silent, Traits, get, get_next
from flexprint_agent.snmp.forbidden import forbidden_in
from flexprint_agent.snmp.walk import walk

T = TypeVar("T")

MOST_OF_ONE: Final = 10_000
MOST_VALUES: Final = 40_000
MOST_OCTETS: Final = 8 << 20

# The most telling first, should the device fall silent.
STANDARD: Final = (
    ("1.3.6.1.2.1.1", "system"),
    ("1.3.6.1.2.1.43", "Printer MIB"),
    ("1.3.6.1.2.1.25.3", "devices"),
)
LATER: Final = (
    ("1.3.6.1.4.1.2699", "Port Monitor MIB"),
    ("1.3.6.1.2.1.2", "interfaces"),
    ("1.3.6.1.2.1.4.20", "addresses"),
    ("1.3.6.1.2.1.25.2", "storage"),
    ("1.3.6.1.6.3.10.2.1", "SNMP engine"),
)
ENTERPRISES: Final = "1.3.6.1.4.1"
# Enterprises whose objects are about the computer a printer may run on, or its neighbours.
OTHERS: Final = {
    "77": "LAN Manager's objects, about users and shares of a computer",
    "311": "Microsoft's objects, about a computer",
    "2021": "UCD-SNMP's objects, about processes and scripts of a computer",
    "8072": "Net-SNMP's objects, about processes and scripts of a computer",
}
_MOST_ENTERPRISES: Final = 40


@dataclass(slots=True)
class Taken:
    """What was answered until now. It is complete at every moment, whatever ends the conversation.

    left_out: OID -> why it was not taken. ended: why the rest is missing; None for a whole capture. under_way: the
    subtree that is being walked. last: the last OID asked for. restarted: the device started again meanwhile.
    """

    values: dict[bytes, Value] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    ended: str | None = None
    under_way: str = "system"
    last: str = ""
    octets: int = 0
    restarted: bool = False
    uptime: int | None = None

    def whole(self) -> bool:
        return self.ended is None


class _Enough(Exception):
    """Why no more is asked."""


def take(taken: Taken, traits: Traits, enough: Callable[[], str | None]) -> Conversation[None]:
    """Fills `taken`. Before each request `enough` may say why it should be the last.

    Raises Silent when the device answered nothing at all. One that falls silent or restarts later is asked no more.
    """
    try:
        yield from _watched(_system(taken, traits), taken, enough)
        for root, _ in STANDARD:
            yield from _watched(_subtree(root, taken, traits), taken, enough)
        yield from _enterprises(taken, traits, enough)
        for root, _ in LATER:
            yield from _watched(_subtree(root, taken, traits), taken, enough)
    except Silent as silent:
        if not taken.values:
            raise
        taken.ended = f"{silent or 'the device fell silent'}, asked for what follows {taken.last}"
    except _Enough as reason:
        taken.ended = str(reason)


def _watched(conversation: Conversation[T], taken: Taken, enough: Callable[[], str | None]) -> Conversation[T]:
    """The same conversation, ended where it is enough."""
    try:
        ask = next(conversation)
        while True:
            taken.last = ber.dotted(ask.oids[-1])
            reason = enough()
            if reason is not None:
                raise _Enough(reason)
            try:
                answer = yield ask
            except Silent as silent:
                ask = conversation.throw(silent)
            else:
                ask = conversation.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        conversation.close()


def _system(taken: Taken, traits: Traits) -> Conversation[None]:
    taken.values.update((yield from get(at.SYSTEM, traits)))
    taken.uptime = at.Answers(taken.values).integer(at.SYS_UP_TIME)


def _subtree(root: str, taken: Taken, traits: Traits) -> Conversation[None]:
    """One subtree, what is forbidden in it stepped over; then a look whether the device has been up all the time."""
    room = min(MOST_OF_ONE, MOST_VALUES - len(taken.values))
    octets = MOST_OCTETS - taken.octets
    if room <= 0 or octets <= 0:
        taken.left_out[root] = "the capture is as large as it may be"
        return
    taken.under_way = root
    name = ber.oid(root)
    for subtree in forbidden_in(name):
        taken.left_out[ber.dotted(subtree.root)] = subtree.reason
    known = len(taken.values)
    try:
        yield from walk([name], traits, most_values=room, most_octets=octets, into=taken.values)
    finally:
        _sift(taken, known)
    if len(taken.values) - known >= room:
        taken.left_out[root] = f"more than {room} values: the rest was not asked for"
    if len(taken.values) > known:
        yield from _still_up(taken, traits)


def _sift(taken: Taken, known: int) -> None:
    """Drops what a recording cannot hold, so also an OID spelled with padded arcs: it could name something forbidden
    without looking like it."""
    for name in list(islice(taken.values, known, None)):
        value = taken.values[name]
        taken.octets += len(name) + len(value[1])
        if not recording.can_hold(name, value):
            del taken.values[name]


def _still_up(taken: Taken, traits: Traits) -> Conversation[None]:
    up = at.Answers((yield from get([at.SYS_UP_TIME], traits))).integer(at.SYS_UP_TIME)
    if up is None:
        return
    if at.began_again(taken.uptime, up):
        taken.restarted = True
        raise _Enough(f"the device restarted while {taken.under_way} was walked")
    taken.uptime = up


def _enterprises(taken: Taken, traits: Traits, enough: Callable[[], str | None]) -> Conversation[None]:
    """The trees of all makers that the device answers in, its own first."""
    own = _enterprise(at.Answers(taken.values).object_id(at.SYS_OBJECT_ID))
    later = {root for root, _ in LATER}
    walked = set()
    if own is not None and own not in OTHERS:
        yield from _watched(_subtree(f"{ENTERPRISES}.{own}", taken, traits), taken, enough)
        walked.add(own)
    position = ber.oid(ENTERPRISES)
    for _ in range(_MOST_ENTERPRISES):
        number = yield from _watched(_next_enterprise(position, traits), taken, enough)
        if number is None:
            return
        root = f"{ENTERPRISES}.{number}"
        if number in OTHERS:
            taken.left_out[root] = OTHERS[number]
        elif number not in walked and root not in later:
            yield from _watched(_subtree(root, taken, traits), taken, enough)
        position = ber.oid(f"{ENTERPRISES}.{int(number) + 1}")


def _enterprise(sys_object_id: str | None) -> str | None:
    """The enterprise that an OID lies under."""
    if sys_object_id is None or not sys_object_id.startswith(f"{ENTERPRISES}."):
        return None
    return sys_object_id.split(".")[6]


def _next_enterprise(position: bytes, traits: Traits) -> Conversation[str | None]:
    """The enterprise of what comes next; None where nothing does, or what must not be looked at."""
    following = yield from get_next([position], traits)
    name, tag, _ = following.get(position, (b"", NO_VALUE, b""))
    return _enterprise(ber.dotted(name)) if tag < NO_VALUE and name.startswith(ber.oid(ENTERPRISES)) else None
