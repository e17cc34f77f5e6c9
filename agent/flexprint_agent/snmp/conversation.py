"""What to ask a device next, given what it has answered: GET and GETNEXT, without a socket or a clock.

A conversation is a generator. It yields an `Ask` and is sent the `Answer`, or `Silent` is raised in it
when the device did not answer that request in time. One body so serves the wire, a recording and a test.

Devices fail in their own ways, and each way has its answer here (agents seen to do so in brackets):
GETBULK answered with genErr [HP Laser MFP 135w] or not at all [Brother DCP-L3560CDW]: GETNEXT instead.
Too many objects in one request answered with tooBig, a short answer or silence: fewer, at last one each.
v1 refuses a whole GET for one missing object [Brother DCP-L2540DW]: GETNEXT from just before each.
A walk that ends in genErr [Toshiba TEC B-850], goes backwards, repeats itself or never ends: what was
answered until then stands.
"""

from collections import deque
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, NamedTuple, TypeVar

from flexprint_agent.snmp.ber import END_OF_MIB_VIEW, V1, V2C, Binding, Value, after, arcs, oid, parent
from flexprint_agent.snmp.forbidden import allowed, leads_to_harm

# error-status of RFC 1157 and RFC 3416
NO_ERROR = 0
TOO_BIG = 1
NO_SUCH_NAME = 2

# Tags from here on say that there is no value (noSuchObject, noSuchInstance, endOfMibView).
NO_VALUE = 0x80
# Octets of names and values that a conversation takes, about: a printer's whole read is some 20 kB, and a
# datagram may bring 60 kB for a single value.
MOST_OCTETS = 1 << 20
# Nothing is here, right before sysDescr.0: an agent that steps over what it lacks answers that.
_FEELER = oid("1.3.6.1.2.1.1.0")

_FIRST, _LAST = itemgetter(0), itemgetter(-1)

T = TypeVar("T")


class Silent(Exception):
    """The device did not answer this request in time, retries included."""


class Ask(NamedTuple):
    """One request. `repetitions` is GETBULK's max-repetitions; non-repeaters are not used.

    A device that speaks v1 only is sent a GETNEXT for a "bulk": the answer is one repetition.
    """

    kind: Literal["get", "next", "bulk"]
    oids: tuple[bytes, ...]
    repetitions: int = 0


class Answer(NamedTuple):
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

    `steps_over` says that this v1 device answers a GETNEXT of what it does not have with what comes after it,
    as RFC 1157 wants: when it says noSuchName, its MIB has ended.
    """

    version: int = V2C
    bulk: bool = True
    most_objects: int = 36
    most_repetitions: int = 25
    bulk_proven: bool = False
    objects_proven: int = 0
    steps_over: bool = False

    def objects_after_silence(self) -> int:
        """How many objects to ask for at once when a smaller request was answered after silence: as many as were ever
        answered, as silence may have been chance."""
        return max(1, min(self.most_objects, self.objects_proven))

    def uses_bulk(self) -> bool:
        """GETBULK came with v2c."""
        return self.bulk and self.version != V1


def octets_of(values: Mapping[bytes, Value]) -> int:
    """How much memory these names and values take, about."""
    return sum(map(len, values)) + sum(map(len, map(_LAST, values.values())))


def get(oids: Iterable[bytes], traits: Traits, *, most_octets: int = MOST_OCTETS) -> Conversation[dict[bytes, Value]]:
    """The values of these objects, in the order asked; those the device does not have, and forbidden ones,
    are left out.

    After `most_octets` no more is asked. Raises Silent when the device answered nothing, or fell silent twice in a row.
    """
    values: dict[bytes, Value] = {}
    wanted = waiting = _allowed(oids)
    most, silences, narrowed, heard, stepped = traits.most_objects, 0, 0, False, False
    while waiting and octets_of(values) < most_octets:
        chunk, waiting = waiting[:most], waiting[most:]
        try:
            answer = yield Ask("get", tuple(chunk))
        except Silent:
            silences += 1
            if silences == 2 or not (heard or len(chunk) > 1):
                raise
            if len(chunk) > 1:
                most, narrowed, waiting = 1, narrowed + 1, chunk + waiting
            continue
        if silences and narrowed == 1:
            most = traits.most_objects  # it is there, and the silence may have been chance
        elif silences:
            if traits.objects_proven < 2:
                traits.most_objects = 1  # the size of the request was too much
            most = traits.objects_after_silence()
        silences, heard = 0, True
        if answer.error:
            again, most = _without_refused(chunk, answer, most, traits)
        else:
            again, most = _take(chunk, answer, values, most, traits)
        waiting = again + waiting
        if answer.error == NO_SUCH_NAME and traits.version == V1 and not stepped and most > 1 < len(waiting):
            stepped = True
            found, waiting = yield from _step_to(waiting, traits, most_octets - octets_of(values))
            values.update(found)
    return {name: values[name] for name in wanted if name in values} if stepped else values


def get_by_next(
    oids: Iterable[bytes], traits: Traits, *, most_octets: int = MOST_OCTETS
) -> Conversation[dict[bytes, Value]]:
    """The same by a GETNEXT from just before each: some agents answer a walk what they do not answer a GET. Objects
    behind which the device could come upon something that harms it are not asked for so. Raises Silent as `get_next`.
    """
    wanted = [name for name in _allowed(oids) if not leads_to_harm(name)]
    values, _ = yield from _step_to(wanted, traits, most_octets)
    return values


def _allowed(oids: Iterable[bytes]) -> list[bytes]:
    """Each OID once, without the forbidden ones."""
    return allowed(dict.fromkeys(oids))


def _step_to(
    names: list[bytes], traits: Traits, most_octets: int
) -> Conversation[tuple[dict[bytes, Value], list[bytes]]]:
    """The values of these objects by a GETNEXT from just before each, and those that it could not tell.

    What comes after that place is the object itself, or something beyond it: then the device does not have
    it. Something in between leaves the question open, and so does the refusal of an agent that may only not
    know that place.
    """
    following = yield from get_next(map(_just_before, names), traits, most_octets=most_octets)
    values: dict[bytes, Value] = {}
    open_still = []
    for wanted in names:
        name, tag, content = following.get(_just_before(wanted), (b"", 0, b""))
        if name == wanted and tag < NO_VALUE:
            values[wanted] = (tag, content)
        elif not (traits.steps_over if tag >= NO_VALUE else after(name, wanted)):
            open_still.append(wanted)
    return values, open_still


def _just_before(name: bytes) -> bytes:
    """The row before an instance; for the rows 0 and 1 the column, with which every walk begins."""
    return name[:-1] + bytes((name[-1] - 1,)) if name[-1] > 1 else parent(name)


def get_next(
    oids: Iterable[bytes], traits: Traits, *, most_octets: int = MOST_OCTETS
) -> Conversation[dict[bytes, Binding]]:
    """What comes after each of these OIDs, by packed GETNEXT; tag endOfMibView where nothing does.

    An OID to which the device gave no answer, or a forbidden one, is left out, and after `most_octets` no more
    is asked. What comes after an OID may be forbidden itself: it is not to be asked after in turn. Raises Silent
    when the device fell silent twice in a row.
    """
    steps = _Steps(oids, traits)
    while steps.octets() < most_octets and (chunk := steps.next_chunk()):
        try:
            answer = yield Ask("next", chunk)
        except Silent:
            if not steps.fell_silent(chunk):
                raise
        else:
            steps.take(chunk, answer)
    return steps.found


class _Steps:
    """Where a packed GETNEXT stands: what was answered, and what is still to be asked.

    v1 refuses a request whole when its MIB ends before one of the OIDs, and names that one. Then nothing
    beyond it exists either, and none of that needs asking: where the agent is known to step over what it
    lacks. Some refuse that as well, so a feeler goes with the rest of the request to find out.
    """

    def __init__(self, oids: Iterable[bytes], traits: Traits) -> None:
        self.traits = traits
        self.found: dict[bytes, Binding] = {}
        asked = _allowed(oids)
        # In order: the first one v1 refuses is then the first for which its MIB has nothing.
        self.waiting = deque([tuple(sorted(asked, key=arcs) if traits.version == V1 else asked)])
        self.silences = 0
        self.end = b""
        self.felt = False

    def octets(self) -> int:
        bindings = self.found.values()
        return sum(map(len, map(_FIRST, bindings))) + sum(map(len, map(_LAST, bindings)))

    def next_chunk(self) -> tuple[bytes, ...]:
        """What to ask now; nothing when all is asked."""
        chunk: tuple[bytes, ...] = ()
        while self.waiting and not chunk:
            chunk = self._worth_asking(self.waiting.popleft())
        most = self.traits.most_objects
        self.waiting.appendleft(chunk[most:])
        return chunk[:most]

    def _worth_asking(self, chunk: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if not (self.end and self.traits.steps_over):
            return chunk
        self.found.update((name, _end_of_mib(name)) for name in chunk if after(name, self.end))
        return tuple(name for name in chunk if name not in self.found)

    def fell_silent(self, chunk: tuple[bytes, ...]) -> bool:
        """One now, and the others as the device was seen to bear; False when there is nothing left to try."""
        self.silences += 1
        if self.silences > 1 or len(chunk) == 1:
            return False
        size = self.traits.objects_after_silence()
        others = (chunk[at : at + size] for at in range(1, len(chunk), size))
        self.waiting.extendleft(reversed((chunk[:1], *others)))
        return True

    def take(self, chunk: tuple[bytes, ...], answer: Answer) -> None:
        self.silences = 0
        if answer.error == NO_SUCH_NAME and 0 < answer.error_at <= len(chunk):
            self._refused(chunk, chunk[answer.error_at - 1])
        elif answer.error and len(chunk) > 1:
            half = len(chunk) // 2
            self.waiting.extendleft((chunk[half:], chunk[:half]))
        elif answer.bindings and not answer.error:
            self.found.update(zip(chunk, answer.bindings, strict=False))
            if self.traits.version == V1 and not self.traits.steps_over:
                self._learn(chunk, answer.bindings)
            self.found.pop(_FEELER, None)
            # A short answer is the device's way to say that it was too much; an empty one, that it was nothing.
            self.waiting.appendleft(chunk[len(answer.bindings) :])

    def _refused(self, chunk: tuple[bytes, ...], refused: bytes) -> None:
        beyond = tuple(name for name in chunk if after(name, refused))
        before = tuple(name for name in chunk if name != refused and name not in beyond)
        if refused != _FEELER:
            self.found[refused] = _end_of_mib(refused)
            self.end = refused
            if not self.felt and self.traits.version == V1:
                before, self.felt = (_FEELER, *before), True
        # What lies before it first: the answer shows whether there is any sense in asking beyond.
        self.waiting.extendleft((beyond, before))

    def _learn(self, chunk: tuple[bytes, ...], bindings: list[Binding]) -> None:
        """Whether v1 told what comes after a column or row that is not there."""
        self.traits.steps_over = any(
            after(name, asked) and not name.startswith(asked) and parent(name) != parent(asked)
            for asked, (name, _, _) in zip(chunk, bindings, strict=False)
        )


def _end_of_mib(name: bytes) -> Binding:
    return name, END_OF_MIB_VIEW, b""


def _take(
    chunk: list[bytes], answer: Answer, values: dict[bytes, Value], most: int, traits: Traits
) -> tuple[list[bytes], int]:
    """Keeps what was asked for and answered; gives what to ask again, and how many at once."""
    given = {name: (tag, content) for name, tag, content in answer.bindings}
    values.update((name, given[name]) for name in chunk if name in given and given[name][0] < NO_VALUE)
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
