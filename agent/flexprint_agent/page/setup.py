"""The first five minutes: connect, choose the networks, find the printers, say where the workbook goes. Each step is a
page that a person may leave and come back to; which comes next is kept."""

from typing import Final

from flexprint_agent.errors import AgentError
from flexprint_agent.page import networks, work, workbook
from flexprint_agent.page.frame import Visit, button, card, failed, field, form, notice, page, tick
from flexprint_agent.page.html import Child, Html, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.showing import by_itself, printers_table, unattended, work_panel
from flexprint_agent.wake import choosing

STEPS: Final = ("connect", "networks", "printers", "workbook", "done")
NOTE: Final = "page_setup"
"""The note that holds the step that comes next; without it, and with a collector, nobody needs the assistant."""

FIRST_LOOK: Final = 1.5
"""Seconds that a page waits for work that is often done at once."""


def step_due(visit: Visit) -> str | None:
    """The step that comes next; None where all is set up."""
    if visit.keep.enrolments.get() is None:
        return STEPS[0]
    due = visit.keep.notes.get(NOTE)
    return due if due in STEPS[1:] else None


def _next(visit: Visit, step: str | None) -> Response:
    """Goes on to a step, or to the overview where none is left."""
    if step is None:
        visit.keep.notes.forget(NOTE)
        return visit.go()
    visit.keep.notes.put(NOTE, step)
    return visit.go(f"setup/{step}")


def _page(visit: Visit, step: str, *content: Child, status: int = 200) -> Response:
    return page(visit, visit.words(f"setup.{step}_title"), content, steps=_steps(visit, step), status=status)


def _steps(visit: Visit, current: str) -> Html:
    words, at = visit.words, STEPS.index(current)
    items = []
    for place, name in enumerate(STEPS):
        told = el("span", words(f"setup.{name}"))
        if place < at:
            told = el("span", el("span", words("setup.finished"), class_="unseen"), told)
        state = "step" if place == at else None
        items.append(el("li", told, aria_current=state, class_="past" if place < at else None))
    return el("ol", items, class_="steps", aria_label=words("setup.steps", step=at + 1, steps=len(STEPS)))


def _forward(visit: Visit, *more: Child) -> Html:
    return el("div", button(visit.words("setup.next"), "primary"), more, class_="buttons")


# Connect


def connect(visit: Visit, error: AgentError | None = None, *, reached: bool = False) -> Response:
    words, request = visit.words, visit.request
    typed = {name: request.typed(name) for name in ("server", "key", "proxy", "proxy_user", "ca")}
    more = el(
        "details",
        el("summary", words("connect.more")),
        field(
            "proxy",
            words("connect.proxy"),
            typed["proxy"],
            hint=words("connect.proxy_hint"),
            placeholder="http://proxy.example.com:3128",
        ),
        field("proxy_user", words("settings.proxy_user"), typed["proxy_user"]),
        field(
            "proxy_password",
            words("settings.proxy_password"),
            type="password",
            hint=words("settings.proxy_password_hint"),
        ),
        field("ca", words("connect.ca"), typed["ca"], hint=words("connect.ca_hint")),
        open=error is not None or bool(typed["proxy"] or typed["ca"]),
    )
    content = [
        el("p", words("connect.lead"), class_="lead"),
        failed(visit, error) if error else None,
        notice(words("connect.reached"), "good") if reached else None,
        card(
            None,
            form(
                visit,
                "setup/connect",
                field(
                    "server",
                    words("connect.server"),
                    typed["server"],
                    hint=words("connect.server_hint"),
                    required=True,
                    inputmode="url",
                    placeholder="https://meters.example.com",
                ),
                field(
                    "key",
                    words("connect.key"),
                    typed["key"],
                    hint=words("connect.key_hint"),
                    placeholder="FPK-…",
                    spellcheck="false",
                ),
                more,
                el(
                    "div",
                    button(words("connect.do"), "primary", name="do", value="enrol"),
                    button(words("connect.check"), name="do", value="check"),
                    class_="buttons",
                ),
            ),
        ),
        el("p", words("connect.promise"), class_="sub"),
    ]
    return _page(visit, "connect", content, status=422 if error else 200)


def take_connect(visit: Visit) -> Response:
    request = visit.request
    server, user = request.typed("server").strip(), request.typed("proxy_user").strip()
    wanted = choosing.Wanted(
        server,
        request.typed("key").strip(),
        request.typed("proxy").strip() or None,
        request.typed("ca").strip() or None,
        # Plain HTTP never leaves this computer: any other host is refused.
        insecure_loopback=server.lower().startswith("http://"),
        login=(user, request.typed("proxy_password")) if user else None,
    )
    try:
        if request.typed("do") == "check":
            choosing.reach(visit.keep, wanted, visit.now())
            return connect(visit, reached=True)
        with visit.keep.alone():
            choosing.enroll(visit.keep, wanted, visit.now)
    except AgentError as error:
        return connect(visit, error)
    visit.work.start("learning", work.learn())
    return _next(visit, "networks")


# Networks


def choose_networks(visit: Visit, typed: networks.Typed | None = None) -> Response:
    words = visit.words
    visit.work.wait(FIRST_LOOK)
    busy = work_panel(visit, "learning")
    content = [
        _connected(visit),
        el("p", words("networks.lead"), " ", words("setup.costs"), class_="lead"),
        busy,
        None
        if visit.work.running
        else card(
            None,
            form(
                visit,
                "setup/networks",
                networks.chooser(visit, typed or networks.Typed(), folded=True),
                el("div", button(words("setup.search"), "primary"), class_="buttons"),
            ),
        ),
    ]
    return _page(visit, "networks", content, status=422 if typed and typed.refused else 200)


def _connected(visit: Visit) -> Child:
    enrolment = visit.keep.enrolments.get()
    if enrolment is None:
        return None
    whose = {"dealer": enrolment.dealer, "customer": enrolment.customer, "site": enrolment.site}
    return notice(visit.words("setup.connected", **whose), "good")


def take_networks(visit: Visit) -> Response:
    typed = networks.take(visit)
    if typed.refused:
        return choose_networks(visit, typed)
    visit.work.start("searching", work.find)
    return _next(visit, "printers")


# Printers


def look(visit: Visit) -> Response:
    words, devices = visit.words, visit.keep.devices.all()
    visit.work.wait(FIRST_LOOK)
    running = visit.work.running
    content = [
        work_panel(visit, "searching", "reading"),
        el("p", words("setup.found", count=len(devices)), class_="lead") if devices else None,
        None if devices or running else notice(words("setup.nothing"), "warn"),
        None if running else form(visit, "setup/printers", _forward(visit, _again(visit))),
        card(None, printers_table(visit, devices, linked=False), class_="card list") if devices else None,
    ]
    return _page(visit, "printers", content)


def _again(visit: Visit) -> Html:
    return el("a", visit.words("setup.back"), href=visit.link("setup/networks"), class_="button")


def take_printers(visit: Visit) -> Response:
    return _next(visit, "workbook")


# Workbook


def address(visit: Visit, error: AgentError | None = None) -> Response:
    words = visit.words
    content = [
        el("p", words("workbook.lead"), class_="lead"),
        failed(visit, error) if error else None,
        card(
            None,
            form(
                visit,
                "setup/workbook",
                workbook.address_box(visit, error),
                workbook.schedule_fields(visit),
                tick("now", words("setup.send_now"), on=True, hint=words("setup.send_now_hint")),
                el("div", button(words("setup.finish"), "primary"), class_="buttons"),
            ),
        ),
    ]
    return _page(visit, "workbook", content, status=422 if error else 200)


def take_address(visit: Visit) -> Response:
    try:
        workbook.take_addresses(visit)
        workbook.take_schedule(visit)
    except AgentError as error:
        return address(visit, error)
    if visit.request.typed("now"):
        visit.work.start("sending", work.send(report=bool(visit.keep.choices.recipients()), read_first=False))
    return _next(visit, "done")


# Done


def done(visit: Visit) -> Response:
    words = visit.words
    visit.work.wait(FIRST_LOOK)
    state = visit.work.state
    sent = state is not None and state.name == "sending" and not state.running and state.failure is None
    asleep = by_itself(visit)
    # What only a service keeps is not promised before there is one.
    promises = [words(f"setup.then_{number}") for number in ((1, 2, 3) if asleep else (3,))]
    content = [
        work_panel(visit, "sending"),
        notice(words("setup.sent", count=len(visit.keep.choices.recipients())), "good") if sent else None,
        el("p", words("setup.done_lead") if asleep else words("setup.almost_lead"), class_="lead"),
        unattended(visit),
        card(
            None,
            el("ul", [el("li", one) for one in promises], class_="points"),
            form(
                visit,
                "setup/done",
                el("div", button(words("setup.overview"), "primary" if asleep else ""), class_="buttons"),
            ),
        ),
    ]
    title = words("setup.done_title") if asleep else words("setup.almost_title")
    return page(visit, title, content, steps=_steps(visit, "done"))


def take_done(visit: Visit) -> Response:
    return _next(visit, None)
