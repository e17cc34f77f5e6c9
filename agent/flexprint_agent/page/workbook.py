"""Who gets the workbook, how often, and what became of those that were asked for."""

from collections.abc import Iterable
from typing import Final

from flexprint_agent import settings
from flexprint_agent.errors import AgentError
from flexprint_agent.page import work
from flexprint_agent.page.frame import (
    Visit,
    button,
    card,
    cell,
    choice,
    failed,
    form,
    hidden,
    moment,
    page,
    table,
    tag,
)
from flexprint_agent.page.html import Child, Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.showing import work_panel
from flexprint_agent.wake import choosing

HOW_OFTEN: Final = ("daily", "weekly", "monthly", "never")
_SHOWN: Final = 20


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


def schedule_fields(visit: Visit) -> Html:
    words = visit.words
    chosen = visit.keep.choices.settings().get("report_every", settings.BY_NAME["report_every"].default)
    options = [(name, words(f"workbook.{name}")) for name in HOW_OFTEN]
    return choice("report_every", words("workbook.how_often"), options, chosen)


def take_addresses(visit: Visit) -> None:
    """Raises WrongUsage."""
    typed = visit.request.typed("addresses").replace(",", " ").replace(";", " ").split()
    choosing.add_recipients(visit.keep, typed)


def take_schedule(visit: Visit) -> None:
    """Raises BadSetting."""
    choosing.change(visit.keep, "report_every", visit.request.typed("report_every"))


def show(visit: Visit, error: AgentError | None = None) -> Response:
    words, recipients = visit.words, visit.keep.choices.recipients()
    content = [
        work_panel(visit, "sending"),
        failed(visit, error) if error else None,
        card(
            words("workbook.to"),
            _recipients(visit, recipients) if recipients else el("p", words("workbook.nobody"), class_="sub"),
            form(visit, "workbook/add", address_box(visit, error), button(words("workbook.add"))),
        ),
        card(
            words("workbook.when"),
            form(visit, "workbook/schedule", schedule_fields(visit), button(words("frame.save"))),
        ),
        card(
            words("workbook.now"),
            el("p", words("workbook.now_lead"), class_="sub"),
            form(visit, "workbook/send", button(words("workbook.now_do"), "primary", disabled=not recipients)),
        ),
        card(words("workbook.sent"), _asked_for(visit)),
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


def _asked_for(visit: Visit) -> Child:
    """The workbooks that were asked for, the newest first."""
    words = visit.words
    batches = [one for one in visit.keep.spool.batches() if one.report_at is not None][:_SHOWN]
    if not batches:
        return el("p", words("workbook.none_yet"), class_="sub")
    head = (words("workbook.asked_at"), words("workbook.state"))
    kinds = {"waiting": "warn", "acknowledged": "good", "refused": "bad"}
    rows = [
        el(
            "tr",
            el("th", moment(visit, one.report_at), scope="row"),
            cell(head[1], tag(words(f"workbook.{one.state}"), kinds[one.state])),
        )
        for one in batches
    ]
    return table(words("workbook.sent"), head, rows, class_="cards")


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
    work.waited(visit.work, 1.0)
    return visit.go("workbook")
