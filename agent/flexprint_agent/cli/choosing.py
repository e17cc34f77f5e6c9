"""enroll, settings, add, exclude, remove, recipients: what the site chooses."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from flexprint_agent import settings
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, confirmed, from_stdin, now, opened, say
from flexprint_agent.errors import WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.send.errors import ProxyRefused
from flexprint_agent.targets import Span
from flexprint_agent.wake import choosing, lists
from flexprint_agent.wake import chosen as chosen_here
from flexprint_agent.wake.chosen import Settled


def enroll(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep:
        wanted = choosing.Wanted(
            chosen.server, from_stdin(chosen.key), chosen.proxy, chosen.ca, chosen.insecure_loopback
        )
        try:
            enrolment = choosing.enroll(keep, wanted, now)
        except ProxyRefused as refusal:
            if not (refusal.wants_password and sys.stdin.isatty()):
                raise
            # Asked once: what opens the proxy is kept sealed for every wake to come.
            enrolment = choosing.enroll(keep, replace(wanted, login=_login()), now)
    say(
        chosen,
        {
            "enrolled": True,
            "agent": str(enrolment.agent),
            "collector": enrolment.server,
            "dealer": enrolment.dealer,
            "customer": enrolment.customer,
            "site": enrolment.site,
        },
        show.enrolled,
    )
    return 0


def _login() -> tuple[str, str]:
    """User and password for the proxy, from the person at the terminal."""
    import getpass

    complain("the proxy on the way wants a user and a password")
    sys.stderr.write("user: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip(), getpass.getpass("password: ")


def change_settings(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        if chosen.value is not None:
            choosing.change(keep, chosen.name, from_stdin(chosen.value))
        stored, secret = keep.choices.settings(), keep.choices.secret_names()
        settled = chosen_here.settled(keep)
    if chosen.name is not None and chosen.name not in settings.BY_NAME:
        settings.check(chosen.name, "")
    rows = [
        _row(one, settings.MASK if one.name in secret else stored.get(one.name), settled.get(one.name))
        for one in settings.TABLE
        if chosen.name in (None, one.name)
    ]
    allowed = settings.in_force(stored).dealer_may
    groups = {group for row in rows if row["dealer_holds"] and (group := settings.group_of(row["name"]))}
    document = {
        "settings": rows,
        "to_forbid": {group: f"settings dealer_may {settings.forbidding(group, allowed)}" for group in sorted(groups)},
    }
    say(chosen, document, show.settings)
    return 0


def _row(one: settings.Setting, own: str | None, dealers: Settled | None) -> dict[str, Any]:
    """A setting as it holds, with whose choice that is."""
    holds = dealers is not None and dealers.unfit is None
    return {
        "name": one.name,
        "value": dealers.value if dealers and holds else one.default if own is None else own,
        "default": one.default,
        "set": own is not None,
        "own": own,
        "from_dealer": dealers.value if dealers else None,
        "dealer_holds": holds,
        "why_not": dealers.unfit if dealers else None,
        "about": one.about,
    }


def add(chosen: argparse.Namespace) -> int:
    return _choose(chosen, excluded=False)


def exclude(chosen: argparse.Namespace) -> int:
    return _choose(chosen, excluded=True)


def _choose(chosen: argparse.Namespace, *, excluded: bool) -> int:
    """Takes the good ones and names the others one by one."""

    def agrees(text: str, span: Span) -> bool:
        return confirmed(chosen, f"{text.strip()} has {len(span):,} addresses, each asked at every search. Add it?")

    typed = list(_typed(chosen))
    with opened(chosen) as keep:
        taken = choosing.choose(keep, typed, now(), excluded=excluded, agrees=agrees)
    document = {
        "excluded" if excluded else "added": taken.new,
        "known": taken.known,
        "refused": [{"target": one.text, "reason": one.reason} for one in taken.refused],
    }
    say(chosen, document, show.chosen)
    for one in taken.refused:
        complain(one)
    return 2 if taken.refused else 0


def _typed(chosen: argparse.Namespace) -> Iterator[tuple[int | None, str]]:
    """Every target that was given, with its line where it stands in a list: `-` is a list on standard input."""
    for text in chosen.targets:
        if text == "-":
            stream = getattr(sys.stdin, "buffer", sys.stdin)
            given = stream.read(lists.LARGEST + 1)
            yield from lists.entries(given if isinstance(given, bytes) else given.encode())
        else:
            yield None, text
    if chosen.file is not None:
        try:
            with Path(chosen.file).open("rb") as stream:
                octets = stream.read(lists.LARGEST + 1)
        except OSError as error:
            raise WrongUsage(f"{chosen.file} cannot be read ({error.strerror}); check the name of the list") from None
        yield from lists.entries(octets)


def remove(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        gone, unknown = choosing.forget(keep, chosen.targets, now())
    say(chosen, {"removed": gone, "unknown": unknown}, show.chosen)
    for text in unknown:
        complain(f"{text}: neither a target nor excluded; `flexprint-agent status` lists them")
    return 2 if unknown else 0


def recipients(chosen: argparse.Namespace) -> int:
    status = 0
    with opened(chosen) as keep:
        dealers = chosen_here.from_dealer(keep).recipients
        if chosen.action == "add":
            choosing.add_recipients(keep, chosen.addresses)
        elif chosen.action == "remove":
            gone = {address.casefold() for address in keep.choices.remove_recipients(chosen.addresses)}
            for address in chosen.addresses:
                if address.casefold() not in gone:
                    complain(_not_removed(keep, address, dealers))
                    status = 2
        own = keep.choices.recipients()
        known = {address.casefold() for address in own}
        others = [address for address in dealers if address.casefold() not in known]
        say(chosen, {"recipients": own, "from_dealer": others}, show.recipients)
    return status


def _not_removed(keep: Keep, address: str, dealers: Iterable[str]) -> str:
    if address.casefold() not in map(str.casefold, dealers):
        return f"{address} was no recipient; `flexprint-agent recipients list` shows them"
    forbidden = settings.forbidding("recipients", settings.in_force(keep.choices.settings()).dealer_may)
    return (
        f"{address} was added by your dealer; `flexprint-agent settings dealer_may {forbidden}` forbids that, for all "
        "addresses of your dealer"
    )
