"""search, devices, read, probe: what is out there."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from flexprint_agent import settings, targets
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, home, in_force, now, opened, say
from flexprint_agent.cli.progress import progress
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep import database
from flexprint_agent.settings import Settings
from flexprint_agent.wake import finding, reading

_MOST_NAMED: Final = 1024
"""Addresses that `read` and `probe` take at once; more is a search."""


def search(chosen: argparse.Namespace) -> int:
    if chosen.plan:
        with opened(chosen) as keep:
            say(chosen, finding.search_plan(keep, in_force(keep)), show.plan)
        return 0
    with opened(chosen, alone=True) as keep:
        try:
            with progress(chosen) as tell:
                found = finding.search(keep, in_force(keep), now, tell)
        except finding.SearchStopped as stopped:
            say(chosen, stopped.result, show.search)
            raise
    say(chosen, found, show.search)
    return 0


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
            done, failed = _stream(chosen, reading.read_known(keep, chosen_settings, now))
            # A printer that is switched off is no failure of the round; a round without any read is.
            return int(failed > 0 and not done)
        places, nowhere = named(chosen.targets, reading.excluded(keep), targets.SNMP_PORT)
        _, failed = _stream(chosen, nowhere, reading.read_named(keep, chosen_settings, places, now))
        return int(failed > 0)


def probe(chosen: argparse.Namespace) -> int:
    """Works without a home; where there is one, its settings hold and its exclusions win."""
    asked, exclusions, port = asking(chosen)
    places, nowhere = named(chosen.targets, exclusions, port)
    _, failed = _stream(chosen, nowhere, reading.probe(asked, places, now))
    return int(failed > 0)


def asking(chosen: argparse.Namespace) -> tuple[Settings, list[targets.Span], int]:
    """How a command that needs no home asks: the settings with what was typed, what is excluded, and the port."""
    exclusions: list[targets.Span] = []
    asked = settings.in_force({})
    if has_home(chosen):
        with opened(chosen) as keep:
            exclusions = reading.excluded(keep)
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
    return replace(asked, **checked), exclusions, port


def has_home(chosen: argparse.Namespace) -> bool:
    path = home(chosen) / database.FILE
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        complain(f"{path} cannot be looked at ({error.strerror}), so its settings and exclusions are not known here")
        return False
    return True


def named(
    texts: Iterable[str], exclusions: list[targets.Span], port: int
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


def _stream(chosen: argparse.Namespace, *outcomes: Iterable[dict[str, Any]]) -> tuple[int, int]:
    """One probe object a line, as they come. Gives how many were done, and how many did not answer or fell silent
    on the way."""
    done = failed = 0
    for some in outcomes:
        for outcome in some:
            say(chosen, outcome, show.probe)
            sys.stdout.flush()
            if outcome["answered"] and outcome["error"] is None:
                done += 1
            else:
                failed += 1
    return done, failed
