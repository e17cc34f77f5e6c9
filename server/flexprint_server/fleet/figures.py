"""What a layout makes of the bare figures of a read. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from flexprint_shared.batch import STATES


def meters_of(layout: Mapping[str, Any], values: Sequence[int]) -> dict[str, list[Any]]:
    """{name: [value, unit]}."""
    return {name: [value, unit] for (name, unit, *_), value in zip(layout["meters"], values, strict=True)}


def supplies_of(
    layout: Mapping[str, Any], levels: Sequence[int | None], percents: Sequence[int | None], states: str
) -> list[dict[str, Any]]:
    """Each supply as flexprint_shared.readings.Supply.as_json() has it. `states` has one letter for each."""
    # Written out: a fleet has some hundred thousand of them.
    return [
        {
            "index": index,
            "name": name,
            "kind": kind,
            "color": color,
            "percent": percent,
            "state": STATES[letter],
            "level": level,
            "capacity": capacity,
            "unit": unit,
        }
        for (index, name, kind, color, capacity, unit), level, percent, letter in zip(
            layout["supplies"], levels, percents, states, strict=True
        )
    ]
