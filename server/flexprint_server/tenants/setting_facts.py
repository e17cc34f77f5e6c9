"""What a dealer may settle for customers, sites and agents, as one table, and how it is inherited downwards. Pure.

A value is text, as somebody types it: agents take the same text for their own settings of the same name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args
from zoneinfo import available_timezones

from flexprint_shared.addresses import is_address
from flexprint_shared.recurrence import parse_recurrence
from flexprint_shared.text import clean

Level = Literal["dealer", "customer", "site", "agent"]

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""From the top down: what is set further down wins."""

NOBODY: Final = "none"
"""How an empty list is typed; an empty field inherits."""

NEVER: Final = "never"
"""How it is typed that something does not recur."""

_MOST_RECIPIENTS: Final = 20
_LONGEST: Final = 2000
_MOST_GROUPS: Final = 20
_LONGEST_GROUP: Final = 60
_LANGUAGES: Final = {"en": "English", "de": "Deutsch"}


@dataclass(slots=True, frozen=True)
class Setting:
    """One row: `read` turns text into the value, or raises ValueError saying what it takes. `choices` is what a page
    offers to pick from, as (text, words); where there are none, it is typed. `for_agents`: check-in hands it down."""

    name: str
    title: str
    default: str
    read: Callable[[str], Any]
    about: str
    levels: tuple[Level, ...] = LEVELS
    choices: Sequence[tuple[str, str]] = ()
    for_agents: bool = False


@dataclass(slots=True, frozen=True)
class Effective:
    """A setting as it holds somewhere: its `value`, the `text` that says so, and the level that set it; None where
    nobody did."""

    value: Any
    text: str
    level: Level | None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[0-9]{1,6}", text) else -1
        if not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most:,}")
        return value

    return read


def _duration(text: str) -> str:
    written = re.fullmatch(r"([0-9]{1,4})([mhd])", text)
    if not written or not int(written[1]):
        raise ValueError("a time such as 30m, 84h or 7d")
    return text


def _one_of(choices: Mapping[str, str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return read


def _switch(text: str) -> bool:
    return _one_of(_ON_OFF)(text) == "on"


def _recurrence(text: str) -> str:
    """The line in its one form."""
    if text == NEVER:
        return text
    try:
        return str(parse_recurrence(text))
    except ValueError:
        raise ValueError(f"daily 07:00, weekly mon 07:00, monthly 1 07:00, last-working-day 16:00 or {NEVER}") from None


def _recipients(text: str) -> tuple[str, ...]:
    if text == NOBODY:
        return ()
    words = tuple(dict.fromkeys(word for word in re.split(r"[\s,;]+", text) if word))
    wrong = next((word for word in words if not is_address(word)), None)
    if wrong:
        raise ValueError(f"mail addresses separated by commas, and {clean(wrong, 80)!r} is none")
    if not 0 < len(words) <= _MOST_RECIPIENTS:
        raise ValueError(f"up to {_MOST_RECIPIENTS} mail addresses separated by commas, or the word {NOBODY}")
    return words


def _groups(text: str) -> tuple[str, ...]:
    if text == NOBODY:
        return ()
    names = {name.casefold(): name for name in (clean(part, _LONGEST) for part in text.split(",")) if name}
    if not 0 < len(names) <= _MOST_GROUPS or any(len(name) > _LONGEST_GROUP for name in names):
        raise ValueError(
            f"up to {_MOST_GROUPS} names of {_LONGEST_GROUP} characters, separated by commas, or the word {NOBODY}"
        )
    return tuple(names.values())


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _time_zone(text: str) -> str:
    if text not in _zones():
        raise ValueError("a time zone such as Europe/Berlin or America/New_York")
    return text


_ON_OFF: Final = {"on": "Yes", "off": "No"}
_NOT_AGENTS: Final = LEVELS[:3]


def _mask(name: str, title: str, what: str) -> Setting:
    about = f"{what} is replaced by a mark before a read leaves the customer's network."
    return Setting(name, title, "off", _switch, about, choices=tuple(_ON_OFF.items()), for_agents=True)


TABLE: Final = (
    Setting(
        "wakes_per_day",
        "Wakes a day",
        "4",
        _whole(1, 48),
        "How often an agent wakes, reads its printers and sends what they said.",
        for_agents=True,
    ),
    Setting(
        "search_every",
        "Search every",
        "84h",
        _duration,
        "How often a wake also searches for new printers, such as 84h or 7d.",
        for_agents=True,
    ),
    Setting(
        "packets_per_second",
        "Packets a second",
        "1000",
        _whole(1, 100_000),
        "The most that leave an agent's computer for its whole site.",
        for_agents=True,
    ),
    Setting(
        "report_every",
        "Workbook every",
        "daily 07:00",
        _recurrence,
        "When an agent asks for its site's workbook, by its computer's clock, such as weekly mon 07:00 or "
        f"last-working-day 16:00; {NEVER} for not at all.",
        for_agents=True,
    ),
    Setting(
        "recipients",
        "Workbook goes to",
        NOBODY,
        _recipients,
        f"Mail addresses that agents send the workbook to, besides those entered at the agent; {NOBODY} for nobody.",
        for_agents=True,
    ),
    _mask("mask_address", "Mask addresses", "The printer's network address"),
    _mask("mask_name", "Mask names", "The printer's network name"),
    _mask("mask_location", "Mask locations", "The location entered at the printer"),
    _mask("mask_contact", "Mask contacts", "The contact entered at the printer"),
    Setting(
        "stale_days",
        "Stale after days",
        "7",
        _whole(1, 90),
        "A printer that was not read for longer is stale: shown so, and pink in workbooks.",
    ),
    Setting(
        "new_days",
        "New for days",
        "31",
        _whole(1, 180),
        "For so long after it was first seen a printer counts as new, and is yellow in workbooks.",
    ),
    Setting(
        "drop_days",
        "Out of workbooks after days",
        "31",
        _whole(7, 365),
        "A printer that was not read for longer leaves the workbooks. It is never deleted.",
    ),
    Setting(
        "alert_recipients",
        "Alerts go to",
        NOBODY,
        _recipients,
        f"Mail addresses that hear of silent agents, stale printers and low supplies; {NOBODY} for nobody.",
        _NOT_AGENTS,
    ),
    Setting(
        "time_zone",
        "Time zone",
        "UTC",
        _time_zone,
        "Days and months begin by this clock, and pages show its times, such as Europe/Berlin.",
        _NOT_AGENTS,
    ),
    Setting(
        "groups",
        "Groups",
        NOBODY,
        _groups,
        f"The groups that sites here belong to, by names of yours such as North, Schools; {NOBODY} for no group. A "
        "schedule of workbooks may cover a group: sites that join it later are in its next workbook.",
        ("customer", "site"),
    ),
    Setting(
        "language",
        "Language",
        "en",
        _one_of(_LANGUAGES),
        "The language of workbooks and mails.",
        _NOT_AGENTS,
        choices=tuple(_LANGUAGES.items()),
    ),
)
BY_NAME: Final = {setting.name: setting for setting in TABLE}


def as_kept(setting: Setting, typed: str) -> str:
    """What is kept of what was typed: one line, lists in one form. Raises ValueError saying what the setting takes."""
    text = clean(typed, _LONGEST)
    value = setting.read(text)
    if isinstance(value, tuple):
        return ", ".join(value) or NOBODY
    return value if isinstance(value, str) else text


def effective(chain: Sequence[tuple[Level, Mapping[str, str]]]) -> dict[str, Effective]:
    """Every setting as it holds at the end of `chain`: what each level sets by name, from the dealer down.

    What a later version stored and this one does not know, or cannot read, counts as not set."""
    found = {setting.name: Effective(setting.read(setting.default), setting.default, None) for setting in TABLE}
    for level, texts in chain:
        for name, text in texts.items():
            setting = BY_NAME.get(name)
            if setting is None or level not in setting.levels:
                continue
            try:
                found[name] = Effective(setting.read(text), text, level)
            except ValueError:
                continue
    return found
