"""search, devices, read, probe: what is out there."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flexprint_agent import settings, targets
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, home, now, opened, say
from flexprint_agent.cli.progress import progress
from flexprint_agent.cli.typed import of_each, typed
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep import database
from flexprint_agent.keep.credentials import Credential
from flexprint_agent.settings import Settings
from flexprint_agent.wake import finding, local, reading
from flexprint_agent.wake.chosen import in_force
from flexprint_agent.wake.credentials import Keyring
from flexprint_agent.wake.resting import manner

if TYPE_CHECKING:
    from flexprint_agent.snmp.exchange import Endpoint
    from flexprint_agent.snmp.v3 import User


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
        rests, known = keep.rests.all(), keep.devices.knowledge
        told = [
            show.device(one, rests.get(one.id), manner(known(one.id).get("traits", {}))) for one in keep.devices.all()
        ]
        say(chosen, {"devices": told}, show.devices)
    return 0


def read(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep:
        chosen_settings = in_force(keep)
        if not chosen.targets:
            if not keep.devices.count() and not local.hanging_here(chosen_settings):
                raise AgentError("no printer is known yet; find them with `flexprint-agent search`")
            done, failed = _stream(chosen, reading.read_known(keep, chosen_settings, now))
            # A printer that is switched off is no failure of the round; a round without any read is.
            return int(failed > 0 and not done)
        on_cables = local.known_local(keep).keys() & set(chosen.targets)
        texts = [text for text in chosen.targets if text not in on_cables]
        named, nowhere = typed(texts, reading.excluded(keep), targets.SNMP_PORT)
        outcomes = [nowhere, of_each(named, lambda places: reading.read_named(keep, chosen_settings, places, now))]
        if on_cables:
            outcomes.append(local.read_local(keep, chosen_settings, now, on_cables))
        _, failed = _stream(chosen, *outcomes)
        return int(failed > 0)


def probe(chosen: argparse.Namespace) -> int:
    """Works without a home; where there is one, its settings hold and its exclusions win."""
    asked = asking(chosen)
    named, nowhere = typed(chosen.targets, asked.exclusions, asked.port)
    endpoint = as_whom(chosen, asked, [spot for one in named for spot in one.spots])
    read = of_each(named, lambda places: reading.probe(asked.settings, endpoint, places, now))
    _, failed = _stream(chosen, nowhere, read)
    return int(failed > 0)


@dataclass(slots=True, frozen=True)
class Asking:
    """How a command that needs no home asks: the settings with what was typed, what is excluded, the port where a
    target names none, and the credentials that are kept."""

    settings: Settings
    exclusions: list[targets.Span]
    port: int
    credentials: Sequence[Credential]


def asking(chosen: argparse.Namespace) -> Asking:
    """Raises WrongUsage."""
    exclusions: list[targets.Span] = []
    asked = settings.in_force({})
    credentials: list[Credential] = []
    if has_home(chosen):
        with opened(chosen) as keep:
            exclusions = reading.excluded(keep)
            asked = in_force(keep)
            credentials = keep.credentials.all()
    port = targets.SNMP_PORT if chosen.port is None else chosen.port
    if not 1 <= port <= 65535:
        raise WrongUsage(f"{port} is no port; give one from 1 to 65535")
    given = {
        "snmp_versions": None if chosen.version == "3" else chosen.version,
        "snmp_timeout": chosen.timeout,
        "snmp_retries": chosen.retries,
        "communities": None if chosen.community is None else ",".join(chosen.community),
    }
    checked = {name: settings.check(name, text) for name, text in given.items() if text is not None}
    return Asking(replace(asked, **checked), exclusions, port, credentials)


def as_whom(
    chosen: argparse.Namespace, asked: Asking, spots: Iterable[reading.Spot]
) -> Callable[[str, int, Mapping[str, Any]], "Endpoint"]:
    """How a place of which something is known is asked: as the user and with the communities that were named, else as
    the home would. Raises WrongUsage."""
    ring = Keyring(asked.credentials, (), asked.settings, reading.look_up)
    users: tuple[User, ...] | None = None
    if chosen.user is not None:
        if chosen.version in ("1", "2c"):
            raise WrongUsage(f"--user is of SNMPv3; leave --version {chosen.version} out, or the user")
        from flexprint_agent.cli.credentials import user

        users = (user(chosen),)
    elif chosen.auth_protocol or chosen.privacy_protocol or chosen.auth_password or chosen.privacy_password:
        raise WrongUsage("SNMPv3 needs a user: add --user NAME")
    elif chosen.version == "3" and not all(ring.has_users(address, port) for address, port in spots):
        raise WrongUsage("as whom? Add --user NAME, or keep it with `flexprint-agent credentials add --user NAME`")
    only_v3 = chosen.version == "3" or (users is not None and chosen.community is None)

    def endpoint(address: str, port: int, known: Mapping[str, Any]) -> "Endpoint":
        made = ring.endpoint(address, port, known, now(), insist=True)
        if chosen.community is not None:
            made = replace(made, communities=asked.settings.communities)
        if users is not None:
            made = replace(made, users=users)
        if only_v3:
            return replace(made, communities=(), versions=())
        return replace(made, users=()) if chosen.version else made

    return endpoint


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
