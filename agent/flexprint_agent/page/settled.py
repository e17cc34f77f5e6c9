"""What the dealer settled from afar, shown beside what the site chose and the switch that forbids it."""

from collections.abc import Iterable
from typing import Final

from flexprint_agent import settings
from flexprint_agent.page.frame import Visit, details, tag
from flexprint_agent.page.html import Child, Html, data, el
from flexprint_agent.page.workbook_words import schedule_in_words
from flexprint_agent.wake.chosen import Settled, settled

SWITCHES: Final = "dealer"
"""The id of the card with the switches that forbid it."""


def by_dealer(visit: Visit, names: Iterable[str]) -> Child:
    """A line for each of these settings that the dealer settled; nothing where there is none."""
    told = settled(visit.keep)
    rows = [el("li", _told(visit, name, told[name])) for name in names if name in told]
    if not rows:
        return None
    forbid = el("a", visit.words("dealer.forbid"), href=f"{visit.link('settings')}#{SWITCHES}")
    return el("div", el("ul", rows, class_="settled"), el("p", forbid), class_="notice")


def of_group(visit: Visit, group: str) -> Child:
    """What the dealer settled that this switch allows or forbids."""
    rows = [el("li", _told(visit, name, one)) for name, one in settled(visit.keep).items() if one.group == group]
    return el("ul", rows, class_="settled sub") if rows else None


def by_dealer_tag(visit: Visit, name: str) -> Child:
    """A word beside a switch that the dealer put on."""
    one = settled(visit.keep).get(name)
    return [" ", tag(visit.words("dealer.by"))] if one is not None and one.unfit is None else None


def _told(visit: Visit, name: str, one: Settled) -> Child:
    words, known = visit.words, settings.BY_NAME.get(name)
    what = words(f"dealer.{name}") if words.has(f"dealer.{name}") else words(f"mask.{name}")
    if one.unfit is not None:
        forbidden = one.group is not None and one.unfit == settings.FORBIDDEN
        said = words("dealer.forbidden" if forbidden else "dealer.unfit")
        return [what, ": ", _value(visit, name, one.value), " ", tag(said), None if forbidden else _why(visit, one)]
    own = visit.keep.choices.settings().get(name, known.default) if known else None
    return [
        what,
        ": ",
        el("strong", _value(visit, name, one.value)),
        " ",
        tag(words("dealer.by")),
        el("span", " ", words("dealer.own"), " ", _value(visit, name, own), class_="sub") if own is not None else None,
    ]


def _why(visit: Visit, one: Settled) -> Html:
    return details(visit, str(one.unfit))


def _value(visit: Visit, name: str, value: str) -> Child:
    """A value in words; as it is where it says nothing that can be understood."""
    words = visit.words
    if name not in settings.BY_NAME:
        return data(value)
    try:
        read = settings.check(name, value)
    except settings.BadSetting:
        return data(value)
    match name:
        case "report_every":
            return schedule_in_words(words, value)
        case "wakes_per_day" | "packets_per_second":
            return words(f"dealer.{name}_value", count=read)
        case "search_every":
            return words("dealer.search_every_value", time=words.duration(read.total_seconds()))
        case _ if name in settings.GROUPS["masks"]:
            return words("dealer.on" if read else "dealer.off")
    return data(value)
