"""One simulated device: a table in OID order, the manners of its SNMP agent, and what it answers.

Nothing here knows a socket or a clock: `Device.answer` turns a request into the octets of the answer, or
into None where this device would stay silent.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from . import wire
from .recording import Row

SYS_UPTIME: Final = wire.oid("1.3.6.1.2.1.1.3.0")
ETHERNET_MESSAGE: Final = 1472  # octets of UDP payload in one Ethernet frame
_ENVELOPE: Final = 20  # octets around the bindings of a response, at least


@dataclass(slots=True, frozen=True)
class Quirks:
    """How this device differs from a flawless agent.

    What lies under `walk_only` is answered to GETNEXT and GETBULK alone. `loop` is (at, back): behind the row `at` the walk goes back to the row `back`. `beyond` is what happens
    to a request of more than `most_bindings` objects. `silent_after` and `first_lost` count requests;
    A request that names an OID under `restarts_on` (or comes upon one by GETNEXT or GETBULK) makes the device start
    again: that one and the `restart_requests` after it are not answered, and sysUpTime begins at 0. `latency` is in seconds, `loss` a share of all answers (0 to 1). `reply_address` is the address answers
    come from instead of the one asked, `reply_port` lets them come from a port of their own.
    """

    community: str = "public"
    v1: bool = True
    v2c: bool = True
    bulk: Literal["answered", "genErr", "silence"] = "answered"
    most_bindings: int | None = None
    beyond: Literal["tooBig", "silence", "short"] = "tooBig"
    message_octets: int = ETHERNET_MESSAGE
    loop: tuple[str, str] | None = None
    gen_err_at_end: bool = False
    walk_only: tuple[str, ...] = ()
    latency: float = 0.0
    loss: float = 0.0
    silent_after: int | None = None
    first_lost: int = 0
    restarts_on: tuple[str, ...] = ()
    restart_requests: int = 4
    reply_address: str | None = None
    reply_port: bool = False
    request_id_off: int = 0
    garbage: Literal["noise", "cut", "empty"] | None = None

    def as_json(self) -> dict[str, Any]:
        """Only what differs from a flawless agent."""
        return {name: value for name, value in asdict(self).items() if value != getattr(FLAWLESS, name)}


FLAWLESS: Final = Quirks()


class Table:
    """Rows in OID order, each kept as the variable binding that goes on the wire."""

    def __init__(self, rows: Iterable[Row]) -> None:
        ordered = sorted({wire.arcs(wire.oid(row.oid)): row for row in rows}.items())
        self.keys = [key for key, _ in ordered]
        names = [wire.oid(row.oid) for _, row in ordered]
        self.bindings = [
            wire.binding(name, row.tag, row.content) for name, (_, row) in zip(names, ordered, strict=True)
        ]
        self._places = {name: place for place, name in enumerate(names)}
        self.names = names
        # Version 1 has no Counter64: such rows do not exist for it (RFC 3584, 4.2.2.1).
        self.wide = frozenset(place for place, (_, row) in enumerate(ordered) if row.tag == wire.COUNTER64)

    def __len__(self) -> int:
        return len(self.keys)

    def place(self, name: bytes) -> int | None:
        """Where the row of exactly this OID stands."""
        return self._places.get(name)

    def after(self, name: bytes) -> int:
        """Where the first row behind this OID stands; the table's length when there is none."""
        place = self._places.get(name)
        return bisect_right(self.keys, wire.arcs(name)) if place is None else place + 1

    def has_instances_beside(self, name: bytes) -> bool:
        """Whether other instances answer where `name` does not: it is taken for an instance of the object
        named by all arcs but the last, as the lab has no MIB to look that up."""
        parent = wire.arcs(name)[:-1]
        place = bisect_left(self.keys, parent)
        return place < len(self.keys) and self.keys[place][: len(parent)] == parent


class Device:
    """A table and the manners of the agent in front of it."""

    def __init__(self, rows: Iterable[Row], quirks: Quirks = FLAWLESS) -> None:
        self.quirks = quirks
        self._community = quirks.community.encode()
        self._walk_only = tuple(map(wire.oid, quirks.walk_only))
        self._restarts_on = tuple(map(wire.oid, quirks.restarts_on))
        self._rows = {row.oid: row for row in rows}
        self._arrange()

    def _arrange(self) -> None:
        self.table = Table(self._rows.values())
        self._uptime = self.table.place(SYS_UPTIME)
        self._ticks = -1
        self._started_at = 0
        self._deaf_until = 0
        self._jumps: dict[int, int] = {}
        if self.quirks.loop:
            at, back = (self.table.place(wire.oid(one)) for one in self.quirks.loop)
            if at is None or back is None:
                raise ValueError(f"the loop {self.quirks.loop} names a row this device does not have")
            self._jumps[at + 1] = back

    @property
    def boot_ticks(self) -> int:
        """sysUpTime as the table was given, in hundredths of a second."""
        row = self._rows.get("1.3.6.1.2.1.1.3.0")
        return int.from_bytes(row.content, "big") if row else 0

    def change(self, rows: Iterable[Row]) -> None:
        """These rows have these values from now on; rows that were not there appear."""
        self._rows.update((row.oid, row) for row in rows)
        self._arrange()

    def answer(
        self, question: wire.Question, *, ticks: int | None = None, asked: int = 0, luck: float = 1.0
    ) -> bytes | None:
        """The answer's octets, or None for silence.

        `ticks` is sysUpTime now, `asked` how many requests came before this one, `luck` (0 to 1) decides
        whether this answer gets lost. The same arguments give the same answer.
        """
        quirks = self.quirks
        if question.community != self._community or not (quirks.v2c if question.version else quirks.v1):
            return None
        if asked < quirks.first_lost or (quirks.silent_after is not None and asked >= quirks.silent_after):
            return None
        if asked == 0:
            self._deaf_until = 0  # somebody started it
        if luck < quirks.loss or asked < self._deaf_until:
            return None
        if self._restarts_on:
            if self._touches(question, self._restarts_on):
                self._started_at, self._deaf_until = ticks or 0, asked + 1 + quirks.restart_requests
                return None
            ticks = None if ticks is None else ticks - self._started_at
        if ticks is not None and ticks != self._ticks and self._uptime is not None:
            uptime = wire.whole(ticks & 0xFFFFFFFF)
            self.table.bindings[self._uptime] = wire.binding(SYS_UPTIME, wire.TIMETICKS, uptime)
            self._ticks = ticks
        return self._spoilt(self._said(question))

    def _touches(self, question: wire.Question, subtrees: tuple[bytes, ...]) -> bool:
        """Whether a request asks for something in one of these, or would come upon it."""
        if any(name.startswith(subtrees) for name in question.oids):
            return True
        if question.kind == wire.GET:
            return False
        steps = max(question.error_at, 1) if question.kind == wire.GETBULK else 1
        places = (self.table.after(name) for name in question.oids)
        return any(name.startswith(subtrees) for place in places for name in self.table.names[place : place + steps])

    def _spoilt(self, message: bytes | None) -> bytes | None:
        """The answer as a device with garbage on its tongue sends it."""
        if message is None or self.quirks.garbage is None:
            return message
        if self.quirks.garbage == "noise":
            return bytes(octet * 7 + 13 & 0xFF for octet in message)
        return message[: len(message) // 2] if self.quirks.garbage == "cut" else b""

    def _said(self, question: wire.Question) -> bytes | None:
        most = self.quirks.most_bindings
        oids = question.oids
        if most is not None and len(oids) > most:
            if self.quirks.beyond == "silence":
                return None
            if self.quirks.beyond == "tooBig":
                return self._failed(question, wire.TOO_BIG, 0)
            oids = oids[:most]
        if question.kind == wire.GET:
            return self._get(question, oids)
        if question.kind == wire.GETNEXT:
            return self._next(question, oids)
        if question.kind == wire.GETBULK:
            return self._bulk(question, oids)
        # SET: nothing here can be written (RFC 3416, 4.2.5; version 1 has no notWritable, RFC 3584, 4.4).
        return self._failed(question, wire.NOT_WRITABLE if question.version else wire.NO_SUCH_NAME, 1)

    def _response(self, question: wire.Question, error: int, error_at: int, bindings: bytes) -> bytes:
        return wire.response(question, error, error_at, bindings, question.request_id + self.quirks.request_id_off)

    def _failed(self, question: wire.Question, error: int, error_at: int) -> bytes | None:
        """An error: the bindings as they came, but none for tooBig in version 2c (RFC 3416, 4.2.1)."""
        echoed = b"" if error == wire.TOO_BIG and question.version else b"".join(question.bindings)
        message = self._response(question, error, error_at, echoed)
        return message if len(message) <= self.quirks.message_octets else None

    def _good(self, question: wire.Question, bindings: list[bytes]) -> bytes | None:
        message = self._response(question, wire.NO_ERROR, 0, b"".join(bindings))
        return message if len(message) <= self.quirks.message_octets else self._failed(question, wire.TOO_BIG, 0)

    def _get(self, question: wire.Question, oids: tuple[bytes, ...]) -> bytes | None:
        table, bindings = self.table, []
        for position, name in enumerate(oids, 1):
            place = None if name.startswith(self._walk_only) else table.place(name)
            if place is not None and (question.version or place not in table.wide):
                bindings.append(table.bindings[place])
            elif question.version == wire.V1:
                return self._failed(question, wire.NO_SUCH_NAME, position)
            else:
                beside = table.has_instances_beside(name)
                bindings.append(wire.binding(name, wire.NO_SUCH_INSTANCE if beside else wire.NO_SUCH_OBJECT, b""))
        return self._good(question, bindings)

    def _step(self, question: wire.Question, place: int) -> int:
        """`place`, or where the walk really goes from there: over rows that version 1 cannot see, round loops."""
        while question.version == wire.V1 and place in self.table.wide:
            place += 1
        return self._jumps.get(place, place)

    def _next(self, question: wire.Question, oids: tuple[bytes, ...]) -> bytes | None:
        table, bindings = self.table, []
        for position, name in enumerate(oids, 1):
            place = self._step(question, table.after(name))
            if place < len(table):
                bindings.append(table.bindings[place])
            elif self.quirks.gen_err_at_end:
                return self._failed(question, wire.GEN_ERR, position)
            elif question.version == wire.V1:
                return self._failed(question, wire.NO_SUCH_NAME, position)
            else:
                bindings.append(wire.binding(name, wire.END_OF_MIB_VIEW, b""))
        return self._good(question, bindings)

    def _bulk(self, question: wire.Question, oids: tuple[bytes, ...]) -> bytes | None:
        """GETBULK (RFC 3416, 4.2.3): as many bindings as fit, ended after a row that is all endOfMibView."""
        if question.version == wire.V1 or self.quirks.bulk == "silence":
            return None
        if self.quirks.bulk == "genErr":
            return self._failed(question, wire.GEN_ERR, 0)
        singles = min(max(question.error, 0), len(oids))
        once = self._rows_behind(question, oids[:singles], 1)
        many = self._rows_behind(question, oids[singles:], max(question.error_at, 0))
        if self.quirks.gen_err_at_end:
            cut = next((at for at, (place, _) in enumerate((*once, *many)) if place is None), None)
            if cut == 0:
                return self._failed(question, wire.GEN_ERR, 1)
            bindings = [binding for _, binding in (*once, *many)][:cut]
        else:
            bindings = [binding for _, binding in (*once, *many)]
        if self.quirks.most_bindings is not None:
            del bindings[self.quirks.most_bindings :]
        return self._fitted(question, bindings)

    def _rows_behind(
        self, question: wire.Question, oids: tuple[bytes, ...], repetitions: int
    ) -> list[tuple[int | None, bytes]]:
        """(place, binding) of `repetitions` rows behind each OID, interleaved; place None at the end of the MIB.
        No more is gathered than could fit into one message."""
        table = self.table
        found: list[tuple[int | None, bytes]] = []
        columns = [self._step(question, table.after(name)) for name in oids]
        names = list(oids)
        room = self.quirks.message_octets
        for _ in range(repetitions):
            if not columns or room < 0:
                break
            for column, place in enumerate(columns):
                if place < len(table):
                    binding = table.bindings[place]
                    names[column] = table.names[place]
                    columns[column] = self._step(question, place + 1)
                    found.append((place, binding))
                else:
                    binding = wire.binding(names[column], wire.END_OF_MIB_VIEW, b"")
                    found.append((None, binding))
                room -= len(binding)
            if all(place is None for place, _ in found[-len(columns) :]):
                break
        return found

    def _fitted(self, question: wire.Question, bindings: list[bytes]) -> bytes:
        octets, fitting = _ENVELOPE, 0
        for binding in bindings:
            octets += len(binding)
            if octets > self.quirks.message_octets:
                break
            fitting += 1
        while True:
            message = self._response(question, wire.NO_ERROR, 0, b"".join(bindings[:fitting]))
            if len(message) <= self.quirks.message_octets or not fitting:
                return message
            fitting -= 1
