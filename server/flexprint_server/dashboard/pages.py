"""From a template to an answer: the look, and the headers that keep hostile text harmless."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flexprint_server.dashboard import address_line, rooms, words
from flexprint_server.dashboard.lists import Column
from flexprint_shared.meters import position

_HERE: Final = Path(__file__).parent

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""What every answer of the dashboard carries, pages and files alike."""

BY_LINK: Final = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive"}
"""What pages carry besides whose address is itself the key: it is told to nobody, and no search engine keeps it."""

_STATIC_TYPES: Final = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

_ERRORS: Final = {
    400: ("That was not understood", "Go back, reload the page and try again."),
    403: ("That form is out of date", "Open the page again and repeat what you did; nothing was changed."),
    404: ("Nothing here", "The address may be mistyped, or what was here belongs to another account."),
    405: ("That does not work here", "Go back and use the links and buttons of the page."),
    413: ("That was too much", "The form sent more than it should. Reload the page and try again."),
    503: ("Not available just now", "The collector cannot reach its database. Try again in a minute."),
}
_UNKNOWN_ERROR: Final = (
    "Something went wrong",
    "The fault is ours and has been written to the log. Try again in a minute.",
)

NOT_YOURS: Final = (
    "Not for this account",
    "An owner of your company can do this, or give you the role for it.",
)
"""Heading and advice for somebody whose role does not allow what they asked for."""


@dataclass(slots=True, frozen=True)
class StaticFile:
    content: bytes
    type: str
    version: str


def _read_static() -> dict[str, StaticFile]:
    files = {path.name: path.read_bytes() for path in (_HERE / "static").iterdir()}
    # In the order of their names: colours and parts first, then what single pages add.
    files["flexprint.css"] = b"\n".join(path.read_bytes() for path in sorted((_HERE / "styles").glob("*.css")))
    return {
        name: StaticFile(content, _STATIC_TYPES[Path(name).suffix], sha256(content).hexdigest()[:12])
        for name, content in files.items()
    }


STATIC: Final = _read_static()
"""The few files that pages need, by name. Read once, so that no request ever names a path on the disk."""


def static_url(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep the file for good."""
    return f"/static/{name}?v={STATIC[name].version}"


# The functions of `words` that templates call.
_FILTERS: Final[tuple[str, ...]] = (
    *("said", "number", "ago", "full_time", "short_time", "short_day", "full_day", "machine_time", "uptime"),
    *(
        "called",
        "error",
        "silence",
        "health",
        "severity",
        "state",
        "source",
        "unit",
        "meter",
        "report",
        "delivery",
        "kind",
        "level",
        "weight",
        "ink",
        "deed",
        "changes",
        "role",
        "role_hint",
        "key_scope",
    ),
)


# Whose clock the page that is being filled in goes by: macros see none of its values.
_ZONE: Final[ContextVar[tzinfo]] = ContextVar("zone", default=UTC)


def _by_its_clock(told: Callable[[datetime, tzinfo], str]) -> Callable[[datetime], str]:
    return lambda instant: told(instant, _ZONE.get())


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({name: getattr(words, name) for name in _FILTERS})
    environment.filters.update({name: _by_its_clock(getattr(words, name)) for name in ("full_time", "short_time")})
    environment.globals.update(
        static_url=static_url,
        at=address_line.at,
        column=Column,
        devices_at=address_line.devices_at,
        nothing=words.NOTHING,
        rooms_for=rooms.groups_for,
        zone=lambda: str(_ZONE.get()),
    )
    return environment


_TEMPLATES: Final = _environment()


def page(template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """An answer with `template` filled in. Pages are never kept by anyone on the way."""
    visitor = values.get("visitor")
    before = _ZONE.set(visitor.time_zone if visitor else UTC)
    try:
        body = _TEMPLATES.get_template(template).render(values)
    finally:
        _ZONE.reset(before)
    return HTMLResponse(body, status, {**HEADERS, "Cache-Control": "no-store", **(headers or {})})


def error_page(
    status: int, headers: Mapping[str, str] | None = None, *, said: tuple[str, str] | None = None
) -> HTMLResponse:
    """A page for something that went wrong, in the look of the others and with nothing of the fault in it; `said` is
    its heading and advice where those of the status would mislead."""
    heading, advice = said or _ERRORS.get(status, _UNKNOWN_ERROR)
    return page("error.html", status=status, headers=headers, heading=heading, advice=advice, code=status, visitor=None)


def static_answer(name: str) -> Response | None:
    """A static file, to be kept for a year; None where there is none of that name."""
    file = STATIC.get(name)
    if file is None:
        return None
    kept = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(file.content, media_type=file.type, headers=kept)


def in_order(names: set[str]) -> list[str]:
    """Meter names in the order in which people see them."""
    return sorted(names, key=_position)


def _position(name: str) -> tuple[int, str]:
    try:
        return position(name), name
    except KeyError:  # stored by a later version of the vocabulary
        return 1 << 16, name
