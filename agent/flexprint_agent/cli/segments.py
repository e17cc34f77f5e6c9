"""segments: what could be searched, and choosing from it."""

import argparse
from dataclasses import replace
from ipaddress import IPv4Network

from flexprint_agent import settings, targets
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, confirmed, from_stdin, in_force, now, opened, say
from flexprint_agent.errors import WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.targets import BadTarget
from flexprint_agent.wake import reading
from flexprint_agent.wake import segments as wake


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
    good, bad = [], []
    for text in chosen.cidrs:
        try:
            cidr = _cidr(text)
            if targets.is_large(targets.parse(cidr)) and not _meant(chosen, cidr):
                raise BadTarget(text, "this is larger than a /20; add --yes if you mean it")  # noqa: TRY301
            good.append(cidr)
        except BadTarget as refusal:
            bad.append(refusal)
    with opened(chosen) as keep:
        there = [cidr for cidr in good if _kept(keep, cidr)]
        new = keep.choices.add_targets([cidr for cidr in good if cidr not in there], now())
    return _told(chosen, {"selected": new, "known": there}, [(one.text, one.reason) for one in bad])


def _deselect(chosen: argparse.Namespace) -> int:
    bad = []
    with opened(chosen) as keep:
        gone = []
        for text in chosen.cidrs:
            try:
                kept = _kept(keep, _cidr(text))
            except BadTarget as refusal:
                bad.append((text, refusal.reason))
                continue
            if kept:
                gone += keep.choices.remove_targets(kept, now())
            else:
                bad.append((text, _why_not(keep, _cidr(text))))
    return _told(chosen, {"deselected": gone}, bad)


def _told(chosen: argparse.Namespace, said: dict[str, list[str]], bad: list[tuple[str, str]]) -> int:
    say(chosen, {**said, "refused": [{"target": text, "reason": reason} for text, reason in bad]}, show.chosen)
    for text, reason in bad:
        complain(f"{text}: {reason}")
    return 2 if bad else 0


def _cidr(text: str) -> str:
    """The segment in `text` as it is kept. Raises BadTarget."""
    targets.parse(text)
    block = wake.block_of(text.strip().lower())
    if block is None or block[1] is not None:
        raise BadTarget(text, "this is no segment; write it as the list does (10.10.10.0/24), or `add` it as a target")
    return str(block[0])


def _meant(chosen: argparse.Namespace, cidr: str) -> bool:
    addresses = IPv4Network(cidr).num_addresses
    return confirmed(chosen, f"{cidr} has {addresses:,} addresses, each asked at every search. Select it?")


def _kept(keep: Keep, cidr: str) -> list[str]:
    """The targets that are this segment, however they were written."""
    return [text for text in keep.choices.targets() if wake.block_of(text) == (IPv4Network(cidr), None)]


def _why_not(keep: Keep, cidr: str) -> str:
    wider = [
        text
        for text in keep.choices.targets()
        if (block := wake.block_of(text)) and block[1] is None and IPv4Network(cidr).subnet_of(block[0])
    ]
    if wider:
        return f"it is searched as a part of {wider[0]}; `flexprint-agent exclude {cidr}` leaves it out"
    return "it was not selected"
