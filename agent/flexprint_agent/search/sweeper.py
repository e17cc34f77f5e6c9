"""The finder that asks every chosen address: the sweep, in portions, paced by range."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from flexprint_agent.search.finder import Candidate, Effort, Finder, Ground, Part, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flexprint_agent.search.plan import Cost
    from flexprint_agent.search.scopes import Way
    from flexprint_agent.search.sweep import Sweep
    from flexprint_agent.targets import Span

NAME: Final = "sweep"


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
            )
        )
    return Plan(parts, round(sum(cost.seconds for _, cost in _costs(ground, ground.spans)), 1))


def _costs(ground: Ground, spans: "Sequence[Span]") -> "list[tuple[_Portion, Cost]]":
    """The portions that are swept one after the other, and what each costs at most."""
    from flexprint_agent.search import plan
    from flexprint_agent.search.scopes import by_way

    settings = ground.settings
    priced = []
    for way, together in by_way(spans, ground.scopes, settings.communities):
        sizes = plan.request_sizes(way.communities, settings.snmp_versions, secured=way.secured)
        for portion in plan.portions(together):
            cost = plan.cost(portion, sizes, settings.packets_per_second, settings.search_timeout)
            priced.append((_Portion(way, portion), cost))
    return priced


class _Portion(NamedTuple):
    way: "Way"
    spans: "list[Span]"


def _find(ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    priced = _costs(ground, ground.spans)
    costs = [cost for _, cost in priced]
    for number, (portion, _) in enumerate(priced, start=1):
        sweep = _sweep(ground, portion)
        packets = sum(cost.packets for cost in costs[number:])
        seconds = sum(cost.seconds for cost in costs[number:])
        before = (effort.asked, effort.packets, effort.answered)
        for answered in sweep:
            done = (sweep.result.asked, sweep.result.packets, len(sweep.result.answered))
            effort.asked, effort.packets, effort.answered = (a + b for a, b in zip(before, done, strict=True))
            effort.packets_ahead = packets + sweep.ahead
            effort.seconds_ahead = seconds + sweep.seconds_ahead
            if answered is None:
                yield None
            else:
                community = answered.community if answered.engine is None else None
                yield Candidate(answered.address, answered.port, NAME, community, engine=answered.engine)
        effort.packets_ahead, effort.seconds_ahead = packets, seconds


def _sweep(ground: Ground, portion: _Portion) -> "Sweep":
    from flexprint_agent.search import plan
    from flexprint_agent.search.sweep import Sweep

    settings = ground.settings
    return Sweep(
        [[place for span in spans for place in span.places()] for spans in plan.ranges(portion.spans)],
        communities=portion.way.communities,
        retries=plan.PASSES - 1,
        versions=settings.snmp_versions,
        secured=portion.way.secured,
        timeout=settings.search_timeout,
        pace=ground.pace,
        range_packets_per_second=plan.RANGE_RATE,
    )


SWEEP: Final = Finder(NAME, on=lambda _settings: True, plan=_plan, find=_find)
