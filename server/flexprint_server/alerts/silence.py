"""When an agent is overdue, and what the reason is likely to be. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

GRACE: Final = timedelta(hours=3)
"""A wake may be so late: a computer that was just switched on, a line that was down."""

WITHOUT_PROMISE: Final = timedelta(hours=36)
"""An agent that promises nothing wakes a few times a day; over a night nobody need worry."""

FIRST_WITHIN: Final = timedelta(days=1)
"""So soon after enrolling an agent should have been heard of."""

LONGEST_USUAL: Final = timedelta(days=4)
"""A gap that is longer is no habit of an office, but a silence that was."""

_MORE_THAN_USUAL: Final = 1.25
_CLOCK_OFF: Final = timedelta(hours=1)

Cause = Literal["never", "refused", "clock", "told", "line", "site", "customer", "off"]


class Advice(NamedTuple):
    what: str
    do: str


CAUSES: Final[Mapping[Cause, Advice]] = {
    "never": Advice(
        "It enrolled and has sent nothing since.",
        "On that computer run flexprint-agent wake and read what it says; flexprint-agent service status tells whether "
        "it wakes by itself.",
    ),
    "refused": Advice(
        "Some of what it sent was refused, and nothing was taken since.",
        "Make a new install key and enrol it again; what waits there is sent then.",
    ),
    "clock": Advice(
        "Its clock was wrong when it was last heard of, so it may be asleep at other times than it promises.",
        "Set the computer's clock to be kept by the network.",
    ),
    "told": Advice(
        "It told of trouble when it was last heard of.",
        "Run flexprint-agent doctor on that computer: it names the step that mends it.",
    ),
    "line": Advice(
        "Batches were waiting there when it was last heard of: a proxy or a certificate is likely to be in the way.",
        "Run flexprint-agent doctor on that computer: it says which certificate came and what the proxy answered.",
    ),
    "site": Advice(
        "All agents of the site fell silent: its line or its power is likely to be gone.",
        "Ask the site whether the internet works there.",
    ),
    "customer": Advice(
        "All agents of the customer fell silent: closed for holidays, or a change of its firewall or proxy.",
        "Ask the customer's IT whether this collector is still allowed.",
    ),
    "off": Advice(
        "The computer is likely to be off, asleep or replaced.",
        "Have it switched on; if it is gone, install the agent on another one.",
    ),
}
"""What each cause means for people, and the one thing to do."""


@dataclass(slots=True, frozen=True)
class Heard:
    """What is known of an agent. `promised` is when it said that it would wake next, by our clock; `gaps` are the times
    between its last batches. `refusal` is a word for what was last refused, after all that was taken."""

    enrolled_at: datetime
    last_heard_at: datetime | None
    promised: datetime | None = None
    gaps: Sequence[timedelta] = ()
    refusal: str | None = None
    clock_offset_s: int = 0
    health: Mapping[str, Any] = field(default_factory=dict)
    others_at_site: int = 0
    silent_at_site: int = 0
    others_of_customer: int = 0
    silent_of_customer: int = 0


def late_since(heard: Heard) -> datetime:
    """When the agent should have been heard of again."""
    if heard.last_heard_at is None:
        return heard.enrolled_at + FIRST_WITHIN
    return heard.promised or heard.last_heard_at + WITHOUT_PROMISE


def overdue_at(heard: Heard) -> datetime:
    """From when on an agent that was not heard of is called silent: after its promise, and when it has been silent for
    longer than it usually is, over a night or a weekend."""
    if heard.last_heard_at is None:
        return late_since(heard)
    usual = min(max(heard.gaps, default=timedelta()), LONGEST_USUAL)
    return max(
        late_since(heard) + (GRACE if heard.promised else timedelta()), heard.last_heard_at + usual * _MORE_THAN_USUAL
    )


def likely_cause(heard: Heard) -> Cause:
    """The first that fits, those that are certain before those that are guessed."""
    if heard.refusal or _counted(heard, "refused_batches"):
        return "refused"
    if heard.last_heard_at is None:
        return "never"
    if abs(heard.clock_offset_s) > _CLOCK_OFF.total_seconds():
        return "clock"
    if heard.others_of_customer > heard.others_at_site and heard.silent_of_customer == heard.others_of_customer:
        return "customer"
    if heard.others_at_site and heard.silent_at_site == heard.others_at_site:
        return "site"
    if told(heard):
        return "told"
    return "line" if _counted(heard, "waiting_batches") > 1 else "off"


def told(heard: Heard) -> str:
    """The trouble that the agent told of when it last checked in; "" for none."""
    said = heard.health.get("last_error")
    return said[:300] if isinstance(said, str) else ""


def _counted(heard: Heard, name: str) -> int:
    """A number of the agent's health; 0 for what is none."""
    number = heard.health.get(name)
    return number if isinstance(number, int) else 0
