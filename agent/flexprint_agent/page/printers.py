"""The printers: all of them, and each by itself."""

from flexprint_agent.errors import AgentError
from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.labels import LONGEST
from flexprint_agent.page import networks, work
from flexprint_agent.page.frame import Visit, button, card, facts, failed, field, form, hidden, moment, notice, page
from flexprint_agent.page.html import Child, Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.showing import all_meters, model_of, printers_table, who, work_panel
from flexprint_agent.page.supplies import all_supplies, standing_of
from flexprint_agent.wake import choosing
from flexprint_agent.wake.reading import places_of
from flexprint_shared.readings import Typed
from flexprint_shared.text import clean


def show(visit: Visit, typed: networks.Typed | None = None) -> Response:
    words, devices = visit.words, visit.keep.devices.all()
    typed = typed or networks.Typed()
    content = [
        work_panel(visit, "searching", "reading", "sending"),
        el(
            "div",
            el("a", words("printers.add"), href="#add", class_="button"),
            form(visit, "printers/search", button(words("printers.search_do"))),
            class_="buttons top-of-list",
        )
        if devices
        else None,
        card(None, printers_table(visit, devices, linked=True), class_="card list")
        if devices
        else notice(words("printers.none"), "warn"),
        card(
            words("printers.add"),
            networks.refused(visit, typed),
            form(
                visit,
                "printers/add",
                field(
                    "targets",
                    words("printers.add_label"),
                    typed.text,
                    hint=words("printers.add_hint"),
                    placeholder="10.10.10.21",
                ),
                button(words("printers.add_do"), "primary"),
                class_="inline",
            ),
            id="add",
            class_="card",
        ),
        None
        if devices
        else card(
            words("printers.search"),
            el("p", words("printers.search_lead"), class_="sub"),
            form(visit, "printers/search", button(words("printers.search_do"))),
        ),
    ]
    return page(visit, words("printers.title"), content, room="printers", status=422 if typed.refused else 200)


def add(visit: Visit) -> Response:
    """Takes a target and reads it at once where it is few addresses; a network is searched."""
    typed = networks.Typed(text=visit.request.typed("targets"))
    taken = networks.add(visit, typed)
    if typed.refused or not taken:
        return show(visit, typed)
    places = places_of(visit.keep, taken)
    if places is None:
        visit.work.start("searching", work.find)
    else:
        visit.work.start("reading", work.read_some(places))
        visit.work.wait(1.0)
    return visit.go("printers")


def search(visit: Visit) -> Response:
    visit.work.start("searching", work.find)
    return visit.go("printers")


# One printer


def _asked_for(visit: Visit) -> Device | None:
    number = visit.request.asked("id") or visit.request.typed("id")
    return next((one for one in visit.keep.devices.all() if str(one.id) == number), None)


def one(visit: Visit, error: AgentError | None = None) -> Response:
    words, device = visit.words, _asked_for(visit)
    if device is None:
        return page(visit, words("printer.gone"), _back(visit), room="printers", status=404)
    identity, typed = device.identity, visit.keep.labels.of(device.id)
    supplies = all_supplies(visit, device.standing.supplies)
    told = [
        ("serial", identity.serial),
        ("address", device.address),
        ("macs", ", ".join(identity.macs)),
        ("name", identity.name),
        ("place", identity.location),
        ("asset", identity.asset),
        ("firmware", identity.firmware),
    ]
    content = [
        el(
            "p",
            data(model_of(device)) if typed.name and model_of(device) else None,
            " ",
            standing_of(visit, device),
            " ",
            el("span", words("printer.last_read"), " ", moment(visit, device.last_read_at), class_="sub"),
        ),
        el("div", _button(visit, device, "read"), class_="buttons top-of-list"),
        work_panel(visit, "reading"),
        failed(visit, error) if error else None,
        card(words("printer.meters"), all_meters(visit, device)),
        card(words("supply.title"), supplies) if supplies else None,
        card(
            words("printer.label"),
            el("p", words("printer.label_lead"), class_="sub"),
            form(
                visit,
                "printer/label",
                hidden("id", str(device.id)),
                field("name", words("printer.called"), typed.name or "", maxlength=LONGEST),
                field("asset", words("printer.asset"), typed.asset or "", maxlength=LONGEST),
                field("location", words("printer.place"), typed.location or "", maxlength=LONGEST),
                button(words("frame.save"), "primary"),
            ),
        ),
        card(
            words("printer.said"),
            facts((words(f"printer.{name}"), data(value)) for name, value in told if value),
        ),
        card(
            words("printer.do"),
            el("p", words("printer.exclude_hint"), class_="sub"),
            el("div", _button(visit, device, "exclude"), class_="buttons"),
        ),
        _back(visit),
    ]
    return page(visit, who(visit, device, typed), content, room="printers", status=422 if error else 200)


def _button(visit: Visit, device: Device, deed: str) -> Html:
    return form(visit, f"printer/{deed}", hidden("id", str(device.id)), button(visit.words(f"printer.{deed}")))


def _back(visit: Visit) -> Child:
    return el("p", el("a", visit.words("printer.back"), href=visit.link("printers")))


def read(visit: Visit) -> Response:
    device = _asked_for(visit)
    if device is None or device.address is None:
        return visit.go("printers")
    doing = work.read_local([device.address]) if device.is_local else work.read_some([_place(device, device.address)])
    visit.work.start("reading", doing)
    visit.work.wait(2.0)
    return visit.go("printer", id=str(device.id))


def _place(device: Device, address: str) -> tuple[str, int, str]:
    return address, device.port, address


def label(visit: Visit) -> Response:
    """Keeps what a person typed; it leaves with the next read."""
    device = _asked_for(visit)
    if device is None:
        return visit.go("printers")
    texts = [clean(visit.request.typed(name), LONGEST).strip() or None for name in ("name", "asset", "location")]
    visit.keep.labels.put(device.id, Typed(*texts))
    return visit.go("printer", id=str(device.id), done="saved")


def exclude(visit: Visit) -> Response:
    device = _asked_for(visit)
    if device is None or device.address is None or device.is_local:
        return visit.go("printers")
    choosing.choose(visit.keep, [(None, device.address)], visit.now(), excluded=True, agrees=lambda *_: True)
    return visit.go("printers", done="excluded")
