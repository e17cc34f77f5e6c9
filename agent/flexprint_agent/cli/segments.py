"""segments: what could be searched, and choosing from it."""

import argparse
from dataclasses import replace
from ipaddress import IPv4Network

from flexprint_agent import settings, targets
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, confirmed, from_stdin, now, opened, say
from flexprint_agent.errors import WrongUsage
from flexprint_agent.targets import BadTarget
from flexprint_agent.wake import choosing, reading
from flexprint_agent.wake import segments as wake
from flexprint_agent.wake.chosen import in_force


def segments(chosen: argparse.Namespace) -> int:
    if chosen.action == "select":
        return _select(chosen)
    if chosen.action == "deselect":
        return _deselect(chosen)
    gateway = None if chosen.gateway is None else _router(chosen.gateway)
    with opened(chosen, alone=True) as keep:
        asked = in_force(keep)
        if chosen.community:
            given = ",".join(map(from_stdin, chosen.community))
            asked = replace(asked, communities=settings.check("communities", given))
        document = wake.learn(keep, asked, now, gateway=gateway, hops=chosen.hops)
    say(chosen, document, show.segments)
    return 0


def _router(text: str) -> wake.Place:
    """The one address that was typed for the gateway. Raises WrongUsage."""
    target = targets.parse(text)
    spans = targets.allowed([target], [], reading.look_up)
    if targets.count(spans) != 1:
        raise WrongUsage(f"{text}: this is no single router; give its address, as 10.10.10.1")
    return next(iter(spans[0])), spans[0].port or targets.SNMP_PORT


def _select(chosen: argparse.Namespace) -> int:
    """Takes the good ones and names the others one by one."""

    def agrees(cidr: str, _: targets.Span) -> bool:
        addresses = IPv4Network(cidr).num_addresses
        return confirmed(chosen, f"{cidr} has {addresses:,} addresses, each asked at every search. Select it?")

    with opened(chosen) as keep:
        taken = choosing.select(keep, chosen.cidrs, now(), agrees)
    return _told(chosen, {"selected": taken.new, "known": taken.known}, taken.refused)


def _deselect(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        gone, bad = choosing.deselect(keep, chosen.cidrs, now())
    return _told(chosen, {"deselected": gone}, bad)


def _told(chosen: argparse.Namespace, said: dict[str, list[str]], bad: list[BadTarget]) -> int:
    say(chosen, {**said, "refused": [{"target": one.text, "reason": one.reason} for one in bad]}, show.chosen)
    for one in bad:
        complain(one)
    return 2 if bad else 0
