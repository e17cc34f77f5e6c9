"""Many conversations at once over one socket: who waits for what until when, and who may send now.

A plain loop around a non-blocking socket. A request is known by its id, and its answer must come from
the address and port that were asked; everything else is dropped and counted.
"""

import heapq
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Answer, Conversation, Silent, Traits
from flexprint_agent.snmp.dialogue import Dialogue, Endpoint, Outcome
from flexprint_agent.snmp.forbidden import ForbiddenObject, refuse
from flexprint_agent.snmp.pace import Pace
from flexprint_agent.snmp.wire import Address, Unsendable, Wire

__all__ = ["Endpoint", "Exchange", "Limits", "Outcome"]

T = TypeVar("T")


@dataclass(slots=True, frozen=True)
class Limits:
    """How hard the network may be leant on.

    timeout: seconds until a request is sent again; doubles with each retry.
    retries: how often it is sent again; oftener where a device answered before and a read would be given up.
    packets_per_second: for all devices together.
    at_once: devices that are spoken to at one time.
    gap: least seconds between two packets to one device; gap_of_weak: to one that takes one object a packet.
    """

    timeout: float = 2.0
    retries: int = 1
    packets_per_second: float = 1000.0
    at_once: int = 100
    gap: float = 0.0
    gap_of_weak: float = 0.0


class Exchange:
    """Holds conversations. Each `run` has a socket of its own; budget and counts are of all runs together.

    pace: the budget that this exchange shares with others; its own, of `limits`, where none is given.

    Counted: packets and octets either way, `strays` (answers from elsewhere, to nothing asked, or too
    late), `malformed` ones, and `dropped` by the kernel (None where the system does not tell).

    clock: seconds that never go back. chance: gives that many random octets, for request ids that nobody
    can guess. linux: whether to use what only Linux has.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[int], bytes] = os.urandom,
        linux: bool = sys.platform == "linux",
    ) -> None:
        self.limits = limits or Limits()
        rate = self.limits.packets_per_second
        self.pace = pace or Pace(rate, burst=max(1.0, rate / 50))
        self.clock = clock
        self.chance = chance
        self.packets_sent = self.octets_sent = self.packets_received = self.octets_received = 0
        self.strays = self.malformed = 0
        self.dropped: int | None = None
        self._linux = linux

    def run(
        self, conversations: Iterable[tuple[Endpoint, Callable[[Traits], Conversation[T]]] | None]
    ) -> Iterator[Outcome[T]]:
        """Holds these conversations and gives each outcome as its device is done.

        They are begun as room comes free, so the iterable may be long and made as it is read. None in it means
        "nothing at this moment, come again": it is for the iterable to wait a little then, as the exchange does not.
        """
        with Wire(linux=self._linux) as wire:
            run = _Run(self, wire, iter(conversations))
            try:
                yield from run.outcomes()
            finally:
                run.close()
                dropped = wire.dropped()
                if dropped is not None:
                    self.dropped = (self.dropped or 0) + dropped


class _Run(Generic[T]):
    """One run of an exchange, from the first conversation begun to the last outcome."""

    def __init__(
        self,
        exchange: Exchange,
        wire: Wire,
        conversations: Iterator[tuple[Endpoint, Callable[[Traits], Conversation[T]]] | None],
    ) -> None:
        self.exchange = exchange
        self.limits = exchange.limits
        self.clock = exchange.clock
        self.wire = wire
        self.conversations = conversations
        self.exhausted = self.come_again = False
        self.secured = False  # whether any device of this run is asked over SNMPv3
        self.active: set[Dialogue[T]] = set()
        self.waiting: dict[int, Dialogue[T]] = {}  # by request id
        self.ready: deque[tuple[int, Dialogue[T]]] = deque()  # turn; may send once the budget allows
        self.timers: list[tuple[float, int, int, Dialogue[T]]] = []  # due, tie-breaker, turn
        self.timers_set = 0
        self.done: deque[Outcome[T]] = deque()

    def outcomes(self) -> Iterator[Outcome[T]]:
        while True:
            self.begin()
            self.send()
            while self.done:
                yield self.done.popleft()
            if not self.active:
                if self.exhausted:
                    return
                continue
            self.wire.wait(0.0 if self.come_again else self.leisure())
            # What has arrived is taken before timers are looked at: the caller may have been busy with
            # the last outcome for longer than a timeout.
            self.receive()
            self.expire()

    def close(self) -> None:
        for dialogue in self.active:
            dialogue.conversation.close()

    def begin(self) -> None:
        self.come_again = False
        while not self.exhausted and len(self.active) < self.limits.at_once:
            try:
                following = next(self.conversations)
            except StopIteration:
                self.exhausted = True
                return
            if following is None:
                self.come_again = True
                return
            dialogue = Dialogue(*following, self.clock())
            self.secured |= dialogue.peer is not None
            self.active.add(dialogue)
            self.step(dialogue, None)

    def step(self, dialogue: Dialogue[T], answer: Answer | None, silence: str = "") -> None:
        """Hands the conversation an answer, or the silence, and takes from it what to ask next."""
        try:
            if silence:
                dialogue.ask = dialogue.conversation.throw(Silent(silence))
            elif answer is None:
                dialogue.ask = next(dialogue.conversation)
            else:
                dialogue.ask = dialogue.conversation.send(answer)
            refuse(dialogue.ask.oids)
        except StopIteration as stop:
            self.end(dialogue, stop.value)
        except Silent as silent:
            self.end(dialogue, None, str(silent), fell_silent=True)
        except ForbiddenObject as refusal:
            dialogue.conversation.close()
            self.end(dialogue, None, f"{dialogue.endpoint}: {refusal}", refusal)
        except Exception as fault:  # noqa: BLE001 - what one device says must not end the round for all
            self.end(dialogue, None, f"{dialogue.endpoint} was not understood: {fault!r}", fault)
        else:
            dialogue.attempt = 0
            self.queue(dialogue)

    def end(
        self,
        dialogue: Dialogue[T],
        result: T | None,
        error: str | None = None,
        fault: Exception | None = None,
        *,
        fell_silent: bool = False,
    ) -> None:
        self.forget(dialogue)
        dialogue.turn = -1  # its timers are void
        self.active.discard(dialogue)
        self.done.append(dialogue.outcome(self.clock(), result, error, fault, fell_silent=fell_silent))

    def forget(self, dialogue: Dialogue[T]) -> None:
        for request_id in dialogue.ids:
            del self.waiting[request_id]
        dialogue.ids.clear()

    def queue(self, dialogue: Dialogue[T]) -> None:
        """To be sent now, or when the device has had its rest."""
        dialogue.turn += 1
        # What takes one object at a time is a weak engine, and gets time to breathe.
        gap = self.limits.gap if dialogue.traits.most_objects > 1 else max(self.limits.gap, self.limits.gap_of_weak)
        rested = dialogue.sent_at + gap
        dialogue.resting = rested > self.clock() if gap else False
        if dialogue.resting:
            self.timer(rested, dialogue)
        else:
            self.ready.append((dialogue.turn, dialogue))

    def timer(self, due: float, dialogue: Dialogue[T]) -> None:
        self.timers_set += 1
        heapq.heappush(self.timers, (due, self.timers_set, dialogue.turn, dialogue))

    def leisure(self) -> float:
        """Seconds until something has to be done even if nothing arrives."""
        now = self.clock()
        until = self.timers[0][0] - now if self.timers else math.inf
        if self.ready:
            until = min(until, self.exchange.pace.wait(now))
        return min(until, 1.0)

    def send(self) -> None:
        pace = self.exchange.pace
        while self.ready:
            now = self.clock()
            if pace.wait(now):
                return
            turn, dialogue = self.ready.popleft()
            if turn == dialogue.turn:  # otherwise a late answer has overtaken the retry
                pace.spend(now)
                self.transmit(dialogue, now)

    def transmit(self, dialogue: Dialogue[T], now: float) -> None:
        datagram = dialogue.datagram(self.request_id(dialogue), now)
        if datagram is None:
            self.go_on(dialogue, another=dialogue.cannot_ask())
            return
        try:
            self.wire.send(datagram, dialogue.to)
        except Unsendable as refusal:
            self.end(dialogue, None, dialogue.unsendable(str(refusal)))
            return
        dialogue.sent_at = now
        dialogue.packets += 1
        dialogue.octets_out += len(datagram)
        self.exchange.packets_sent += 1
        self.exchange.octets_sent += len(datagram)
        dialogue.turn += 1
        self.timer(now + self.limits.timeout * 2 ** min(dialogue.attempt, self.limits.retries), dialogue)

    def request_id(self, dialogue: Dialogue[T]) -> int:
        """One id for a request and its retries, so that a late answer counts; another in another way."""
        for request_id, way in dialogue.ids.items():
            if way == dialogue.way:
                return request_id
        while True:
            drawn = int.from_bytes(self.exchange.chance(4), "big") & ber.LAST_ID
            if drawn >= ber.FIRST_ID and drawn not in self.waiting:
                break
        self.waiting[drawn] = dialogue
        dialogue.ids[drawn] = dialogue.way
        return drawn

    def receive(self) -> None:
        exchange = self.exchange
        for datagram, source in self.wire.receive():
            exchange.packets_received += 1
            exchange.octets_received += len(datagram)
            try:
                message = ber.decode(datagram)
            except ber.OtherVersion:
                self.receive_v3(datagram, source)
                continue
            except ber.Malformed:
                exchange.malformed += 1
                continue
            dialogue = self.waiting.get(message.request_id)
            if message.pdu != ber.RESPONSE or not (
                dialogue and dialogue.expects(message.request_id, source, secured=False)
            ):
                exchange.strays += 1
                continue
            self.answered(dialogue, message, len(datagram))
        for address, reason, _ in self.wire.undeliverable():
            for dialogue in [d for d in self.active if d.to == address]:
                self.undelivered(dialogue, reason)

    def undelivered(self, dialogue: Dialogue[T], reason: str) -> None:
        """Waiting for a timeout would change nothing, unless the device has answered before: then it may only be
        starting again."""
        if dialogue.answered:
            return
        if dialogue.undelivered(reason):
            self.queue(dialogue)
        else:
            self.fall_silent(dialogue)

    def answered(self, dialogue: Dialogue[T], message: ber.Message, octets: int) -> None:
        felt = dialogue.feels() and len(message.bindings) == 1
        self.heard(dialogue, message.request_id, octets)
        dialogue.answered = True
        if felt:  # it is there: now the whole request, once more
            self.go_on(dialogue, another=True)
        else:
            self.step(dialogue, Answer(message.bindings, message.error, message.error_at))

    def heard(self, dialogue: Dialogue[T], request_id: int, octets: int) -> None:
        """The request that this answers, in the way in which it was sent, waits no more."""
        dialogue.octets_in += octets
        dialogue.requests += 1
        dialogue.repeated += dialogue.attempt > 0
        dialogue.way = dialogue.ids[request_id]
        dialogue.traits.version = dialogue.ways[dialogue.way][0]
        self.forget(dialogue)

    def receive_v3(self, datagram: bytes, source: Address) -> None:
        """A message of SNMPv3, whose message id is the request id: an answer, or a Report, after which the device is
        asked again, as another user, or no more."""
        if not self.secured:
            self.exchange.strays += 1
            return
        from flexprint_agent.snmp import v3

        try:
            envelope = v3.parse(datagram)
            dialogue = self.waiting.get(envelope.message_id)
            if dialogue is None or not dialogue.expects(envelope.message_id, source, secured=True):
                self.exchange.strays += 1
                return
            told = dialogue.hear(envelope, datagram, self.clock())
        except ber.Malformed:
            self.exchange.malformed += 1
            return
        if isinstance(told, ber.Message):
            self.answered(dialogue, told, len(datagram))
            return
        self.heard(dialogue, envelope.message_id, len(datagram))
        self.go_on(dialogue, another=told is None or dialogue.refused(told))

    def go_on(self, dialogue: Dialogue[T], *, another: bool) -> None:
        """Asks the same in another way, or ends because there is none."""
        self.forget(dialogue)
        if another:
            dialogue.attempt = 0
            self.queue(dialogue)
        else:
            dialogue.conversation.close()
            self.end(dialogue, None, dialogue.given_up())

    def expire(self) -> None:
        """Wakes those whose rest is over, and asks again or gives up where an answer is overdue."""
        now = self.clock()
        while self.timers and self.timers[0][0] <= now:
            _, _, turn, dialogue = heapq.heappop(self.timers)
            if turn != dialogue.turn:
                continue
            if dialogue.resting:
                dialogue.resting = False
                self.ready.append((turn, dialogue))
            elif dialogue.try_again(self.limits.retries):
                self.queue(dialogue)
            else:
                self.fall_silent(dialogue)

    def fall_silent(self, dialogue: Dialogue[T]) -> None:
        """The conversation may try something smaller, unless the device never said anything: then
        nobody is there, and asking on would only take long."""
        words = dialogue.silence(self.limits.timeout)
        self.forget(dialogue)
        if dialogue.answered:
            self.step(dialogue, None, words)
        else:
            dialogue.conversation.close()
            self.end(dialogue, None, words)
