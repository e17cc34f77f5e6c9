"""Walks: every value below some OIDs, all of them carried by each GETBULK (RFC 3416, 4.2.3) or GETNEXT."""

from collections.abc import Callable, Sequence

from flexprint_agent.snmp.ber import V1, Binding, Value, after, arcs
from flexprint_agent.snmp.conversation import (
    MOST_OCTETS,
    NO_SUCH_NAME,
    NO_VALUE,
    TOO_BIG,
    Answer,
    Ask,
    Conversation,
    Silent,
    Traits,
)
from flexprint_agent.snmp.forbidden import Forbidden, allowed, forbidden_in

# Values asked for in one GETBULK: about what fits 1472 octets, an Ethernet frame without fragments.
_VALUES_PER_ANSWER = 48
_MOST_RECOVERIES = 2


def walk(
    columns: Sequence[bytes],
    traits: Traits,
    *,
    most_values: int = 4000,
    most_octets: int = MOST_OCTETS,
    into: dict[bytes, Value] | None = None,
    over: Callable[[], bool] | None = None,
) -> Conversation[dict[bytes, Value]]:
    """All values below these OIDs, column by column, each in the order of the device's MIB.

    Every column that is still open is carried by every request. At most `most_values` are taken (and
    so at most about as many packets sent), and after `most_octets`, or once `over` says so, no more is
    asked. Forbidden subtrees are stepped over. Values are put `into` the caller's dictionary, where there is
    one, as they come: whatever ends the walk, they are there. Raises Silent when the device answered nothing,
    or fell silent twice in a row.
    """
    state = _Walk(columns, traits, most_values, most_octets, into)
    while not (over and over()) and (ask := state.next_ask()):
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

    def __init__(
        self,
        columns: Sequence[bytes],
        traits: Traits,
        most_values: int,
        most_octets: int,
        into: dict[bytes, Value] | None,
    ) -> None:
        self.traits = traits
        self.found: dict[bytes, dict[bytes, Value]] = {root: {} if into is None else into for root in allowed(columns)}
        self.guarded = {root: subtrees for root in self.found if (subtrees := forbidden_in(root))}
        self.last = {root: root for root in self.found}
        self.room = most_values
        self.octets_left = most_octets
        self.bulk = traits.bulk
        self.most = traits.most_objects
        self.repetitions = traits.most_repetitions
        self.silences = 0
        self.recoveries = 0
        self.heard = False

    def values(self) -> dict[bytes, Value]:
        joined: dict[bytes, Value] = {}
        for column in self.found.values():
            joined.update(column)
        return joined

    def next_ask(self) -> Ask | None:
        if not self.last or self.room <= 0 or self.octets_left <= 0:
            return None
        if self.silences:  # the smallest request there is tells a dead device from an overtaxed one
            return Ask("next", (next(iter(self.last.values())),))
        oids = tuple(self.last.values())[: self.most]
        if not (self.bulk and self.traits.uses_bulk()) or self._harm_is_ahead():
            return Ask("next", oids)
        fitting = max(1, min(self.repetitions, _VALUES_PER_ANSWER // len(oids)))
        return Ask("bulk", oids, fitting)

    def _harm_is_ahead(self) -> bool:
        """Whether a column still leads to a subtree that harms the device. A GETBULK would let the device walk on
        into it by itself; of GETNEXTs only one can touch its edge."""
        return any(
            subtree.danger == "device" and after(subtree.root, last)
            for root, subtrees in self.guarded.items()
            if (last := self.last.get(root))
            for subtree in subtrees
        )

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
        if self.silences:
            self._recover()
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
            known, asked, guarded, octets = len(column), before, self.guarded.get(root), 0
            for name, tag, content in bindings[place :: len(roots)]:
                if tag >= NO_VALUE or not name.startswith(root):
                    del self.last[root]
                    break
                subtree = _holding(name, guarded) if guarded else None
                if subtree:
                    if not after(subtree.beyond, asked):  # it was asked what comes behind, and goes back
                        del self.last[root]
                        break
                    before = max(before, subtree.beyond, key=arcs)
                    continue
                # The octets' order is the OIDs' order where one of both has no octet above 127.
                if not (name > before if name.isascii() else after(name[skip:], before[skip:])):
                    del self.last[root]
                    break
                column[name] = (tag, content)
                octets += len(name) + len(content)
                before = name
            else:
                self.last[root] = before
            self.room -= len(column) - known
            self.octets_left -= octets

    def _refused(self, ask: Ask, answer: Answer) -> None:
        named = 0 < answer.error_at <= len(ask.oids)
        if answer.error == TOO_BIG and ask.kind == "bulk" and ask.repetitions > 1:
            self.repetitions = self.traits.most_repetitions = ask.repetitions // 2
        elif answer.error == TOO_BIG and len(ask.oids) > 1:
            self.most = self.traits.most_objects = len(ask.oids) // 2
        elif ask.kind != "bulk" and named:
            refused = ask.oids[answer.error_at - 1]
            ended = answer.error == NO_SUCH_NAME and self.traits.steps_over
            for root, last in list(self.last.items()):
                if last == refused or (ended and after(last, refused)):
                    del self.last[root]
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

    def _recover(self) -> None:
        """A way that worked before may have been met by chance: it is tried again, but not at every row."""
        self.most = max(self.most, self.traits.objects_after_silence())
        if self.traits.bulk_proven and self.recoveries < _MOST_RECOVERIES:
            self.recoveries += 1
            self.bulk = self.traits.bulk

    def _learn(self) -> None:
        if not self.bulk and not self.traits.bulk_proven and self.traits.version != V1:
            self.traits.bulk = False
        if self.most == 1 and self.traits.objects_proven < 2:
            self.traits.most_objects = 1


def _holding(name: bytes, subtrees: tuple[Forbidden, ...]) -> Forbidden | None:
    return next((one for one in subtrees if name.startswith(one.root)), None)
