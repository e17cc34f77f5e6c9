"""search, devices, read, probe: what is out there."""

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from flexprint_agent import settings, targets
from flexprint_agent.cli import show
from flexprint_agent.cli.common import home, in_force, now, opened, say
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep import database
from flexprint_agent.wake import finding, reading

_MOST_NAMED: Final = 1024
"""Addresses that `read` and `probe` take at once; more is a search."""


def search(chosen: argparse.Namespace) -> int:
    if chosen.plan:
        with opened(chosen) as keep:
            say(chosen, finding.search_plan(keep, in_force(keep)), show.plan)
        return 0
    with opened(chosen, alone=True) as keep:
        say(chosen, finding.search(keep, in_force(keep), now, progress()), show.search)
    return 0


def progress() -> finding.Progress | None:
    """A line on stderr that follows the sweep, where a person is looking."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def tell(packets: int, answered: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 0.2:
            last = time.monotonic()
            sys.stderr.write(f"\r{packets} packets sent, {answered} answered ")
            sys.stderr.flush()

    return tell


def devices(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        say(chosen, {"devices": [show.device(one) for one in keep.devices.all()]}, show.devices)
    return 0


def read(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep:
        chosen_settings = in_force(keep)
        if not chosen.targets:
            if not keep.devices.count():
                raise AgentError("no printer is known yet; find them with `flexprint-agent search`")
            _stream(chosen, reading.read_known(keep, chosen_settings, now))
            return 0
        exclusions = [targets.parse_exclusion(text) for text in keep.choices.exclusions()]
        places, nowhere = _named(chosen.targets, exclusions, targets.SNMP_PORT)
        return _stream(chosen, nowhere, reading.read_named(keep, chosen_settings, places, now))


def probe(chosen: argparse.Namespace) -> int:
    """Works without a home; where there is one, its settings hold and its exclusions win."""
    exclusions: list[targets.Target] = []
    asked = settings.in_force({})
    if (home(chosen) / database.FILE).exists():
        with opened(chosen) as keep:
            exclusions = [targets.parse_exclusion(text) for text in keep.choices.exclusions()]
            asked = in_force(keep)
    port = targets.SNMP_PORT if chosen.port is None else chosen.port
    if not 1 <= port <= 65535:
        raise WrongUsage(f"{port} is no port; give one from 1 to 65535")
    given = {
        "snmp_versions": chosen.version,
        "snmp_timeout": chosen.timeout,
        "snmp_retries": chosen.retries,
        "communities": None if chosen.community is None else ",".join(chosen.community),
    }
    checked = {name: settings.check(name, text) for name, text in given.items() if text is not None}
    places, nowhere = _named(chosen.targets, exclusions, port)
    return _stream(chosen, nowhere, reading.probe(replace(asked, **checked), places, now))


def _named(
    texts: Iterable[str], exclusions: list[targets.Target], port: int
) -> tuple[list[tuple[str, int, str]], list[dict[str, Any]]]:
    """The places that `texts` name, as (address, port, text), and a probe object for each text that names none."""
    places: dict[tuple[str, int], str] = {}
    nowhere = []
    for text in texts:
        target = targets.parse(text)
        if target.port is None:
            target = replace(target, port=port)
        spans = targets.allowed([target], exclusions, reading.look_up)
        if targets.count(spans) + len(places) > _MOST_NAMED:
            raise WrongUsage(
                f"{text}: more than {_MOST_NAMED} addresses are a search; `flexprint-agent add` them first"
            )
        if not spans:
            reason = "it is excluded, or nobody knows this name"
            nowhere.append(
                {"target": text, "answered": False, "printer": False, "error": f"{text} was not asked: {reason}"}
            )
        for span in spans:
            for number in range(span.first, span.last + 1):
                places.setdefault((targets.dotted(number), span.port or port), text)
    return [(address, at, text) for (address, at), text in places.items()], nowhere


def _stream(chosen: argparse.Namespace, *outcomes: Iterable[dict[str, Any]]) -> int:
    """One probe object a line, as they come. 1 when a device did not answer."""
    status = 0
    for some in outcomes:
        for outcome in some:
            say(chosen, outcome, show.probe)
            sys.stdout.flush()
            status = status or int(not outcome["answered"])
    return status
