"""What a search tells of one place, whoever came upon it: the entries of `found` in `search --json`."""

from typing import Any


def entry(
    address: str, port: int, by: str, *, answered: bool, reason: str | None, announced: str | None = None
) -> dict[str, Any]:
    """A place that is no printer as far as is known yet. `by` is the finder, `announced` what was announced there."""
    return {
        "address": address,
        "port": port,
        "found_by": by,
        "answered": answered,
        "printer": False,
        "new": False,
        "manufacturer": None,
        "model": None,
        "serial": None,
        "same_as": None,
        "announced": announced,
        "reason": reason,
    }
