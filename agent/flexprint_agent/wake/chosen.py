"""What the site chose, and what its dealer settled, as it holds now."""

from collections.abc import Mapping
from dataclasses import dataclass

from flexprint_agent import settings
from flexprint_agent.keep import Keep
from flexprint_agent.settings import HandedDown, Settings
from flexprint_shared.addresses import MOST_RECIPIENTS


def in_force(keep: Keep) -> Settings:
    """What the dealer settled wins where the site allows it. Raises KeyMissing, BadSetting."""
    own = keep.choices.settings()
    return settings.in_force(own | keep.choices.secrets() | dict(from_dealer(keep).values))


def from_dealer(keep: Keep) -> HandedDown:
    """What the dealer settled, as it holds here."""
    allowed = settings.in_force(keep.choices.settings()).dealer_may
    return settings.handed_down(keep.handed.settings(), allowed)


@dataclass(slots=True, frozen=True)
class Settled:
    """What the dealer settled for one setting. `unfit` is why that does not hold here, None where it does; `group` is
    the word of `dealer_may` that allows it, None for what no dealer may settle."""

    value: str
    unfit: str | None
    group: str | None


def settled(keep: Keep) -> Mapping[str, Settled]:
    """What the dealer settled, by the name that it has here, whether it holds or not."""
    unfit = from_dealer(keep).unfit
    told = {}
    for there, value in keep.handed.settings().items():
        name = settings.called_here(there)
        told[name] = Settled(value, unfit.get(there), settings.group_of(name))
    return told


def recipients(keep: Keep) -> list[str]:
    """Whom the workbook goes to: the site's own recipients, and behind them the dealer's."""
    own = keep.choices.recipients()
    known = {address.casefold() for address in own}
    others = [address for address in from_dealer(keep).recipients if address.casefold() not in known]
    return (own + others)[:MOST_RECIPIENTS]


def secrets_of(keep: Keep) -> list[str]:
    """Every text that must not stand in a log. Raises KeyMissing."""
    kept = [text for value in keep.choices.secrets().values() for text in (value, *value.split(","))]
    words = ("community", "auth_password", "privacy_password")
    return kept + [text for one in keep.credentials.all() for name, text in one.facts.items() if name in words]
