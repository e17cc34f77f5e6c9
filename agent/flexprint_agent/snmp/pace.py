"""How fast packets may leave: one budget for the whole site. Pure; instants come in as arguments.

Whatever sends SNMP in this process (the sweep, whoever identifies and reads, SNMPv3) waits for and spends from the
one Pace that `of_process` gives, so the budget holds for all of it together.
"""

import math
from functools import lru_cache


class Pace:
    """At most `per_second` packets a second over any while, and at most `burst` at one instant.

    Instants are seconds of any clock that does not go back. An unlimited pace is `math.inf`.
    """

    def __init__(self, per_second: float, burst: float = 1) -> None:
        if not per_second > 0:
            raise ValueError("a pace is more than no packet a second; leave it out for no limit")
        self.per_second = per_second
        self._each = 1 / per_second
        self._lead = self._each * (max(burst, 1) - 1)
        self._due = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until the next packet may leave; 0 when it may leave at once."""
        return max(0.0, self._due - self._lead - now)

    def room(self, now: float, wanted: int) -> int:
        """How many of the wanted packets may leave at this instant."""
        if not self._each:
            return wanted
        if self.wait(now):
            return 0
        # A billionth more, or the rounding of a division costs a whole packet now and then.
        return min(wanted, 1 + int((self._lead - max(0.0, self._due - now)) / self._each + 1e-9))

    def spend(self, now: float, packets: int = 1) -> None:
        """These packets leave at this instant."""
        self._due = max(self._due, now) + packets * self._each


@lru_cache
def of_process(per_second: float) -> Pace:
    """The budget of this process at this rate: the same object however often, and by whomever, it is asked for. A
    fiftieth of a second's packets, 64 at most, may leave at one instant."""
    return Pace(per_second, burst=min(64.0, max(1.0, per_second / 50)))
