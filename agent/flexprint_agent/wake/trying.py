"""One printer asked as one credential says, to see whether it takes it. Nothing of it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from flexprint_agent import targets
from flexprint_agent.errors import WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.settings import Settings
from flexprint_agent.targets import Span
from flexprint_agent.wake.credentials import user_of
from flexprint_agent.wake.reading import Clock, Place, exchange_for, places_of


@dataclass(slots=True, frozen=True)
class Tried:
    """How a printer took a credential. `fault` names why it refused a user (a name of snmp.v3.FAULTS), `told` says it,
    with the step that mends it; `model` is what it said that it is."""

    place: str
    taken: bool
    model: str | None
    fault: str | None
    told: str


class NotOnePrinter(WrongUsage):
    """What was typed names no printer that may be asked, or several."""


def place_of(keep: Keep, text: str) -> Place:
    """The one place that a target names, as far as it may be asked. Raises BadTarget, NotOnePrinter,
    UnknownExclusion."""
    target = targets.parse(text)
    if isinstance(target, Span) and len(target) > 1:
        raise NotOnePrinter(f"{text} names several addresses; name one printer")
    places = places_of(keep, [text])
    if not places:
        raise NotOnePrinter(f"{text} is excluded, or nobody knows this name; name another printer")
    return places[0]


def attempt(settings: Settings, place: Place, facts: Mapping[str, str], now: Clock) -> Tried:
    """Asks the device there as `facts` say and in no other way."""
    from flexprint_agent.read.printers import read_printers
    from flexprint_agent.snmp.exchange import Endpoint

    address, port, text = place
    if "community" in facts:
        endpoint = Endpoint(address, port, communities=(facts["community"],), versions=settings.snmp_versions)
    else:
        endpoint = Endpoint(address, port, communities=(), versions=(), users=(user_of(facts),))
    (reading,) = read_printers(exchange_for(settings), [(endpoint, None)], now)
    identity = reading.read.identity if reading.read else None
    model = identity and " ".join(filter(None, (identity.manufacturer, identity.model)))
    if reading.refusals:  # a refusal is an answer, too
        refusal = reading.refusals[0]
        return Tried(text, False, None, refusal.fault.name, f"{refusal}; next: {refusal.fault.next_step}")
    return Tried(text, reading.answered, model or None, None, reading.error or reading.reason or "")
