"""When the workbook comes: as the setting has it, as a form has it, and in words."""

from dataclasses import dataclass
from typing import Final

from flexprint_agent import settings
from flexprint_agent.page.catalogue import Words
from flexprint_shared.recurrence import WEEKDAYS, parse_recurrence

USUAL_TIME: Final = "07:00"
"""Where a time is needed and none was typed."""


@dataclass(slots=True, frozen=True)
class Chosen:
    """When the workbook comes, as the form has it: texts, also those that do not apply."""

    kind: str
    weekday: str = WEEKDAYS[0]
    day: str = "1"
    time: str = ""

    def setting(self) -> str:
        """What is kept of it as `report_every`."""
        if self.kind == "never" or (not self.time and self.kind in settings.PERIODS):
            return self.kind
        between = {"weekly": self.weekday, "monthly": self.day}.get(self.kind)
        return " ".join(filter(None, (self.kind, between, self.time or USUAL_TIME)))


def read_schedule(setting: str) -> Chosen:
    """The other way round."""
    if setting in settings.PERIODS:
        return Chosen(setting)
    every = parse_recurrence(setting)
    at = f"{every.at:%H:%M}"
    if every.kind == "weekly":
        return Chosen(every.kind, WEEKDAYS[every.day or 0], time=at)
    return Chosen(every.kind, day=str(every.day or 1), time=at)


def schedule_in_words(words: Words, setting: str) -> str:
    """`weekly fri 07:00` as a sentence would have it. Raises ValueError."""
    chosen = read_schedule(setting)
    if not chosen.time and chosen.kind in ("weekly", "monthly"):
        return words(f"workbook.{chosen.kind}_first")
    told = words(f"workbook.{chosen.kind.replace('-', '_')}")
    between = {"weekly": words(f"weekday.{chosen.weekday}"), "monthly": chosen.day}.get(chosen.kind, "")
    return f"{told} {between}".strip() + (f", {chosen.time}" if chosen.time else "")
