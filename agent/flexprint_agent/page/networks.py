"""The networks that are searched: ticked, typed, left out; and what each costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flexprint_agent import settings
from flexprint_agent.page import work
from flexprint_agent.page.frame import (
    Visit,
    button,
    card,
    cell,
    details,
    failed,
    form,
    hidden,
    moment,
    notice,
    page,
    table,
    tag,
    tick,
)
from flexprint_agent.page.frame import (
    field as line,
)
from flexprint_agent.page.html import Child, Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.showing import work_panel
from flexprint_agent.search.finder import Part
from flexprint_agent.targets import BadTarget, Span, UnknownExclusion
from flexprint_agent.wake import choosing, lists
from flexprint_agent.wake.chosen import in_force
from flexprint_agent.wake.finding import priced
from flexprint_agent.wake.reading import excluded
from flexprint_agent.wake.segments import block_of, listed

AROUND: Final = ("broadcast", "multicast", "mdns", "spooler")
"""Settings that make a search look around this computer without a target."""


@dataclass(slots=True)
class Typed:
    """What became of a form: what was refused, and what is larger than a /20 and waits for a yes."""

    refused: list[BadTarget] = field(default_factory=list)
    large: list[str] = field(default_factory=list)
    text: str = ""


# What the form shows


def segments_of(visit: Visit) -> list[dict[str, Any]]:
    """Every segment that can be ticked. Raises UnknownExclusion."""
    keep = visit.keep
    rows = listed(keep.segments.all(), keep.choices.targets(), excluded(keep))
    return [row for row in rows if row["port"] is None]


def chooser(visit: Visit, typed: Typed, *, folded: bool = False) -> Child:
    """The parts of the form that choose what is searched; `folded`: with what nobody has to know folded away."""
    words = visit.words
    try:
        rows = segments_of(visit)
        prices = {part.target: part for part in priced(visit.keep, in_force(visit.keep), (row["cidr"] for row in rows))}
    except UnknownExclusion as error:
        return failed(visit, error)
    return [
        _segments(visit, rows, prices) if rows else el("p", words("networks.none"), class_="sub"),
        _by_hand(visit, typed),
        el("details", el("summary", words("around.folded")), _around(visit)) if folded else _around(visit),
    ]


def _segments(visit: Visit, rows: Iterable[Mapping[str, Any]], prices: Mapping[str, Part]) -> Html:
    words = visit.words
    head = [words(f"networks.{name}") for name in ("network", "source", "addresses", "time")]
    written = []
    for row in rows:
        cidr, price = row["cidr"], prices[row["cidr"]]
        box = el(
            "input",
            type="checkbox",
            name="cidr",
            value=cidr,
            id=f"cidr-{cidr}",
            checked=row["selected"],
            data_addresses=price.addresses,
            data_seconds=price.seconds,
        )
        remarks = [
            tag(words("networks.excluded"), "warn") if row["excluded"] else None,
            tag(words("networks.gone"), "warn") if row["gone"] else None,
            tag(words("networks.large"), "warn") if row["large"] else None,
        ]
        written.append(
            el(
                "tr",
                el(
                    "th",
                    hidden("shown", cidr),
                    el("span", box, el("label", data(cidr), for_=f"cidr-{cidr}"), class_="ticked"),
                    remarks,
                    scope="row",
                ),
                cell(
                    head[1],
                    words(f"networks.from_{row['source']}"),
                    " ",
                    data(row["router"]) if row["router"] else None,
                ),
                cell(head[2], words.number(price.addresses), class_="num"),
                cell(head[3], words.duration(price.seconds), class_="num"),
            )
        )
    return el(
        "div",
        table(words("networks.found"), head, written, numbers=(2, 3), class_="cards"),
        el(
            "p",
            words("networks.sum"),
            " ",
            el("output", data_sum="addresses", data_unit=words("networks.addresses_unit")),
            " ",
            el("output", data_sum="seconds"),
            class_="sum",
            hidden=True,
        ),
    )


def _by_hand(visit: Visit, typed: Typed) -> Child:
    words = visit.words
    return [
        refused(visit, typed),
        el(
            "div",
            el("label", words("networks.more"), for_="targets"),
            el("p", words("networks.more_hint"), class_="hint", id="targets-hint"),
            el(
                "textarea",
                typed.text,
                id="targets",
                name="targets",
                rows=3,
                aria_describedby="targets-hint",
                autocomplete="off",
                spellcheck="false",
            ),
            class_="field",
        ),
        tick("agree", words("networks.agree"), on=False) if typed.large else None,
    ]


def refused(visit: Visit, typed: Typed) -> Child:
    if not typed.refused:
        return None
    words = visit.words
    entries = [el("li", data(one.text)) for one in typed.refused]
    said = "; ".join(map(str, typed.refused))
    return notice(words("networks.refused"), "bad", el("ul", entries), details(visit, said))


def _around(visit: Visit) -> Html:
    words, stored = visit.words, visit.keep.choices.settings()
    boxes = [
        tick(
            name,
            words(f"around.{name}"),
            on=stored.get(name, settings.BY_NAME[name].default) == "on",
            hint=words(f"around.{name}_hint"),
        )
        for name in AROUND
    ]
    return el("fieldset", el("legend", words("around.title")), hidden("around", "shown"), boxes)


# What the form does


def take(visit: Visit) -> Typed:
    """Takes a form that chooser() made."""
    keep, request, at = visit.keep, visit.request, visit.now()
    typed = Typed(text=request.typed("targets"))
    ticked, shown = request.form.get("cidr", []), request.form.get("shown", [])
    selected = {row["cidr"] for row in segments_of(visit) if row["selected"]}
    # Whoever ticks a box has seen beside it what it costs.
    typed.refused += choosing.select(keep, [one for one in ticked if one not in selected], at, _yes).refused
    left = [one for one in shown if one in selected and one not in ticked]
    typed.refused += choosing.deselect(keep, left, at)[1]
    if request.typed("around"):
        for name in AROUND:
            choosing.change(keep, name, "" if request.typed(name) else "off")
    add(visit, typed)
    return typed


def add(visit: Visit, typed: Typed) -> list[str]:
    """Takes the targets that were typed; what is not taken stays in `typed`, to be mended. Those that were taken."""
    request = visit.request

    def agrees(text: str, _: Span) -> bool:
        if request.typed("agree"):
            return True
        typed.large.append(text.strip())
        return False

    entries = [(None, entry.text) for entry in lists.entries(typed.text.encode())]
    taken = choosing.choose(visit.keep, entries, visit.now(), excluded=False, agrees=agrees)
    typed.refused += taken.refused
    typed.text = "\n".join(dict.fromkeys(one.text for one in taken.refused))
    return [*taken.new, *taken.known]


def _yes(text: str, span: Span) -> bool:
    return True


# The page


def show(visit: Visit, typed: Typed | None = None) -> Response:
    words, keep = visit.words, visit.keep
    typed = typed or Typed()
    kept = [text for text in keep.choices.targets() if not _is_listed(text)]
    content = [
        el("p", words("networks.lead"), class_="lead"),
        work_panel(visit, "learning", "searching"),
        card(
            None,
            form(
                visit,
                "networks",
                chooser(visit, typed),
                el(
                    "div",
                    button(words("networks.save"), "primary", name="do", value="save"),
                    button(words("networks.save_and_search"), name="do", value="search"),
                    class_="buttons",
                ),
            ),
        ),
        _removable(visit, "networks.by_hand", kept, "networks/forget") if kept else None,
        card(
            words("networks.never"),
            el("p", words("networks.never_lead"), class_="sub"),
            _list(visit, keep.choices.exclusions(), "networks/forget"),
            form(
                visit,
                "networks/exclude",
                line("target", words("networks.exclude"), hint=words("networks.exclude_hint")),
                button(words("networks.exclude_do")),
                class_="inline",
            ),
        ),
        card(
            words("networks.ask"),
            el("p", words("networks.ask_lead"), class_="sub"),
            _asked(visit),
            form(
                visit,
                "networks/learn",
                tick("hops", words("networks.hops"), on=False),
                button(words("networks.ask_do")),
            ),
        ),
    ]
    return page(visit, words("networks.title"), *content, room="networks", status=422 if typed.refused else 200)


def _is_listed(text: str) -> bool:
    block = block_of(text)
    return block is not None and block[1] is None


def _removable(visit: Visit, title: str, texts: Iterable[str], action: str) -> Html:
    return card(visit.words(title), _list(visit, texts, action))


def _list(visit: Visit, texts: Iterable[str], action: str) -> Child:
    words = visit.words
    rows = [
        el(
            "li",
            data(text),
            form(
                visit,
                action,
                hidden("target", text),
                button(words("frame.remove"), "plain", aria_label=words("frame.remove_it", what=text)),
            ),
        )
        for text in texts
    ]
    return el("ul", rows, class_="rows") if rows else None


def _asked(visit: Visit) -> Child:
    """What the gateway said when it was last asked, as far as this page knows."""
    words, state = visit.words, visit.work.state
    seen = [segment.last_seen_at for segment in visit.keep.segments.all()]
    if state is not None and state.name == "learning" and not state.running and "gateway" in state.result:
        gateway = state.result["gateway"]
        if gateway["answered"]:
            return notice(words("networks.gateway_told", address=gateway["address"]), "good")
        error = gateway["error"] or ""
        return notice(
            words("networks.gateway_silent"), "warn", el("p", words("networks.gateway_next")), details(visit, error)
        )
    return el("p", words("networks.asked_at"), " ", moment(visit, max(seen)), class_="sub") if seen else None


def save(visit: Visit) -> Response:
    typed = take(visit)
    if typed.refused:
        return show(visit, typed)
    if visit.request.typed("do") == "search":
        visit.work.start("searching", work.find)
        return visit.go("printers")
    return visit.go("networks", done="saved")


def forget(visit: Visit) -> Response:
    choosing.forget(visit.keep, visit.request.form.get("target", []), visit.now())
    return visit.go("networks", done="removed")


def exclude(visit: Visit) -> Response:
    typed = [(None, visit.request.typed("target"))]
    taken = choosing.choose(visit.keep, typed, visit.now(), excluded=True, agrees=_yes)
    if taken.refused:
        return show(visit, Typed(refused=taken.refused))
    return visit.go("networks", done="excluded")


def learn(visit: Visit) -> Response:
    visit.work.start("learning", work.learn(hops=bool(visit.request.typed("hops"))))
    return visit.go("networks")
