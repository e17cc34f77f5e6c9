"""What all pages have in common: the visit that is answered, the frame around it, and the parts pages are made of."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Final
from urllib.parse import urlencode

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.page.catalogue import Words, languages
from flexprint_agent.page.html import Attribute, Child, Html, data, el, join
from flexprint_agent.page.server import Request, Response
from flexprint_agent.page.work import Work
from flexprint_agent.wake.reading import Clock
from flexprint_shared.times import rfc3339

ROOMS: Final = ("overview", "printers", "networks", "workbook", "sent", "settings")
"""The pages in the navigation, by the last part of their address (the first is the root)."""


WORK: Final = "work"
"""The id of the element that shows work under way."""


@dataclass(slots=True, frozen=True)
class Visit:
    """One request, let in, with what a page needs to answer it. `root` is the path that everything lies below."""

    request: Request
    keep: Keep
    work: Work
    words: Words
    root: str
    csrf: str
    now: Clock
    close: "Closing"

    def link(self, path: str = "", **query: str) -> str:
        return f"{self.root}/{path}" + (f"?{urlencode(query)}" if query else "")

    def go(self, path: str = "", **query: str) -> Response:
        """After a form was taken: the page that shows what came of it."""
        return Response(status=303, headers=(("Location", self.link(path, **query)),))


class Closing:
    """Whether the person asked the page to close."""

    def __init__(self) -> None:
        self.asked = False


# A page as a whole


def page(
    visit: Visit, title: str, *content: Child, room: str | None = None, steps: Child = None, status: int = 200
) -> Response:
    """`room` is the part of the navigation that it belongs to; None for a page without navigation. `title` is in words
    of the catalogue, or data()."""
    words, main = visit.words, "main"
    body = (
        el("a", words("frame.skip"), href=f"#{main}", class_="skip"),
        _top(visit, room),
        el("main", steps, _notice(visit), el("h1", title), content, id=main, class_="wrap", tabindex=-1),
        _foot(visit),
    )
    return document(visit, title, body, status)


def document(visit: Visit, title: str, body: Child, status: int = 200) -> Response:
    words, shown = visit.words, join(body)
    head = (
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", words("frame.title", page=_plain(title))),
        el("link", rel="icon", href=visit.link("static/mark.svg"), type="image/svg+xml"),
        el("link", rel="stylesheet", href=visit.link("static/page.css")),
        el("script", src=visit.link("static/page.js"), defer=True),
        # Without scripts a page that shows work under way comes again by itself; no other does, as somebody may be
        # typing there.
        el("noscript", el("meta", http_equiv="refresh", content="2")) if f'id="{WORK}"' in shown else None,
    )
    html = el("html", el("head", head), el("body", shown), lang=words.code)
    return Response(f"<!doctype html>\n{html}\n".encode(), status)


def _plain(title: str) -> str:
    """The title without the markup of data()."""
    return unescape(re.sub(r"<[^>]*>", "", title)) if isinstance(title, Html) else title


def _top(visit: Visit, room: str | None) -> Html:
    enrolment = visit.keep.enrolments.get()
    brand = el("span", el("img", src=visit.link("static/mark.svg"), alt="", width=22, height=22), data("FlexPrint"))
    items = [
        el(
            "li",
            el(
                "a",
                visit.words(f"{name}.nav"),
                href=visit.link("" if name == ROOMS[0] else name),
                aria_current="page" if name == room else None,
            ),
        )
        for name in ROOMS
    ]
    return el(
        "header",
        el(
            "div",
            el("div", brand, class_="brand"),
            el("p", data(enrolment.customer), ", ", data(enrolment.site), class_="site") if enrolment else None,
            class_="wrap line",
        ),
        el("nav", el("ul", items, class_="wrap"), aria_label=visit.words("frame.nav")) if room else None,
        class_="top",
    )


def _foot(visit: Visit) -> Html:
    words = visit.words
    others = [
        el("button", one.name, name="language", value=code, class_="plain", lang=code)
        for code, one in languages().items()
        if code != words.code
    ]
    return el(
        "footer",
        el("p", words("frame.local")),
        form(visit, "language", hidden("back", _here(visit)), others, class_="languages"),
        form(visit, "close", el("button", words("frame.close"), class_="plain")),
        class_="wrap",
    )


def _here(visit: Visit) -> str:
    """The page that is shown, without the root; that of a form where it was sent to one."""
    path = visit.request.path.removeprefix(visit.root).lstrip("/")
    return path if visit.request.method == "GET" else path.rpartition("/")[0]


def _notice(visit: Visit) -> Child:
    """What was done just now: a word of the catalogue, named in the address."""
    key = f"done.{visit.request.asked('done')}"
    return notice(visit.words(key), "good") if visit.words.has(key) and key.count(".") == 1 else None


# Parts


def notice(text: Child, kind: str = "warn", *more: Child) -> Html:
    """`kind` is good, warn or bad."""
    return el("div", el("p", text), more, class_=f"notice {kind}", role="alert" if kind == "bad" else "status")


def failed(visit: Visit, error: Exception) -> Html:
    """What went wrong in the person's language, with what the agent itself says of it to be unfolded."""
    return notice(visit.words(failure_key(visit.words, error)), "bad", details(visit, str(error)))


def failure_key(words: Words, error: Exception) -> str:
    """The nearest class of errors that the catalogue has a text for."""
    names = [one.__name__ for one in type(error).__mro__ if issubclass(one, Exception)]
    return next(key for name in (*names, AgentError.__name__) if words.has(key := f"failure.{name}"))


def details(visit: Visit, text: str) -> Html:
    """What the agent says, which is English, and names its commands."""
    summary = el("summary", visit.words("frame.details"))
    return el("details", summary, el("p", data(text, lang="en")), class_="said")


def form(visit: Visit, action: str, *children: Child, **attributes: Attribute) -> Html:
    return el("form", hidden("csrf", visit.csrf), children, method="post", action=visit.link(action), **attributes)


def hidden(name: str, value: str) -> Html:
    return el("input", type="hidden", name=name, value=value)


def button(text: str, kind: str = "", **attributes: Attribute) -> Html:
    return el("button", text, class_=kind or None, **attributes)


def field(
    name: str,
    label: str,
    value: str = "",
    *,
    hint: Child = None,
    error: str | None = None,
    key: str | None = None,
    **attributes: Attribute,
) -> Html:
    """A line to type in, with its label, what there is to know of it, and what was wrong with it. `key` is its id where
    several forms of a page have a field of this name."""
    key = key or name
    told = [part for part, text in ((f"{key}-hint", hint), (f"{key}-error", error)) if text]
    return el(
        "div",
        el("label", label, for_=key),
        el("p", hint, class_="hint", id=f"{key}-hint") if hint else None,
        el(
            "input",
            id=key,
            name=name,
            value=value,
            aria_describedby=" ".join(told) or None,
            aria_invalid="true" if error else None,
            **({"type": "text", "autocomplete": "off"} | attributes),
        ),
        el("p", error, class_="error", id=f"{key}-error") if error else None,
        class_="field",
    )


def tick(name: str, label: Child, *, value: str = "on", on: bool, hint: Child = None, **attributes: Attribute) -> Html:
    """A box to tick."""
    key = f"{name}-{value}"
    return el(
        "div",
        el(
            "input",
            type="checkbox",
            name=name,
            value=value,
            id=key,
            checked=on,
            aria_describedby=f"{key}-hint" if hint else None,
            **attributes,
        ),
        el("label", label, for_=key),
        el("p", hint, class_="hint", id=f"{key}-hint") if hint else None,
        class_="tick",
    )


def el_link(visit: Visit, path: str, key: str) -> Html:
    """A link that is a next step; `key` is its text in the catalogue."""
    return el("p", el("a", visit.words(key), href=visit.link(path), class_="button"))


def card(title: str | None, *children: Child, **attributes: Attribute) -> Html:
    return el("section", el("h2", title) if title else None, children, **({"class_": "card"} | attributes))


def table(
    caption: str, head: Sequence[str], rows: Iterable[Child], *, numbers: Sequence[int] = (), **attributes: Attribute
) -> Html:
    """`rows` are elements tr; `numbers` says which columns hold figures. Of the class `cards` each row becomes a card
    on a phone, and each cell there carries its heading, from data-label."""
    heads = [el("th", text, scope="col", class_="num" if place in numbers else None) for place, text in enumerate(head)]
    return el(
        "div",
        el(
            "table",
            el("caption", caption, class_="unseen"),
            el("thead", el("tr", heads)),
            el("tbody", rows),
            **attributes,
        ),
        class_="scroll",
    )


def cell(label: str, *children: Child, **attributes: Attribute) -> Html:
    return el("td", el("span", children), data_label=label, **attributes)


def moment(visit: Visit, at: datetime | None) -> Html:
    if at is None:
        return el("span", visit.words("day.never"), class_="none")
    return el("time", visit.words.moment(at, visit.now()), datetime=rfc3339(at))


def tag(text: str, kind: str = "") -> Html:
    return el("span", text, class_=f"tag {kind}".strip())


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    return el("dl", [join((el("dt", name), el("dd", value))) for name, value in pairs])
