"""What to ask a device next, given what it has answered: GET and walks, without a socket or a clock.

A conversation is a generator. It yields an `Ask` and is sent the `Answer`, or `Silent` is raised in it
when the device did not answer that request in time. One body so serves the wire, a recording and a test.

Devices fail in their own ways, and each way has its answer here (agents seen to do so in brackets):
GETBULK answered with genErr [HP Laser MFP 135w] or not at all [Brother DCP-L3560CDW]: GETNEXT instead.
Too many objects in one request answered with tooBig, a short answer or silence: fewer, at last one each.
v1 refuses a whole GET for one missing object [Brother DCP-L2540DW]: ask again without the object it names.
A walk that ends in genErr [Toshiba TEC B-850], goes backwards, repeats itself or never ends: what was
answered until then stands.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from flexprint_agent.snmp.ber import V1, V2C, Binding, Value, after

# error-status of RFC 1157 and RFC 3416
NO_ERROR = 0
TOO_BIG = 1

# Tags from here on say that there is no value (noSuchObject, noSuchInstance, endOfMibView).
_NO_VALUE = 0x80
# Values asked for in one GETBULK: about what fits 1472 octets, an Ethernet frame without fragments.
_VALUES_PER_ANSWER = 48

T = TypeVar("T")


class Silent(Exception):
    """The device did not answer this request in time, retries included."""


@dataclass(slots=True, frozen=True)
class Ask:
    """One request. `repetitions` is GETBULK's max-repetitions; non-repeaters are not used.

    A device that speaks v1 only is sent a GETNEXT for a "bulk": the answer is one repetition.
    """

    kind: Literal["get", "next", "bulk"]
    oids: tuple[bytes, ...]
    repetitions: int = 0


@dataclass(slots=True, frozen=True)
class Answer:
    """What came back: bindings, error-status and error-index (RFC 3416, 4.2)."""

    bindings: list[Binding]
    error: int = NO_ERROR
    error_at: int = 0


Conversation = Generator[Ask, Answer, T]


@dataclass(slots=True)
class Traits:
    """What a device was found to cope with. Conversations change it; the caller remembers it.

    A weakness is learned only from a device that has not shown the strength before, since one request
    and its repetitions may all be lost by chance.
    """

    version: int = V2C
    bulk: bool = True
    most_objects: int = 36
    most_repetitions: int = 25
    bulk_proven: bool = False
    objects_proven: int = 0

    def uses_bulk(self) -> bool:
        """GETBULK came with v2c."""
        return self.bulk and self.version != V1


def get(oids: Iterable[bytes], traits: Traits) -> Conversation[dict[bytes, Value]]:
    """The values of these objects, in the order asked; those the device does not have are left out.

    Raises Silent when the device answered nothing, or fell silent twice in a row.
    """
    values: dict[bytes, Value] = {}
    waiting = list(dict.fromkeys(oids))
    most, silences, heard = traits.most_objects, 0, False
    while waiting:
        chunk, waiting = waiting[:most], waiting[most:]
        try:
            answer = yield Ask("get", tuple(chunk))
        except Silent:
            silences += 1
            if silences == 2 or not (heard or len(chunk) > 1):
                raise
            if len(chunk) > 1:
                most, waiting = 1, chunk + waiting
            continue
        if silences and not heard and traits.objects_proven < 2:
            traits.most_objects = 1  # it is there: the size of the request was too much
        silences, heard = 0, True
        if answer.error:
            again, most = _without_refused(chunk, answer, most, traits)
        else:
            again, most = _take(chunk, answer, values, most, traits)
        waiting = again + waiting
    return values


def _take(
    chunk: list[bytes], answer: Answer, values: dict[bytes, Value], most: int, traits: Traits
) -> tuple[list[bytes], int]:
    """Keeps what was asked for and answered; gives what to ask again, and how many at once."""
    given = {name: (tag, content) for name, tag, content in answer.bindings}
    values.update((name, given[name]) for name in chunk if name in given and given[name][0] < _NO_VALUE)
    missing = [name for name in chunk if name not in given]
    answered = len(chunk) - len(missing)
    traits.objects_proven = max(traits.objects_proven, answered)
    if not missing or len(chunk) == 1:
        return [], most
    if not answered:
        return chunk, 1
    if chunk[answered:] == missing:  # cut short: it gave as many as it can
        most = traits.most_objects = answered
    return missing, most


def _without_refused(chunk: list[bytes], answer: Answer, most: int, traits: Traits) -> tuple[list[bytes], int]:
    """What to ask again after an error-status, and how many at once."""
    if len(chunk) == 1:
        return [], most
    if answer.error == TOO_BIG:
        traits.most_objects = max(1, len(chunk) // 2)
        return chunk, traits.most_objects
    if 0 < answer.error_at <= len(chunk):
        return chunk[: answer.error_at - 1] + chunk[answer.error_at :], most
    return chunk, 1


def walk(columns: Sequence[bytes], traits: Traits, *, most_values: int = 4000) -> Conversation[dict[bytes, Value]]:
    """All values below these OIDs, column by column, each in the order of the device's MIB.

    Every column that is still open is carried by every request. At most `most_values` are taken (and
    so at most about as many packets sent). Raises Silent when the device answered nothing, or fell
    silent twice in a row.
    """
    state = _Walk(columns, traits, most_values)
    while ask := state.next_ask():
        try:
            answer = yield ask
        except Silent:
            if not state.fell_silent(ask):
                raise
        else:
            state.take(ask, answer)
    return state.values()


class _Walk:
    """Where a walk stands: the last OID of each open column, and the way of asking used now.

    The way is narrowed for this walk at once, and in the traits only when it never worked before.
    """

    def __init__(self, columns: Sequence[bytes], traits: Traits, most_values: int) -> None:
        self.traits = traits
        self.found: dict[bytes, dict[bytes, Value]] = {root: {} for root in columns}
        self.last = {root: root for root in self.found}
        self.room = most_values
        self.bulk = traits.bulk
        self.most = traits.most_objects
        self.repetitions = traits.most_repetitions
        self.silences = 0
        self.heard = False

    def values(self) -> dict[bytes, Value]:
        joined: dict[bytes, Value] = {}
        for column in self.found.values():
            joined.update(column)
        return joined

    def next_ask(self) -> Ask | None:
        if not self.last or self.room <= 0:
            return None
        if self.silences:  # the smallest request there is tells a dead device from an overtaxed one
            return Ask("next", (next(iter(self.last.values())),))
        oids = tuple(self.last.values())[: self.most]
        if not (self.bulk and self.traits.uses_bulk()):
            return Ask("next", oids)
        fitting = max(1, min(self.repetitions, _VALUES_PER_ANSWER // len(oids)))
        return Ask("bulk", oids, fitting)

    def fell_silent(self, ask: Ask) -> bool:
        """Narrows the way of asking; False when there is nothing left to try."""
        self.silences += 1
        if self.silences == 2:
            return False
        if ask.kind == "bulk":
            self.bulk = False
        elif len(ask.oids) > 1:
            self.most = 1
        else:
            del self.last[self._roots(ask)[0]]
            return self.heard
        return True

    def take(self, ask: Ask, answer: Answer) -> None:
        if self.silences or (ask.kind != "bulk" and not self.bulk):
            self._learn()
        self.silences, self.heard = 0, True
        if answer.error:
            self._refused(ask, answer)
        elif not answer.bindings:
            self._narrow(ask)
        else:
            self._keep(self._roots(ask), answer.bindings)
            if ask.kind == "bulk" and self.traits.version != V1:
                self.traits.bulk_proven = True
            self.traits.objects_proven = max(self.traits.objects_proven, len(ask.oids))

    def _roots(self, ask: Ask) -> list[bytes]:
        """The columns a request asked for: it carried the first open ones, in order."""
        return [root for root, _ in zip(self.last, ask.oids, strict=False)]

    def _keep(self, roots: list[bytes], bindings: list[Binding]) -> None:
        """Sorts the bindings, repetition by repetition, into their columns; closes those that ended."""
        for place, root in enumerate(roots[: len(bindings)]):
            column, before, skip = self.found[root], self.last[root], len(root)
            known = len(column)
            for name, tag, content in bindings[place :: len(roots)]:
                if tag >= _NO_VALUE or not name.startswith(root):
                    del self.last[root]
                    break
                # The octets' order is the OIDs' order where one of both has no octet above 127.
                if not (name > before if name.isascii() else after(name[skip:], before[skip:])):
                    del self.last[root]
                    break
                column[name] = (tag, content)
                before = name
            else:
                self.last[root] = before
            self.room -= len(column) - known

    def _refused(self, ask: Ask, answer: Answer) -> None:
        named = 0 < answer.error_at <= len(ask.oids)
        if answer.error == TOO_BIG and ask.kind == "bulk" and ask.repetitions > 1:
            self.repetitions = self.traits.most_repetitions = ask.repetitions // 2
        elif answer.error == TOO_BIG and len(ask.oids) > 1:
            self.most = self.traits.most_objects = len(ask.oids) // 2
        elif ask.kind != "bulk" and named:
            del self.last[self._roots(ask)[answer.error_at - 1]]
        else:
            self._narrow(ask)

    def _narrow(self, ask: Ask) -> None:
        """After an answer with nothing in it: GETNEXT for GETBULK, one object for several, or an end."""
        if ask.kind == "bulk":
            self.bulk = False
        elif len(ask.oids) > 1:
            self.most = 1
        else:
            del self.last[self._roots(ask)[0]]

    def _learn(self) -> None:
        if not self.bulk and not self.traits.bulk_proven and self.traits.version != V1:
            self.traits.bulk = False
        if self.most == 1 and self.traits.objects_proven < 2:
            self.traits.most_objects = 1
