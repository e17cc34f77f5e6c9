"""Who gets the workbook, how often, and what became of those that were asked for."""

from collections.abc import Iterable
from typing import Final

from flexprint_agent import settings
from flexprint_agent.errors import AgentError
from flexprint_agent.page import work
from flexprint_agent.page.deliveries import deliveries
from flexprint_agent.page.frame import (
    Visit,
    button,
    card,
    failed,
    field,
    form,
    hidden,
    page,
    tag,
)
from flexprint_agent.page.html import Child, Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.settled import SWITCHES, by_dealer
from flexprint_agent.page.showing import work_panel
from flexprint_agent.page.workbook_words import Chosen, read_schedule
from flexprint_agent.wake import choosing
from flexprint_agent.wake.chosen import from_dealer
from flexprint_agent.wake.chosen import recipients as everybody
from flexprint_shared.recurrence import WEEKDAYS

KINDS: Final = ("daily", "weekly", "monthly", "last-working-day", "never")


def address_box(visit: Visit, error: AgentError | None = None) -> Html:
    """Where addresses are typed, one a line or separated by commas."""
    words = visit.words
    wrong = isinstance(error, AgentError)
    return el(
        "div",
        el("label", words("workbook.addresses"), for_="addresses"),
        el("p", words("workbook.addresses_hint"), class_="hint", id="addresses-hint"),
        el(
            "textarea",
            visit.request.typed("addresses") if wrong else "",
            id="addresses",
            name="addresses",
            rows=2,
            aria_describedby="addresses-hint",
            aria_invalid="true" if wrong else None,
            autocomplete="email",
            spellcheck="false",
            placeholder="office@example.com",
        ),
        class_="field",
    )


def schedule_fields(visit: Visit) -> Child:
    words, request = visit.words, visit.request
    kept = visit.keep.choices.settings()
    chosen = read_schedule(kept.get("report_every", settings.BY_NAME["report_every"].default))
    if request.typed("how_often"):
        chosen = Chosen(*(request.typed(name) for name in ("how_often", "weekday", "day", "time")))
    weekdays = [
        el("option", words(f"weekday.{name}"), value=name, selected=name == chosen.weekday) for name in WEEKDAYS
    ]
    beside: dict[str, Child] = {
        "weekly": el("select", weekdays, name="weekday", aria_label=words("workbook.weekday")),
        "monthly": _number("day", chosen.day, words("workbook.day"), 31),
    }
    rows = [
        el(
            "div",
            el(
                "input",
                type="radio",
                name="how_often",
                value=kind,
                id=f"how-{kind}",
                checked=kind == chosen.kind,
            ),
            el("label", words(f"workbook.{kind.replace('-', '_')}"), for_=f"how-{kind}"),
            beside.get(kind),
            class_="choice",
        )
        for kind in KINDS
    ]
    wakes = request.typed("wakes_per_day") or kept.get("wakes_per_day", settings.BY_NAME["wakes_per_day"].default)
    return [
        el("fieldset", el("legend", words("workbook.how_often")), rows),
        field(
            "time", words("workbook.time"), chosen.time, hint=words("workbook.time_hint"), type="time", class_="short"
        ),
        field(
            "wakes_per_day",
            words("workbook.wakes"),
            wakes,
            hint=words("workbook.wakes_hint"),
            type="number",
            min=1,
            max=48,
            class_="short",
        ),
    ]


def _number(name: str, value: str, label: str, most: int) -> Html:
    return el("input", type="number", name=name, value=value, min=1, max=most, aria_label=label, class_="short")


def take_addresses(visit: Visit) -> None:
    """Raises WrongUsage."""
    typed = visit.request.typed("addresses").replace(",", " ").replace(";", " ").split()
    choosing.add_recipients(visit.keep, typed)


def take_schedule(visit: Visit) -> None:
    """Raises BadSetting."""
    typed = visit.request.typed
    chosen = Chosen(typed("how_often"), typed("weekday"), typed("day"), typed("time"))
    choosing.change(visit.keep, "report_every", chosen.setting())
    choosing.change(visit.keep, "wakes_per_day", typed("wakes_per_day"))


def show(visit: Visit, error: AgentError | None = None) -> Response:
    words, recipients = visit.words, visit.keep.choices.recipients()
    content = [
        work_panel(visit, "sending"),
        failed(visit, error) if error else None,
        card(
            words("workbook.to"),
            _recipients(visit, recipients) if recipients else el("p", words("workbook.nobody"), class_="sub"),
            _of_dealer(visit),
            form(visit, "workbook/add", address_box(visit, error), button(words("workbook.add"))),
        ),
        card(
            words("workbook.when"),
            by_dealer(visit, settings.GROUPS["schedule"]),
            form(visit, "workbook/schedule", schedule_fields(visit), button(words("frame.save"))),
        ),
        card(
            words("workbook.now"),
            el("p", words("workbook.now_lead"), class_="sub"),
            form(
                visit, "workbook/send", button(words("workbook.now_do"), "primary", disabled=not everybody(visit.keep))
            ),
        ),
        card(words("workbook.sent"), deliveries(visit)),
    ]
    return page(visit, words("workbook.title"), content, room="workbook", status=422 if error else 200)


def _recipients(visit: Visit, addresses: Iterable[str]) -> Html:
    words = visit.words
    rows = [
        el(
            "li",
            data(address),
            form(
                visit,
                "workbook/remove",
                hidden("address", address),
                button(words("frame.remove"), "plain", aria_label=words("frame.remove_it", what=address)),
            ),
        )
        for address in addresses
    ]
    return el("ul", rows, class_="rows")


def _of_dealer(visit: Visit) -> Child:
    """The recipients that the dealer settled beside those of the site."""
    words, addresses = visit.words, from_dealer(visit.keep).recipients
    if not addresses:
        return by_dealer(visit, ["recipients"])
    rows = [el("li", data(one), tag(words("dealer.added"))) for one in addresses]
    forbid = el("a", words("dealer.forbid"), href=f"{visit.link('settings')}#{SWITCHES}")
    return [el("p", words("workbook.of_dealer"), class_="sub"), el("ul", rows, class_="rows"), el("p", forbid)]


def add(visit: Visit) -> Response:
    try:
        take_addresses(visit)
    except AgentError as error:
        return show(visit, error)
    return visit.go("workbook", done="saved")


def remove(visit: Visit) -> Response:
    visit.keep.choices.remove_recipients(visit.request.form.get("address", []))
    return visit.go("workbook", done="removed")


def schedule(visit: Visit) -> Response:
    try:
        take_schedule(visit)
    except AgentError as error:
        return show(visit, error)
    return visit.go("workbook", done="saved")


def send(visit: Visit) -> Response:
    visit.work.start("sending", work.send(report=True))
    visit.work.wait(1.0)
    return visit.go("workbook")
