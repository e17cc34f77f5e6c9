"""The check-in of a wake: how the agent is goes up, what the dealer settled and asks for comes down.

Nothing that comes down is run: settings are checked like typed ones and hold where the site allows it, commands are
words of a closed list.
"""

import json
import platform
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flexprint_agent import __version__, settings
from flexprint_agent.keep import Keep
from flexprint_agent.keep.handed import Command
from flexprint_agent.keep.home import sleeper
from flexprint_agent.keep.notes import (
    CHECK_INS,
    CLOCK_OFFSET,
    HANDED_VERSION,
    LAST_CHECK_IN,
    LAST_LOG,
    LAST_TOLD,
    NEXT_WAKE,
    TOLD_UNTIL,
)
from flexprint_agent.settings import Settings
from flexprint_agent.wake import chosen
from flexprint_agent.wake.own_words import OwnWords
from flexprint_agent.wake.reading import Clock
from flexprint_agent.wake.sending import Line, leaving_of
from flexprint_shared.times import parse_rfc3339, rfc3339

_MOST: Final = 100
_LONGEST: Final = 2000


@dataclass(slots=True, frozen=True)
class Told:
    """What a check-in brought: commands that were not known before, and whether settings changed."""

    commands: list[Command]
    changed: bool


def check_in(
    keep: Keep,
    in_force: Settings,
    now: Clock,
    line: Line,
    wake: Mapping[str, Any],
    *,
    with_log: bool = False,
) -> Told:
    """Checks in; `wake` is what this one came to so far. Raises NotEnrolled, DeliveryError."""
    from flexprint_agent.send.checkin import check_in as ask
    from flexprint_agent.send.errors import StaleCheckIn

    enrolment = keep.enrolments.require()
    seal = keep.enrolments.check_in_sealer(enrolment)
    collector = line.collector()
    untold = keep.handed.untold()
    document = _document(keep, in_force, now(), wake, untold, with_log=with_log)
    # What left can be read in clear; the log also when later check-ins carried none.
    keep.notes.put(LAST_TOLD, json.dumps(document))
    if document["log"] is not None:
        keep.notes.put(LAST_LOG, json.dumps({"at": document["at"], "log": document["log"]}))
    try:
        answer = ask(collector, seal(document, _next(keep)), enrolment.identity_key)
    except StaleCheckIn as stale:
        # Its answer was lost, or this home was restored from a copy.
        keep.notes.put(CHECK_INS, str(stale.counter))
        answer = ask(collector, seal(document, _next(keep)), enrolment.identity_key)
    keep.handed.told(untold)
    return _take(keep, answer, now())


def _next(keep: Keep) -> int:
    counter = int(keep.notes.get(CHECK_INS) or 0) + 1
    keep.notes.put(CHECK_INS, str(counter))
    return counter


def _document(
    keep: Keep, in_force: Settings, at: datetime, wake: Mapping[str, Any], untold: Iterable[Command], *, with_log: bool
) -> dict[str, Any]:
    """As flexprint_shared.checkin says it."""
    from flexprint_shared.checkin import FORMAT, LONGEST_LOG

    leaving = leaving_of(keep, in_force)
    own_words = OwnWords(keep, in_force, leaving)
    following = keep.notes.instant(NEXT_WAKE) if sleeper(keep.home) else None
    waiting = keep.spool.next_waiting()
    devices = keep.devices.all()
    own = keep.choices.settings() | dict(chosen.from_dealer(keep).values)
    shown = (name for names in settings.GROUPS.values() for name in names if name in settings.BY_NAME)
    return {
        "format": FORMAT,
        "at": rfc3339(at),
        "version": __version__,
        "platform": f"{platform.system()} {platform.release()}",
        "host": leaving.host(socket.gethostname()),
        "next_wake_at": None if following is None else rfc3339(following),
        "health": {
            "printers": len(devices),
            "silent": sum(one.silent_since is not None for one in devices),
            "pending_reads": keep.spool.pending(),
            "waiting_batches": keep.spool.count("waiting"),
            "refused_batches": keep.spool.count("refused"),
            "last_error": own_words(waiting[0].last_error or "") or None if waiting else None,
            "recipients": len(chosen.recipients(keep)),
            "wake": {name: own_words(told) if isinstance(told, str) else told for name, told in wake.items()},
        },
        "settings": {name: own.get(name, settings.BY_NAME[name].default) for name in shown},
        "allows": list(in_force.dealer_may),
        "handed": keep.notes.get(HANDED_VERSION),
        "unfit": {name: own_words(why)[:300] for name, why in chosen.from_dealer(keep).unfit.items()},
        "told_until": keep.notes.get(TOLD_UNTIL),
        "commands": [{"id": one.id, "state": one.state, "said": own_words(one.said)[:300]} for one in untold],
        "log": own_words.log(keep.home, LONGEST_LOG) if with_log else None,
    }


def _take(keep: Keep, answer: Mapping[str, Any], at: datetime) -> Told:
    """Keeps what came down. What has not the form that it should have is left out."""
    settled = answer.get("settings")
    changed = False
    if isinstance(settled, dict) and isinstance(settled.get("values"), dict):
        values = {str(name)[:40]: text[:_LONGEST] for name, text in settled["values"].items() if isinstance(text, str)}
        changed = keep.handed.put_settings(values, str(settled.get("version"))[:64])
    keep.handed.put_workbooks(
        (one["report"], one) for one in _dicts(answer.get("deliveries")) if type(one.get("report")) is int
    )
    told_at = str(answer.get("at"))
    try:
        keep.notes.put(CLOCK_OFFSET, str(round((parse_rfc3339(told_at) - at).total_seconds())))
        keep.notes.put(TOLD_UNTIL, told_at)
    except (ValueError, OverflowError):
        pass
    keep.notes.put_instant(LAST_CHECK_IN, at)
    wanted = [
        (one["id"], str(one.get("name"))[:40])
        for one in _dicts(answer.get("commands"))
        if type(one.get("id")) is int and 0 <= one["id"] < 1 << 62
    ]
    return Told(keep.handed.take(wanted, at), changed)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value[:_MOST] if isinstance(one, dict)] if isinstance(value, list) else []
