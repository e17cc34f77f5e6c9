"""What stands behind the question mark of a page's address: read leniently, written in one order. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

from flexprint_server.fleet.places import PLACE_SORTS, WantedPlaces
from flexprint_server.fleet.queries import SHOWS, SORTS, Wanted
from flexprint_server.tenants.agents import AGENT_SORTS, WantedAgents
from flexprint_shared.text import clean
from flexprint_shared.times import parse_rfc3339, rfc3339

LARGEST_ID: Final = 2**63 - 1
"""The largest number that a column can hold; beyond it nothing can be asked for."""

_LONGEST_SEARCH: Final = 100
_MOST_PAGES: Final = 1_000_000


class Sorted(Protocol):
    """A list that is wanted in some order."""

    @property
    def sort(self) -> str: ...

    @property
    def descending(self) -> bool: ...


def number(text: str | None, largest: int = LARGEST_ID) -> int | None:
    """A whole number from 1 to `largest`, or None for anything else."""
    if not text or len(text) > 19 or not (text.isascii() and text.isdigit()):
        return None
    value = int(text)
    return value if 1 <= value <= largest else None


def ids(text: str | None) -> list[int] | None:
    """Numbers as `1,2,3`; None where the text is not there at all. What is no number is left out."""
    if text is None:
        return None
    return [row for row in map(number, text.split(",")) if row is not None]


def wanted(query: Mapping[str, str]) -> Wanted:
    """The list that an address asks for. What cannot be understood is left out rather than refused: people
    cut and paste addresses."""
    sort = query.get("sort", "")
    return Wanted(
        text=clean(query.get("q", ""), _LONGEST_SEARCH),
        customer_id=number(query.get("customer")),
        site_id=number(query.get("site")),
        maker=clean(query.get("maker", "")) or None,
        show=next((show for show in SHOWS if show == query.get("show")), "all"),
        sort=next((name for name in SORTS if name == sort.removeprefix("-")), "customer"),
        descending=sort.startswith("-"),
        page=number(query.get("page"), _MOST_PAGES) or 1,
    )


@dataclass(slots=True, frozen=True)
class Address:
    """The address of a list: what stands behind its question mark, in this order, by name; what is empty is left out.
    `usual` is the order of the list when none is named."""

    path: str
    values: Mapping[str, Any]
    usual: str = ""

    def __call__(self, *, sort: str | None = None, descending: bool = False, **changes: Any) -> str:
        """The address with `changes`; the first page again unless a page is among them."""
        if sort is not None:
            changes["sort"] = _order(sort, self.usual, descending=descending)
        line = _written({**self.values, **changes})
        return f"{self.path}?{line}" if line else self.path

    @property
    def line(self) -> str:
        """What stands behind the question mark of the whole list, whatever page of it is looked at."""
        return _written(self.values)

    def kept(self, *without: str) -> list[tuple[str, Any]]:
        """What a form leaves as it is that asks for what is named in `without`."""
        return [(name, value) for name, value in self.values.items() if value and name not in without]


def _order(sort: str, usual: str, *, descending: bool) -> str | None:
    written = ("-" if descending else "") + sort
    return None if written == usual else written


def _written(values: Mapping[str, Any]) -> str:
    first_page = {"page": None} if values.get("page") == 1 else {}
    return urlencode({name: value for name, value in {**values, **first_page}.items() if value})


def at(path: str, **values: Any) -> Address:
    """The address of a list that has one order alone."""
    return Address(path, values)


def fleet(wanted: Wanted) -> Address:
    """The address of the list of devices `wanted`."""
    values = {
        "q": wanted.text,
        "customer": wanted.customer_id,
        "site": wanted.site_id,
        "maker": wanted.maker,
        "show": None if wanted.show == "all" else wanted.show,
    }
    return _sorted("/devices", values, wanted, "customer")


def devices_at(customer_id: int, site_id: int | None = None) -> str:
    """The address of the list of one customer's devices, or of one site's."""
    return fleet(Wanted(customer_id=customer_id, site_id=site_id))()


def _sorted(path: str, values: dict[str, Any], wanted: Sorted, usual: str) -> Address:
    return Address(path, {**values, "sort": _order(wanted.sort, usual, descending=wanted.descending)}, usual)


def wanted_places(query: Mapping[str, str]) -> WantedPlaces:
    """The list of customers or sites that an address asks for, as leniently."""
    sort = query.get("sort", "")
    return WantedPlaces(
        text=clean(query.get("q", ""), _LONGEST_SEARCH),
        sort=next((name for name in PLACE_SORTS if name == sort.removeprefix("-")), "name"),
        descending=sort.startswith("-"),
        page=number(query.get("page"), _MOST_PAGES) or 1,
    )


def places(path: str, wanted: WantedPlaces) -> Address:
    """The address of the list of customers or sites `wanted` at `path`."""
    return _sorted(path, {"q": wanted.text}, wanted, "name")


def wanted_agents(query: Mapping[str, str]) -> WantedAgents:
    """The list of agents that an address asks for, as leniently."""
    sort = query.get("sort", "")
    return WantedAgents(
        text=clean(query.get("q", ""), _LONGEST_SEARCH),
        silent=query.get("show") == "silent",
        sort=next((name for name in AGENT_SORTS if name == sort.removeprefix("-")), "heard"),
        descending=sort.startswith("-"),
    )


def agents(wanted: WantedAgents) -> Address:
    """The address of the list of agents `wanted`."""
    return _sorted("/agents", {"q": wanted.text, "show": "silent" if wanted.silent else None}, wanted, "heard")


def before(query: Mapping[str, str]) -> tuple[datetime, int] | None:
    """Where a page of reads begins, as `position` wrote it; None at the newest, or for what is no position."""
    instant, _, row = query.get("before", "").partition("_")
    read_id = number(row)
    try:
        return (parse_rfc3339(instant), read_id) if read_id else None
    except (ValueError, OverflowError):
        return None


def position(read_at: datetime, read_id: int) -> str:
    return f"{rfc3339(read_at)}_{read_id}"


def safe_next(target: str | None) -> str:
    """Where to go after signing in: a page of ours, or the front page for anything that could lead elsewhere."""
    if not target or not target.startswith("/") or target.startswith("//") or len(target) > 2000:
        return "/"
    # Browsers read a backslash as a slash and skip tabs and line ends.
    if "\\" in target or not target.isprintable():
        return "/"
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else "/"
