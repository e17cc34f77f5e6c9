"""Every finder there is. A search asks them side by side, in this order: what costs little comes first.
`search.finder` says what a finder is."""

from typing import Final

from flexprint_agent.search.finder import Finder
from flexprint_agent.search.local import BROADCAST, MDNS, MULTICAST
from flexprint_agent.search.spooler.finder import SPOOLER
from flexprint_agent.search.sweeper import SWEEP
from flexprint_agent.settings import Settings

FINDERS: Final[tuple[Finder, ...]] = (SPOOLER, BROADCAST, MULTICAST, MDNS, SWEEP)


def switched_on(settings: Settings) -> list[Finder]:
    return [finder for finder in FINDERS if finder.on(settings)]
