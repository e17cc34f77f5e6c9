"""What stands behind the question mark of a call, read strictly: a typing error is told and not overlooked. Pure."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps, loads
from typing import Any, Final
from uuid import UUID

from flexprint_server.problems import Problem
from flexprint_shared.text import clean
from flexprint_shared.times import parse_rfc3339

LARGEST_ID: Final = 2**63 - 1
"""The largest number that a column can hold."""

_LIMIT: Final = 100
_MOST: Final = 500


class BadQuestion(Problem):
    slug, status, title = "bad-parameter", 400, "A parameter cannot be understood"


@dataclass(slots=True, frozen=True)
class Parameter:
    """`read` turns text into the value, or raises ValueError saying what it takes; `schema` says the same to
    programs."""

    name: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    about: str


def _row_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= LARGEST_ID):
        raise ValueError("a number from 1")
    return int(text)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= _MOST):
        raise ValueError(f"a whole number from 1 to {_MOST}")
    return int(text)


def _text(text: str) -> str:
    words = clean(text)
    if not words:
        raise ValueError("a text")
    return words


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _time(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise ValueError("a time such as 2026-11-22T08:00:00Z") from None


def _cursor(text: str) -> list[Any]:
    try:
        values = loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        raise ValueError("the `next` of a page before, as it was given") from None
    if not isinstance(values, list):
        raise ValueError("the `next` of a page before, as it was given")  # noqa: TRY004  told like the others
    return values


LIMIT: Final = Parameter(
    "limit", _limit, {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _LIMIT}, "Items on a page."
)
CURSOR: Final = Parameter("cursor", _cursor, {"type": "string"}, "The `next` of the page before.")
_NUMBER: Final = {"type": "integer", "minimum": 1}
CUSTOMER: Final = Parameter("customer", _row_id, _NUMBER, "Only of this customer.")
SITE: Final = Parameter("site", _row_id, _NUMBER, "Only at this site.")
SERIAL: Final = Parameter("serial", _text, {"type": "string"}, "Only with exactly this serial number.")
ASSET: Final = Parameter("asset", _text, {"type": "string"}, "Only with exactly this asset number.")
STALE: Final = Parameter("stale", _yes_no, {"type": "boolean"}, "Only those that are stale, or are not.")
NEW: Final = Parameter("new", _yes_no, {"type": "boolean"}, "Only those that are new, or are not.")
LOW: Final = Parameter("low", _yes_no, {"type": "boolean"}, "Only of devices with a low supply, or with none.")
OPEN: Final = Parameter("open", _yes_no, {"type": "boolean"}, "Only those that are open, or are over.")
FROM: Final = Parameter("from", _time, {"type": "string", "format": "date-time"}, "Not read before this time.")
TO: Final = Parameter("to", _time, {"type": "string", "format": "date-time"}, "Read before this time.")


def read(query: Sequence[tuple[str, str]], known: Sequence[Parameter]) -> dict[str, Any]:
    """The values by name; the limit is always among them where it is known. Raises BadQuestion."""
    by_name = {parameter.name: parameter for parameter in known}
    found: dict[str, Any] = {"limit": _LIMIT} if "limit" in by_name else {}
    for name, text in query:
        parameter = by_name.get(name)
        if parameter is None:
            takes = ", ".join(by_name) or "none"
            raise BadQuestion(f"There is no parameter {clean(name, 60)!r}. This call takes {takes}.")
        try:
            found[name] = parameter.read(text)
        except ValueError as error:
            raise BadQuestion(f"{name} takes {error}.") from None
    return found


def next_cursor(*values: int | str) -> str:
    """A position as programs hand it back; only _cursor() reads it."""
    return urlsafe_b64encode(dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def position(asked: Mapping[str, Any], *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """Where a page begins: the values of the cursor, each through one of `kinds`; None at the first page. Raises
    BadQuestion for a cursor of another call."""
    values = asked.get("cursor")
    if values is None:
        return None
    try:
        return tuple(kind(value) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise BadQuestion("cursor takes the `next` of a page of this very call.") from None


def row_number(value: Any) -> int:
    """A number that a column can hold. Raises ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_ID:
        raise ValueError
    return value


def uuid_of(value: Any) -> UUID:
    return UUID(value)


def time_of(value: Any) -> datetime:
    return parse_rfc3339(value)
