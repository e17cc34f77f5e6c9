"""The doctor's report: one text that can be mailed to the dealer, and that a help desk reads from the top.

It is masked as reads are, and holds no secret.
"""

import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flexprint_agent import __version__
from flexprint_agent import settings as table
from flexprint_agent.keep import Keep
from flexprint_agent.keep.masking import masked
from flexprint_agent.service import log
from flexprint_agent.settings import Settings
from flexprint_agent.wake.chosen import Settled, from_dealer, in_force, settled
from flexprint_agent.wake.health import Facts, place
from flexprint_agent.wake.own_words import OwnWords, names_of
from flexprint_agent.wake.sending import leaving_of
from flexprint_agent.wake.walk import Line
from flexprint_shared.times import rfc3339

_MARKS: Final = {"ok": "  ok  ", "trouble": "  !!  ", "skipped": "  --  "}
_MOST_PRINTERS: Final = 500
_LOG_LINES: Final = 60
_WAKES: Final = 10
_TOLD_ELSEWHERE: Final = (
    "home",
    "targets",
    "exclusions",
    "recipients",
    "dealer",
    "customer",
    "site",
    "agent",
    "collector",
)


def report(keep: Keep, walked: Sequence[Line], found: Sequence[Mapping[str, str]], facts: Facts, now: datetime) -> str:
    """What is wrong comes first, then who this is, then all that is known."""
    parts = {
        "What to do": [f"{one['problem']}\n      next: {one['next_step']}" for one in found]
        or ["nothing: all is well"],
        "FlexPrint agent": _about(facts.status, now),
        "Walk": [
            f"{_MARKS[one['state']]}{one['step']}: {one['told']}"
            + (f"\n      next: {one['next_step']}" if one["next_step"] else "")
            for one in walked
        ],
        "Printers": list(_printers(keep)) or ["none is known"],
        "Status": [f"{name}: {_plain(value)}" for name, value in facts.status.items() if name not in _TOLD_ELSEWHERE],
        "Chosen": [f"{name}: {_plain(facts.status[name])}" for name in ("targets", "exclusions", "recipients")],
        "Settings": list(_settings(keep)),
        "Credentials": [] if facts.locked else list(_credentials(keep)) or ["none"],
        "Last wakes": [f"{rfc3339(at)}: {told}" for at, told in keep.wakes.latest(_WAKES)] or ["none"],
        "Log": log.kept(keep.home).splitlines()[-_LOG_LINES:] or ["empty"],
    }
    text = "\n\n".join(f"{heading}\n{'-' * len(heading)}\n" + "\n".join(lines) for heading, lines in parts.items())
    return log.scrubbed(_fit_to_leave(keep, text, locked=facts.locked is not None), ()) + "\n"


def _fit_to_leave(keep: Keep, text: str, *, locked: bool) -> str:
    if not locked:
        settings = in_force(keep)
        return OwnWords(keep, settings, leaving_of(keep, settings))(text)
    # Nobody can open the secrets, this program neither: masks hold all the same.
    settings = _plainly_in_force(keep)
    return masked(text, leaving_of(keep, settings), names_of(keep, settings))


def _plainly_in_force(keep: Keep) -> Settings:
    """Without what is secret."""
    return table.in_force(keep.choices.settings() | dict(from_dealer(keep).values))


def _about(status: Mapping[str, Any], now: datetime) -> list[str]:
    whose = [f"{name}: {status[name]}" for name in ("dealer", "customer", "site", "agent", "collector")]
    return [
        *(whose if status["enrolled"] else ["it belongs to no collector yet"]),
        f"version: {__version__}, Python {sys.version.split()[0]}, {platform.system()} {platform.release()}",
        f"written: {rfc3339(now)}",
        "This file names printers and addresses as far as the site's masks let them out. It holds no password.",
    ]


def _printers(keep: Keep) -> Iterator[str]:
    known = keep.devices.all()
    for one in known[:_MOST_PRINTERS]:
        read = f"last read {rfc3339(one.last_read_at)}" if one.last_read_at else "never read"
        silent = f", silent since {rfc3339(one.silent_since)}" if one.silent_since else ""
        yield f"{place(one)}, port {one.port}, serial {one.identity.serial or 'unknown'}: {read}{silent}"
    if len(known) > _MOST_PRINTERS:
        yield f"and {len(known) - _MOST_PRINTERS:,} more"


def _settings(keep: Keep) -> Iterator[str]:
    """What holds, and whose choice it is."""
    stored, secret, dealers = keep.choices.settings(), keep.choices.secret_names(), settled(keep)
    for one in table.TABLE:
        if one.name in secret:
            yield f"{one.name}: (set, secret)"
        elif one.name == "proxy_user" and one.name in stored:
            yield f"{one.name}: (set)"  # people log in to proxies by their names
        elif not one.secret:
            yield f"{one.name}: {_whose(one.default, stored.get(one.name), dealers.get(one.name))}"


def _whose(default: str, own: str | None, dealers: Settled | None) -> str:
    usual = default or "not set"
    if dealers is not None and dealers.unfit is None:
        return f"{dealers.value} (set by the dealer; the site: {own or usual})"
    asked = "" if dealers is None else f" (the dealer asks for {dealers.value}: {dealers.unfit})"
    return (f"{usual} (default)" if own is None else own) + asked


def _credentials(keep: Keep) -> Iterator[str]:
    refused = [one.credential for one in keep.credentials.refusals()]
    for one in keep.credentials.all():
        how = "/".join(one.facts.get(name, "none") for name in ("auth", "privacy"))
        kind = "community" if "community" in one.facts else f"SNMPv3 user, {how}"
        yield f"{one.number}: {kind}, for {one.scope or 'all'}, refused by {refused.count(one.number)}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "none"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
