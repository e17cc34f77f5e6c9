"""Facts of a device as people say them."""

import re
from functools import lru_cache
from typing import Final

from flexprint_server.fleet.summary import SupplyFacts, fills_up

_CAPITALS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|_")

# The words of flexprint_shared.readings.SupplyState for people; of a waste container the space in it is meant.
_STATES: Final = {"some": "some left", "unlimited": "no limit"}
_WASTE_STATES: Final = {"low": "nearly full", "empty": "full"}


def level_text(supply: SupplyFacts) -> str:
    """`42 %`, `70 % full` for a waste container, or the word for it."""
    if supply["percent"] is None:
        return state_text(supply)
    return f"{supply['percent']} %{' full' if fills_up(supply) else ''}"


def state_text(supply: SupplyFacts) -> str:
    state = str(supply["state"])
    return (_WASTE_STATES if fills_up(supply) else _STATES).get(state, _STATES.get(state, state))


@lru_cache(1024)
def status_text(state: str, errors: tuple[str, ...]) -> str:
    """`idle` and `lowToner, noPaper` as people say it: "Idle: low toner, no paper"."""
    if not errors:
        return words(state).capitalize()
    return f"{words(state)}: {', '.join(map(words, errors))}".capitalize()


@lru_cache(1024)
def words(name: str) -> str:
    """`lowToner` or `tenths_of_grams` in words."""
    return _CAPITALS.sub(" ", name).lower()


def unit_word(unit: str) -> str:
    return "pages" if unit == "impressions" else words(unit)
