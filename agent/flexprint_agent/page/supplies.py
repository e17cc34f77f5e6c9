"""Supplies as bars, and how a printer stands in one word."""

from collections.abc import Iterable
from typing import Final

from flexprint_agent.keep.devices import Device, Held
from flexprint_agent.page.frame import Visit, table, tag
from flexprint_agent.page.html import DASH, Child, Html, data, el
from flexprint_shared.readings import fills_up

_MARKING: Final = ("toner", "tonerCartridge", "matteToner", "ink", "inkCartridge", "matteInk", "inkRibbon", "solidWax")
"""The kinds that a list shows: what people buy. A printer's own page has them all."""

_COLORS: Final = ("black", "cyan", "magenta", "yellow")
_MOST_BARS: Final = 8
_FULL: Final = 100

# What a printer reports, the most pressing first, and how pressing it is.
_ERRORS: Final = {
    "jammed": "bad",
    "noToner": "bad",
    "serviceRequested": "bad",
    "doorOpen": "warn",
    "noPaper": "warn",
    "inputTrayEmpty": "warn",
    "inputTrayMissing": "warn",
    "outputTrayMissing": "warn",
    "outputFull": "warn",
    "markerSupplyMissing": "warn",
    "offline": "warn",
    "lowToner": "warn",
    "lowPaper": "",
    "outputNearFull": "",
    "overduePreventMaint": "",
}


def standing_of(visit: Visit, device: Device) -> Html:
    """How it stands: whether it answers, else what it reports first, else that all is well."""
    words, standing = visit.words, device.standing
    if device.silent_since is not None:
        return tag(words("printer.silent"), "warn")
    if device.last_read_at is None:
        return tag(words("printer.unread"))
    error = next((one for one in _ERRORS if one in standing.errors), None)
    if error is not None:
        return tag(words(f"error.{error}"), _ERRORS[error])
    return tag(words("printer.printing" if standing.state == "printing" else "printer.ok"), "good")


def bars(visit: Visit, device: Device) -> Child:
    """Toner and ink, a bar each."""
    shown = [one for one in device.standing.supplies if one.kind in _MARKING][:_MOST_BARS]
    if not shown:
        return DASH
    return el("ul", [el("li", _bar(visit, one)) for one in sorted(shown, key=_place)], class_="bars")


def _place(one: Held) -> int:
    return _COLORS.index(one.color) if one.color in _COLORS else len(_COLORS)


def _bar(visit: Visit, one: Held) -> Html:
    """One supply: a bar for the eye, the same in words for everybody."""
    known = one.color if one.color in _COLORS else "other"
    percent = one.percent
    said = visit.words("supply.percent", percent=percent) if percent is not None else _in_words(visit, one)
    full = min(_FULL, max(0, percent)) if percent is not None else 0
    picture = el(
        "svg",
        el("rect", width=_FULL, height=8, class_="ground"),
        el("rect", width=full, height=8, class_="full") if full else None,
        viewBox=f"0 0 {_FULL} 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    name = visit.words(f"color.{known}") if known != "other" else data(one.name or one.kind)
    state = "low" if one.state in ("low", "empty") else None
    return el(
        "span",
        el("span", name, class_="unseen"),
        picture if percent is not None else None,
        el("span", said, class_="level"),
        class_=" ".join(filter(None, ("bar", known, state))),
    )


def _in_words(visit: Visit, one: Held) -> str:
    return visit.words(f"supply.{one.state}")


def all_supplies(visit: Visit, supplies: Iterable[Held]) -> Html | None:
    """Every supply of a printer with its level."""
    words = visit.words
    rows = [
        el(
            "tr",
            el("th", data(one.name or one.kind), scope="row"),
            el("td", _bar(visit, one), " ", _remark(visit, one)),
        )
        for one in supplies
    ]
    return table(words("supply.title"), (words("supply.supply"), words("supply.level")), rows) if rows else None


def _remark(visit: Visit, one: Held) -> Child:
    """What the figure alone does not say."""
    words = visit.words
    if one.percent is not None and one.state in ("low", "empty"):
        return tag(_in_words(visit, one), "bad" if one.state == "empty" else "warn")
    if one.percent is not None and fills_up(one.kind):
        return el("span", words("supply.fills_up"), class_="hint")
    return None
