"""Parts that several pages show: work under way and what came of it, a meter, a printer."""

from collections.abc import Sequence
from typing import Final

from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.home import sleeper
from flexprint_agent.page.frame import WORK, Visit, button, cell, failed, form, hidden, moment, notice, table
from flexprint_agent.page.html import DASH, Attribute, Child, Html, data, el
from flexprint_agent.page.supplies import bars, standing_of
from flexprint_agent.page.work import State
from flexprint_shared import meters
from flexprint_shared.readings import Typed

_SHOWN: Final = {"total": "printer.total", "total.mono": "printer.mono", "total.color": "printer.color"}
"""The meters of a list, with their headings; a printer's own page has them all."""


INSTALLED: Final = "installed"
"""What a page is told was done, right after the service was installed."""


# Work


def work_panel(visit: Visit, *names: str) -> Child:
    """How the work called one of `names` stands, or what kept it from being done; nothing where there is none."""
    state = visit.work.state
    if state is None or state.name not in names:
        return None
    if not state.running:
        return failed(visit, state.failure) if state.failure is not None else None
    return el(
        "section",
        under_way(visit, state),
        form(visit, "work/stop", hidden("back", visit.request.path.removeprefix(f"{visit.root}/")), _stop(visit)),
        class_="card work",
        id=WORK,
        data_from=visit.link("work"),
    )


def _stop(visit: Visit) -> Html:
    return button(visit.words("work.stopping" if visit.work.stopped else "work.stop"), "plain")


def under_way(visit: Visit, state: State) -> Html:
    """The part that changes while the work goes on."""
    words, share = visit.words, state.share()
    figures: list[str] = []
    if state.phase == "searching" and state.standing is not None:
        standing = state.standing
        figures = [
            words("work.left", time=words.duration(standing.seconds_ahead)),
            words("work.found", count=standing.printers),
            words("work.answered", count=standing.answered),
            words("work.packets", count=standing.packets),
        ]
    elif state.of:
        figures = [words("work.done", done=state.done, of=state.of)]
    title = words(f"work.{state.phase}")
    value: dict[str, Attribute] = {} if share is None else {"value": f"{share:.3f}", "max": 1}
    return el(
        "div",
        el("h2", title, role="status", id="work-title"),
        el("progress", aria_labelledby="work-title", **value),
        el("p", words.listing(figures), class_="figures") if figures else None,
        id="under-way",
    )


def by_itself(visit: Visit) -> bool:
    """Whether anything wakes the agent; a service that was installed just now takes a moment to begin."""
    return sleeper(visit.keep.home) is not None or visit.request.asked("done") == INSTALLED


def unattended(visit: Visit) -> Child:
    """Where nothing wakes the agent by itself: the button that mends it."""
    if by_itself(visit):
        return None
    words = visit.words
    return el(
        "article",
        el("h2", words("service.missing")),
        el("p", words("service.missing_next")),
        form(visit, "service", button(words("service.install"), "primary")),
        class_="finding warn",
    )


# Printers


def meter_title(visit: Visit, name: str) -> str:
    """`copy.mono.large` in words: its parts as the language names them."""
    known = f"meter.{name.replace('.', '_')}"
    if visit.words.has(known):
        return visit.words(known)
    return " ".join(visit.words(f"meter.{part}") for part in name.split("."))


def model_of(device: Device) -> str | None:
    """Maker and model, the maker once."""
    maker, model = device.identity.manufacturer, device.identity.model
    if maker and model and model.lower().startswith(maker.lower()):
        return model
    return " ".join(filter(None, (maker, model))) or None


def who(visit: Visit, device: Device, typed: Typed) -> Html:
    """What people call it, else what it is."""
    name = typed.name or model_of(device)
    return data(name) if name else el("span", visit.words("printer.unknown"))


def printers_table(visit: Visit, devices: Sequence[Device], *, linked: bool) -> Html:
    words, labels = visit.words, visit.keep.labels.all()
    head = [
        words("printer.printer"),
        words("supply.title"),
        *map(words, _SHOWN.values()),
        words("printer.state"),
    ]
    rows = [
        el(
            "tr",
            el("th", _named(visit, one, labels.get(one.id, Typed()), linked=linked), scope="row"),
            cell(head[1], bars(visit, one)),
            *(
                cell(title, words.number(one.meters[meter]) if meter in one.meters else DASH, class_="num")
                for title, meter in zip(head[2:5], _SHOWN, strict=True)
            ),
            cell(head[5], standing_of(visit, one), el("span", _when_read(visit, one), class_="below")),
        )
        for one in devices
    ]
    return table(words("printers.title"), head, rows, numbers=(2, 3, 4), class_="cards printers")


def _named(visit: Visit, device: Device, typed: Typed, *, linked: bool) -> Child:
    name = who(visit, device, typed)
    known = (model_of(device) if typed.name else None, device.address, device.identity.serial, typed.location)
    below = [data(one, class_="part") for one in known if one]
    return [
        el("a", name, href=visit.link("printer", id=str(device.id))) if linked else name,
        el("span", below, class_="below") if below else None,
    ]


def _when_read(visit: Visit, device: Device) -> Child:
    return moment(visit, device.last_read_at) if device.last_read_at else None


def all_meters(visit: Visit, device: Device) -> Html | None:
    words = visit.words
    names = [*filter(meters.is_meter_name, device.meters)]
    if not names:
        return notice(words("printer.no_meters"), "")
    rows = []
    for name in sorted(names, key=meters.position):
        value = el("td", words.number(device.meters[name]), class_="num")
        rows.append(el("tr", el("th", meter_title(visit, name), scope="row"), value))
    return table(words("printer.meters"), (words("printer.meter"), words("printer.value")), rows, numbers=(1,))
