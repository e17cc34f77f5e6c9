"""Every finder there is, in the order in which a search asks them: what costs little comes first, and what it finds is
known before the sweep is through. `search.finder` says what a finder is."""

from typing import Final

from flexprint_agent.search.finder import Finder
from flexprint_agent.search.spooler.finder import SPOOLER
from flexprint_agent.search.sweeper import SWEEP
from flexprint_agent.settings import Settings

FINDERS: Final[tuple[Finder, ...]] = (SPOOLER, SWEEP)


def switched_on(settings: Settings) -> list[Finder]:
    return [finder for finder in FINDERS if finder.on(settings)]
