"""What a layout makes of the bare figures of a read. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flexprint_shared.batch import STATES

SUPPLY_KEYS: Final = ("index", "name", "kind", "color", "percent", "state", "level", "capacity", "unit")
"""Those of flexprint_shared.readings.Supply.as_json(), in its order."""


def meters_of(layout: Mapping[str, Any], values: Sequence[int]) -> dict[str, list[Any]]:
    """{name: [value, unit]}."""
    return {name: [value, unit] for (name, unit, *_), value in zip(layout["meters"], values, strict=True)}


def supplies_of(
    layout: Mapping[str, Any], levels: Sequence[int | None], percents: Sequence[int | None], states: str
) -> list[dict[str, Any]]:
    """Each supply as flexprint_shared.readings.Supply.as_json(). `states` has one letter for each."""
    return [
        dict(
            zip(
                SUPPLY_KEYS,
                (index, name, kind, color, percent, STATES[letter], level, capacity, unit),
                strict=True,
            )
        )
        for (index, name, kind, color, capacity, unit), level, percent, letter in zip(
            layout["supplies"], levels, percents, states, strict=True
        )
    ]
