"""Subjects and file names as people word them, with a few names in braces filled in. Pure.

Nothing but the names of FIELDS can stand in braces: a template is text, not a program.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flexprint_shared.text import clean

LONGEST: Final = 200
"""Characters of a template."""

FIELDS: Final[Mapping[str, str]] = {
    "name": "the schedule's name",
    "customer": "the customer, or how many there are",
    "site": "the site, or how many there are",
    "date": "the day it is made, 2026-11-22",
    "time": "the time it is made, 0800",
    "month": "the month that volume is told of, else the one before this one, 2026-10",
    "from": "the first day that volume is told of",
    "to": "the last day that volume is told of",
    "printers": "how many printers it holds, 42 printers",
}
"""What may stand in braces, and what it becomes."""

SUBJECT: Final = "Printer report: {name} ({printers})"
FILE_NAME: Final = "Printers {name} {date} {time}"

_BRACES: Final = re.compile(r"\{([^{}]*)\}")


class TemplateUnfit(ValueError):
    """A template that cannot be filled in. The message names what is wrong and what may stand there."""


@dataclass(slots=True, frozen=True)
class Facts:
    """What a template is filled in with. Instants are in the time zone of whoever reads it; `until` is the instant
    after the last one that counts."""

    name: str
    customer: str
    site: str
    made_at: datetime
    printers: int
    since: datetime | None = None
    until: datetime | None = None


def check(template: str) -> None:
    """Raises TemplateUnfit."""
    if len(template) > LONGEST:
        raise TemplateUnfit(f"it has {len(template)} characters; {LONGEST} is the most")
    unknown = [name for name in _BRACES.findall(template) if name not in FIELDS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise TemplateUnfit(f"{{{clean(unknown[0], 40)}}} is unknown; what may stand in braces is {known}")
    if set("{}") & set(_BRACES.sub("", template)):
        raise TemplateUnfit("a brace { or } stands alone; write a name in a pair of them, like {date}")


def filled(template: str, facts: Facts) -> str:
    """The template with its names filled in, on one line. Raises TemplateUnfit."""
    check(template)
    values = _values(facts)
    return clean(_BRACES.sub(lambda found: values[found[1]], template), 400)


def _short(name: str, octets: int) -> str:
    """A name that leaves room in a file name for what stands behind it."""
    return clean(name).encode()[:octets].decode(errors="ignore").rstrip()


def _values(facts: Facts) -> dict[str, str]:
    last = facts.until - timedelta(seconds=1) if facts.until else facts.made_at
    month = last if facts.until else facts.made_at.replace(day=1) - timedelta(days=1)
    return {
        "name": _short(facts.name, 160),
        "customer": _short(facts.customer, 80),
        "site": _short(facts.site, 80),
        "date": f"{facts.made_at:%Y-%m-%d}",
        "time": f"{facts.made_at:%H%M}",
        "month": f"{month:%Y-%m}",
        "from": f"{facts.since or facts.made_at:%Y-%m-%d}",
        "to": f"{last:%Y-%m-%d}",
        "printers": "1 printer" if facts.printers == 1 else f"{facts.printers:,} printers",
    }
