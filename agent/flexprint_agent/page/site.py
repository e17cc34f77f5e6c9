"""Which page answers which address, and who is let in to it."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.page import carried, credentials, networks, overview, preferences, printers, sent, setup, workbook
from flexprint_agent.page.catalogue import Words, languages, spoken
from flexprint_agent.page.door import Door, Session, says_the_word
from flexprint_agent.page.frame import Closing, Visit, document, el_link, failed, page
from flexprint_agent.page.html import el
from flexprint_agent.page.server import Request, Response
from flexprint_agent.page.showing import under_way
from flexprint_agent.page.work import Unexpected, Work
from flexprint_agent.wake.reading import Clock

Page = Callable[[Visit], Response]

LANGUAGE: Final = "page_language"
"""The note that holds the language that a person chose."""

_STATIC: Final = Path(__file__).parent / "static"
_KINDS: Final[Mapping[str, str]] = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}


class Site:
    """Answers requests, each with the home opened anew."""

    def __init__(self, home: Path, door: Door, work: Work, now: Clock, used: Callable[[], None]) -> None:
        self._home = home
        self._door = door
        self._work = work
        self._now = now
        self._used = used
        self.closing = Closing()

    def __call__(self, request: Request) -> Response:
        door = self._door
        if not door.is_ours(request.headers):
            return _plain(421)
        if request.path == "/again" and request.method == "POST":
            return self._again(door, request)
        if request.path == "/enter" and request.method == "GET":
            return self._enter(door, request)
        if request.path == "/favicon.ico":
            return Response(status=204)
        if not request.path.startswith(f"{door.root}/"):
            return _plain(404)
        session = door.session_of(request.headers)
        if session is None:
            return _shut(request, "no_session")
        if not door.comes_from_us(request.headers):
            return _shut(request, "elsewhere")
        if request.method == "POST" and not says_the_word(session, request.form):
            return _shut(request, "old_form")
        self._used()
        return self._answer(door, session, request)

    def _again(self, door: Door, request: Request) -> Response:
        """Another `flexprint-agent page` of the same person asks for an address."""
        if not door.is_control(request.headers):
            return _plain(403)
        self._used()
        return Response(door.address().encode(), media_type="text/plain; charset=utf-8")

    def _enter(self, door: Door, request: Request) -> Response:
        session = door.enter(request.asked("token"), request.headers)
        if not isinstance(session, Session):
            return _shut(request, session)
        self._used()
        # Not a redirect: a browser that came from elsewhere would follow it without the cookie. A page's own refresh
        # comes from us.
        refresh = el("meta", http_equiv="refresh", content=f"0; url={door.root}/")
        html = el("html", el("head", el("meta", charset="utf-8"), refresh, el("title", "FlexPrint")), el("body"))
        cookie = ("Set-Cookie", door.cookie_of(session))
        return Response(f"<!doctype html>\n{html}\n".encode(), headers=(cookie,))

    def _answer(self, door: Door, session: Session, request: Request) -> Response:
        path = request.path.removeprefix(f"{door.root}/")
        if path.startswith("static/"):
            return _file(path.removeprefix("static/"))
        answering = PAGES.get((request.method, path))
        try:
            with Keep(self._home) as keep:
                words = _words(keep, request)
                visit = Visit(request, keep, self._work, words, door.root, session.csrf, self._now, self.closing)
                return _tried(visit, answering) if answering else _missing(visit)
        except AgentError as error:
            # The home itself cannot be used: there is no page without it, but a reason.
            words = spoken(request.headers.get("accept-language", ""))
            return _bare(words, words("door.home"), str(error), 500)


def _tried(visit: Visit, answering: Page) -> Response:
    words = visit.words
    try:
        return answering(visit)
    except AgentError as error:
        return page(visit, words("frame.failed"), failed(visit, error), room="overview", status=409)
    except Exception as error:  # noqa: BLE001 - a fault of a page is shown as one, and told where it can be looked for
        traceback.print_exc()
        return page(visit, words("frame.failed"), failed(visit, Unexpected(repr(error))), room="overview", status=500)


def _missing(visit: Visit) -> Response:
    return page(visit, visit.words("frame.missing"), el_link(visit, "", "setup.overview"), room="overview", status=404)


def _words(keep: Keep, request: Request) -> Words:
    chosen = languages().get(keep.notes.get(LANGUAGE) or "")
    return chosen or spoken(request.headers.get("accept-language", ""))


def _file(name: str) -> Response:
    kind = _KINDS.get(name)
    return Response((_STATIC / name).read_bytes(), media_type=kind) if kind else _plain(404)


def _plain(status: int) -> Response:
    return Response(f"{status}\n".encode(), status, "text/plain; charset=utf-8")


def _shut(request: Request, why: str) -> Response:
    words = spoken(request.headers.get("accept-language", ""))
    return _bare(words, words(f"door.{why}"), words("door.again"), 403)


def _bare(words: Words, title: str, text: str, status: int) -> Response:
    """A page for somebody who was not let in: it shows nothing of the agent."""
    head = el("head", el("meta", charset="utf-8"), el("title", title))
    html = el("html", head, el("body", el("h1", title), el("p", text)), lang=words.code)
    return Response(f"<!doctype html>\n{html}\n".encode(), status)


# Deeds that belong to no page


def _work(visit: Visit) -> Response:
    """The part of a page that shows work under way; nothing once it has ended."""
    state = visit.work.state
    if state is None or not state.running:
        return Response(status=204)
    return Response(under_way(visit, state).encode())


def _stop(visit: Visit) -> Response:
    visit.work.stop()
    visit.work.wait(2.0)
    return visit.go(_local(visit))


def _language(visit: Visit) -> Response:
    code = visit.request.typed("language")
    if code in languages():
        visit.keep.notes.put(LANGUAGE, code)
    return visit.go(_local(visit))


def _local(visit: Visit) -> str:
    """Where a form wants to go back to: one of our own pages."""
    back = visit.request.typed("back")
    return back if ("GET", back) in PAGES else ""


def _close(visit: Visit) -> Response:
    visit.close.asked = True
    words = visit.words
    title = words("frame.closed")
    return document(visit, title, el("main", el("h1", title), el("p", words("frame.closed_lead")), class_="wrap"))


PAGES: Final[Mapping[tuple[str, str], Page]] = {
    ("GET", ""): overview.show,
    ("POST", "read"): overview.read,
    ("POST", "check"): overview.check,
    ("POST", "service"): overview.install,
    ("GET", "printers"): printers.show,
    ("POST", "printers/add"): printers.add,
    ("POST", "printers/search"): printers.search,
    ("GET", "printer"): printers.one,
    ("POST", "printer/read"): printers.read,
    ("POST", "printer/label"): printers.label,
    ("POST", "printer/exclude"): printers.exclude,
    ("GET", "networks"): networks.show,
    ("POST", "networks"): networks.save,
    ("POST", "networks/forget"): networks.forget,
    ("POST", "networks/exclude"): networks.exclude,
    ("POST", "networks/learn"): networks.learn,
    ("GET", "workbook"): workbook.show,
    ("POST", "workbook/add"): workbook.add,
    ("POST", "workbook/remove"): workbook.remove,
    ("POST", "workbook/schedule"): workbook.schedule,
    ("POST", "workbook/send"): workbook.send,
    ("GET", "sent"): sent.show,
    ("POST", "sent"): sent.save,
    ("POST", "sent/export"): carried.save,
    ("POST", "sent/import"): sent.take_back,
    ("GET", "batch"): sent.batch,
    ("GET", "batch.json"): sent.download,
    ("GET", "settings"): preferences.show,
    ("POST", "settings"): preferences.save,
    ("POST", "settings/dealer"): preferences.save_dealer,
    ("GET", "credentials"): credentials.show,
    ("POST", "credentials/add"): credentials.add,
    ("POST", "credentials/try"): credentials.try_kept,
    ("POST", "credentials/keep"): credentials.keep,
    ("POST", "credentials/remove"): credentials.remove,
    ("POST", "credentials/sooner"): credentials.sooner,
    ("GET", "check-in"): sent.check_in,
    ("GET", "log"): sent.log,
    ("GET", "setup/connect"): setup.connect,
    ("POST", "setup/connect"): setup.take_connect,
    ("GET", "setup/networks"): setup.choose_networks,
    ("POST", "setup/networks"): setup.take_networks,
    ("GET", "setup/printers"): setup.look,
    ("POST", "setup/printers"): setup.take_printers,
    ("GET", "setup/workbook"): setup.address,
    ("POST", "setup/workbook"): setup.take_address,
    ("GET", "setup/done"): setup.done,
    ("POST", "setup/done"): setup.take_done,
    ("GET", "work"): _work,
    ("POST", "work/stop"): _stop,
    ("POST", "language"): _language,
    ("POST", "close"): _close,
}
