"""Targets that a person typed -> the places they lead to, and one outcome for each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from flexprint_agent import targets
from flexprint_agent.errors import WrongUsage
from flexprint_agent.wake.reading import Place, Spot, look_up

_MOST: Final = 1024
"""Addresses that `read` and `probe` take at once; more is a search."""


@dataclass(slots=True, frozen=True)
class Typed:
    """One device that was named by `text`. Of several places, which only a name has, the next is asked where one is
    silent: IPv4 before IPv6."""

    text: str
    spots: tuple[Spot, ...]

    @property
    def place(self) -> Place:
        return *self.spots[0], self.text


def typed(texts: Iterable[str], exclusions: list[targets.Span], port: int) -> tuple[list[Typed], list[dict[str, Any]]]:
    """The devices that `texts` name, in their order, and a probe object for each text that names none."""
    named: list[Typed] = []
    nowhere = []
    for text in texts:
        target = targets.parse(text)
        if target.port is None:
            target = replace(target, port=port)
        spans = targets.allowed([target], exclusions, look_up)
        if targets.count(spans) + len(named) > _MOST:
            raise WrongUsage(f"{text}: more than {_MOST} addresses are a search; `flexprint-agent add` them first")
        if not spans:
            unknown = isinstance(target, targets.Name) and not look_up(target.name)
            reason = "nobody knows this name" if unknown else "it is excluded"
            nowhere.append(_not_asked(text, target.port or port, reason))
            continue
        spots = [(address, span.port or port) for span in spans for address in span]
        named += (
            [Typed(text, tuple(spots))]
            if isinstance(target, targets.Name)
            else [Typed(text, (spot,)) for spot in spots]
        )
    return named, nowhere


def of_each(
    named: Iterable[Typed], read: Callable[[list[Place]], Iterable[dict[str, Any]]]
) -> Iterator[dict[str, Any]]:
    """One probe object for each of `named`, as they come. What several texts lead to is read once, and told for each
    of them."""
    told: dict[Spot, dict[str, Any]] = {}
    waiting = list(named)
    while waiting:
        here: dict[Spot, list[Typed]] = {}
        for one in waiting:
            here.setdefault(one.spots[0], []).append(one)
        waiting = []
        for spot, outcome in _outcomes(here, told, read):
            for one in here[spot]:
                if outcome["answered"] or len(one.spots) == 1:
                    yield outcome | {"target": one.text}
                else:
                    waiting.append(replace(one, spots=one.spots[1:]))


def _outcomes(
    here: dict[Spot, list[Typed]],
    told: dict[Spot, dict[str, Any]],
    read: Callable[[list[Place]], Iterable[dict[str, Any]]],
) -> Iterator[tuple[Spot, dict[str, Any]]]:
    """What each place says: at once where it was told before."""
    yield from [(spot, told[spot]) for spot in here if spot in told]
    for outcome in read([some[0].place for spot, some in here.items() if spot not in told]):
        spot = outcome["address"], outcome["port"]
        told[spot] = outcome
        yield spot, outcome


def _not_asked(text: str, port: int, reason: str) -> dict[str, Any]:
    """The probe object of a target that no packet was sent to."""
    return {
        "target": text,
        "address": None,
        "port": port,
        "asked": False,
        "answered": False,
        "printer": False,
        "seconds": 0.0,
        "packets": 0,
        "error": f"{text} was not asked: {reason}",
    }
