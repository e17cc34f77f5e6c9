"""Every word of the page, in every language. A language is a file in `languages`: what it calls things, and how it
writes numbers, dates and sizes. Adding one touches no Python.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

DEFAULT: Final = "en"
FOLDER: Final = Path(__file__).parent / "languages"

# Which form of a word goes with a whole number: the cardinal rules of CLDR, by the name that a language's file gives.
PLURALS: Final[Mapping[str, Callable[[int], str]]] = {
    "never": lambda _: "other",
    "one": lambda number: "one" if number == 1 else "other",
    "zero-one": lambda number: "one" if number in (0, 1) else "other",
}

_FORMS: Final = frozenset(("zero", "one", "two", "few", "many", "other"))
_UNITS: Final = ("B", "kB", "MB", "GB")


class Unknown(KeyError):
    """A key that the catalogue does not have."""


@dataclass(slots=True, frozen=True)
class Words:
    """One language. `texts` are by their dotted keys; those with forms for different numbers are mappings."""

    code: str
    name: str
    texts: Mapping[str, str | Mapping[str, str]]
    formats: Mapping[str, Any]

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`; whole numbers among the values are written as the language writes them. A text with forms
        takes the one of the value `count`."""
        text = self.texts.get(key)
        if text is None:
            raise Unknown(key)
        if not isinstance(text, str):
            count = values["count"]
            assert isinstance(count, int)
            text = text[PLURALS[self.formats["plural"]](count)]
        return text.format(
            **{name: self.number(value) if _is_number(value) else value for name, value in values.items()}
        )

    def has(self, key: str) -> bool:
        return key in self.texts

    def number(self, value: object, digits: int = 0) -> str:
        written = f"{value:,.{digits}f}"
        swapped = {",": self.formats["thousands"], ".": self.formats["decimal"]}
        return "".join(swapped.get(sign, sign) for sign in written)

    def size(self, octets: int) -> str:
        """`812 B`, `5.1 kB`."""
        scaled, unit = float(octets), 0
        while scaled >= 1000 and unit < len(_UNITS) - 1:
            scaled, unit = scaled / 1000, unit + 1
        return f"{self.number(scaled, 1 if unit and scaled < 100 else 0)}\u00a0{_UNITS[unit]}"

    def duration(self, seconds: float) -> str:
        """The two largest units: `8 s`, `1 min 20 s`, `2 h 5 min`."""
        whole = round(seconds)
        told = [("days", whole // 86400), ("hours", whole // 3600 % 24), ("minutes", whole // 60 % 60)]
        told.append(("seconds", whole % 60))
        first = next((place for place, (_, count) in enumerate(told) if count), len(told) - 1)
        shown = [self(f"duration.{name}", count=count) for name, count in told[first : first + 2] if count]
        return " ".join(shown) or self("duration.seconds", count=0)

    def date(self, day: date) -> str:
        months = self.formats["months"]
        return str(self.formats["date"]).format(day=day.day, month=months[day.month - 1], year=day.year)

    def time(self, hour: int, minute: int) -> str:
        return str(self.formats["time"]).format(
            hour=hour, minute=minute, hour12=(hour - 1) % 12 + 1, half="am" if hour < 12 else "pm"
        )

    def moment(self, at: datetime, now: datetime) -> str:
        """An instant as this place's clock shows it; the day in a word where it is near `now`."""
        local, today = at.astimezone(), now.astimezone().date()
        days = (local.date() - today).days
        day = {0: self("day.today"), -1: self("day.yesterday"), 1: self("day.tomorrow")}.get(days)
        return self("day.at", day=day or self.date(local.date()), time=self.time(local.hour, local.minute))

    def listing(self, names: Iterable[str]) -> str:
        return ", ".join(names)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def languages() -> Mapping[str, Words]:
    """Every language there is, by its code (BCP 47), the default first."""
    read = {path.stem: parse(path.stem, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    return {DEFAULT: read[DEFAULT], **read}


def parse(code: str, text: str) -> Words:
    document = tomllib.loads(text)
    language = document.pop("language")
    return Words(code, language["name"], dict(_flat(document, "")), language)


def _flat(table: Mapping[str, Any], above: str) -> Iterable[tuple[str, str | Mapping[str, str]]]:
    for name, value in table.items():
        key = f"{above}.{name}" if above else name
        if isinstance(value, str) or value.keys() <= _FORMS:
            yield key, value
        else:
            yield from _flat(value, key)


def spoken(accepted: str) -> Words:
    """The language that a browser asks for (Accept-Language, RFC 9110, section 12.5.4); the default where there is none
    that is asked for."""
    wanted = []
    for place, part in enumerate(accepted.split(",")[:30]):
        tag, _, weight = part.strip().partition(";")
        wanted.append((-_quality(weight), place, tag.strip().lower()))
    known = {code.lower(): words for code, words in languages().items()}
    for quality, _, tag in sorted(wanted):
        found = known.get(tag) or known.get(tag.partition("-")[0])
        if found and quality:
            return found
    return languages()[DEFAULT]


def _quality(text: str) -> float:
    name, sign, value = text.strip().partition("=")
    if not sign:
        return 1.0
    try:
        return min(1.0, max(0.0, float(value))) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
