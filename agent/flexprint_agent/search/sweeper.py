"""The finder that asks every chosen address: the sweep, in portions, paced by range."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from flexprint_agent.search.finder import Candidate, Effort, Finder, Ground, Part, Plan

if TYPE_CHECKING:
    from flexprint_agent.search.sweep import Sweep
    from flexprint_agent.targets import Span

NAME: Final = "sweep"


def _plan(ground: Ground) -> Plan:
    from flexprint_agent.search import plan

    settings = ground.settings
    sizes = plan.request_sizes(settings.communities, settings.snmp_versions)
    parts = []
    for share in ground.shares:
        cost = plan.cost(share.spans, sizes, settings.packets_per_second, settings.search_timeout)
        parts.append(Part(NAME, share.target, cost.addresses, cost.packets, cost.octets, cost.seconds))
    together = plan.cost(ground.spans, sizes, settings.packets_per_second, settings.search_timeout)
    return Plan(parts, together.seconds)


def _find(ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    from flexprint_agent.search import plan

    settings = ground.settings
    sizes = plan.request_sizes(settings.communities, settings.snmp_versions)
    portions = list(plan.portions(ground.spans))
    costs = [plan.cost(some, sizes, settings.packets_per_second, settings.search_timeout) for some in portions]
    for number, portion in enumerate(portions, start=1):
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
                yield Candidate(answered.address, answered.port, NAME, answered.community)
        effort.packets_ahead, effort.seconds_ahead = packets, seconds


def _sweep(ground: Ground, portion: "list[Span]") -> "Sweep":
    from flexprint_agent.search import plan
    from flexprint_agent.search.sweep import Sweep

    settings = ground.settings
    return Sweep(
        [[place for span in spans for place in span.places()] for spans in plan.ranges(portion)],
        communities=settings.communities,
        retries=plan.PASSES - 1,
        versions=settings.snmp_versions,
        timeout=settings.search_timeout,
        pace=ground.pace,
        range_packets_per_second=plan.RANGE_RATE,
    )


SWEEP: Final = Finder(NAME, on=lambda _settings: True, plan=_plan, find=_find)
