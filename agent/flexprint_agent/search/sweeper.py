"""The finder that asks every chosen address: the sweep, in portions, paced by range; and where answers show that the
network loses packets, what is still silent in further rounds (`search.loss` says when)."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from flexprint_agent.search.finder import Candidate, Effort, Finder, Ground, Part, Plan
from flexprint_agent.search.loss import MOST_ROUNDS, is_worth_another

if TYPE_CHECKING:
    from flexprint_agent.search.plan import Cost
    from flexprint_agent.search.scopes import Way
    from flexprint_agent.search.sweep import Answered, Sweep
    from flexprint_agent.targets import Span

NAME: Final = "sweep"
_TIMEOUTS: Final = 3  # of a conversation, that a sweep waits for the last to say who it is
_MOMENT: Final = 0.02  # seconds


def _plan(ground: Ground) -> Plan:
    parts = []
    for share in ground.shares:
        costs = [cost for _, cost in _costs(ground, share.spans)]
        parts.append(
            Part(
                NAME,
                share.target,
                sum(cost.addresses for cost in costs),
                sum(cost.packets for cost in costs),
                sum(cost.octets for cost in costs),
                round(sum(cost.seconds for cost in costs), 1),
                MOST_ROUNDS,
            )
        )
    return Plan(parts, round(sum(cost.seconds for _, cost in _costs(ground, ground.spans)), 1))


def _costs(ground: Ground, spans: Sequence["Span"]) -> "list[tuple[_Portion, Cost]]":
    """The portions that are swept one after the other, and what each costs at most."""
    from flexprint_agent.search import plan
    from flexprint_agent.search.scopes import by_way

    settings = ground.settings
    priced = []
    for way, together in by_way(spans, ground.scopes, settings.communities):
        sizes = plan.request_sizes(way.communities, settings.snmp_versions, secured=way.secured)
        for portion in plan.portions(together):
            cost = plan.cost(portion, sizes, settings.packets_per_second, settings.search_timeout, ground.networks)
            priced.append((_Portion(way, portion), cost))
    return priced


class _Portion(NamedTuple):
    way: "Way"
    spans: "list[Span]"


def _find(ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    priced = _costs(ground, ground.spans)
    for number, (portion, _) in enumerate(priced, start=1):
        costs = [cost for _, cost in priced[number:]]
        later = sum(cost.packets for cost in costs), sum(cost.seconds for cost in costs)
        yield from _rounds(ground, effort, portion, later)


def _rounds(ground: Ground, effort: Effort, portion: _Portion, later: tuple[int, float]) -> Iterator[Candidate | None]:
    """One portion, in as many rounds as its answers call for. `later`: packets and seconds of the portions after it."""
    from flexprint_agent.search import plan

    places = [
        [place for span in spans for place in span.places()] for spans in plan.ranges(portion.spans, ground.networks)
    ]
    asked, found = effort.asked, 0
    for rounds in range(1, MOST_ROUNDS + 1):
        sweep = _sweep(ground, portion.way, places)
        packets, answers = effort.packets, effort.answered
        for answered in sweep:
            effort.asked = max(effort.asked, asked + sweep.result.asked)
            effort.packets = packets + sweep.result.packets
            effort.answered = answers + len(sweep.result.answered)
            effort.packets_ahead = later[0] + sweep.ahead
            effort.seconds_ahead = later[1] + sweep.seconds_ahead
            if answered is None:
                yield None
            else:
                yield _candidate(answered)
        effort.packets_ahead, effort.seconds_ahead = later
        found += len(sweep.result.answered)
        # Whoever answered says who it is meanwhile, and by that what the network loses.
        patience = time.monotonic() + ground.settings.snmp_timeout * _TIMEOUTS
        while found and ground.loss.under_way and time.monotonic() < patience:
            time.sleep(_MOMENT)
            yield None
        if not is_worth_another(found, ground.loss.share(), rounds):
            return
        places = _by_range(sweep.silent(), ground.networks)


def _candidate(answered: "Answered") -> Candidate:
    if answered.engine is not None:
        return Candidate(answered.address, answered.port, NAME, engine=answered.engine)
    return Candidate(answered.address, answered.port, NAME, answered.community, answered.version)


def _by_range(silent: Iterable[tuple[int | str, int]], networks: "Sequence[Span]") -> list[list[tuple[int | str, int]]]:
    """The silent places of a sweep, range by range; those over IPv6 are few, and one range."""
    from flexprint_agent.search.plan import Shared, shared

    together: dict[Shared | None, list[tuple[int | str, int]]] = {}
    for address, port in silent:
        kind = None if isinstance(address, str) else shared(address, 4, "", networks)
        together.setdefault(kind, []).append((address, port))
    return list(together.values())


def _sweep(ground: Ground, way: "Way", places: Sequence[Sequence[tuple[int | str, int]]]) -> "Sweep":
    from flexprint_agent.search import plan
    from flexprint_agent.search.sweep import Sweep

    settings = ground.settings
    return Sweep(
        places,
        communities=way.communities,
        retries=plan.PASSES - 1,
        versions=settings.snmp_versions,
        secured=way.secured,
        timeout=settings.search_timeout,
        pace=ground.pace,
        range_packets_per_second=plan.RANGE_RATE,
    )


SWEEP: Final = Finder(NAME, on=lambda _settings: True, plan=_plan, find=_find)
