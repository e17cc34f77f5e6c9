"""Every call of the API as one table: its path, the scope that a key needs for it, what it takes and what it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy.orm import Session

from flexprint_server.alerts import queries as alerts
from flexprint_server.api import questions, shapes
from flexprint_server.api.questions import Parameter, next_cursor, position, row_number, time_of, uuid_of
from flexprint_server.api.shapes import Shape
from flexprint_server.fleet import listing
from flexprint_server.fleet.listing import ListedDevice, Only
from flexprint_server.fleet.rules import rules_of
from flexprint_server.problems import Problem
from flexprint_server.reports import parts
from flexprint_server.reports import queries as reports
from flexprint_server.reports.parts import Stored
from flexprint_server.tenants.api_keys import KeyScope


class NotThere(Problem):
    slug, status, title = "not-there", 404, "Nothing here"


@dataclass(slots=True, frozen=True)
class Asked:
    """One call: the numbers of its path and the parameters by name, read already."""

    dealer_id: int
    session: Session
    now: datetime
    path: Mapping[str, int]
    query: Mapping[str, Any]

    @property
    def limit(self) -> int:
        return int(self.query["limit"])

    @property
    def only(self) -> Only:
        """What the list is narrowed to."""
        names = ("customer", "site", "serial", "asset", "stale", "new", "low")
        return Only(**{name: self.query[name] for name in names if name in self.query})


@dataclass(slots=True, frozen=True)
class Page:
    items: Sequence[dict[str, Any]]
    next: str | None


@dataclass(slots=True, frozen=True)
class Call:
    """`path` is below /api/v1; `answers` gives a Page of `shape`, one document of it, or a stored file where there is
    no shape. It raises Problem."""

    path: str
    scope: KeyScope
    about: str
    answers: Callable[[Asked], Page | dict[str, Any] | Stored]
    shape: Shape | None
    takes: Sequence[Parameter] = ()

    @property
    def is_list(self) -> bool:
        return questions.LIMIT in self.takes


_PAGES: Final = (questions.LIMIT, questions.CURSOR)


def _customers(asked: Asked) -> Page:
    (after,) = position(asked.query, row_number) or (0,)
    rows = listing.customers(asked.dealer_id, asked.session, after, asked.limit + 1)
    return _page(shapes.CUSTOMER, rows, asked, lambda row: next_cursor(row.id))


def _sites(asked: Asked) -> Page:
    (after,) = position(asked.query, row_number) or (0,)
    rows = listing.sites(asked.dealer_id, asked.session, after, asked.limit + 1, asked.only)
    return _page(shapes.SITE, rows, asked, lambda row: next_cursor(row.id))


def _agents(asked: Asked) -> Page:
    (after,) = position(asked.query, uuid_of) or (None,)
    rows = listing.agents(asked.dealer_id, asked.session, after, asked.limit + 1, asked.only)
    return _page(shapes.AGENT, rows, asked, lambda row: next_cursor(str(row.agent.id)))


def _devices(asked: Asked) -> Page:
    (after,) = position(asked.query, row_number) or (0,)
    rows = listing.devices(asked.dealer_id, asked.session, after, asked.limit + 1, asked.only, asked.now)
    rules = rules_of(asked.session, asked.dealer_id)
    listed = [ListedDevice(row, rules, asked.now) for row in rows]
    return _page(shapes.DEVICE, listed, asked, lambda row: next_cursor(row.device.id))


def _device(asked: Asked) -> dict[str, Any]:
    found = listing.device(asked.dealer_id, asked.session, asked.path["device_id"])
    if found is None:
        raise NotThere("There is no such device. `GET devices` lists those that there are.")
    return shapes.DEVICE.of(ListedDevice(found, rules_of(asked.session, asked.dealer_id), asked.now))


def _reads(asked: Asked) -> Page:
    device_id = asked.path["device_id"]
    if listing.device(asked.dealer_id, asked.session, device_id) is None:
        raise NotThere("There is no such device. `GET devices` lists those that there are.")
    after = position(asked.query, time_of, row_number)
    since, until = asked.query.get("from"), asked.query.get("to")
    rows = listing.reads(
        asked.dealer_id,
        asked.session,
        device_id,
        (after[0], after[1]) if after else None,
        asked.limit + 1,
        since,
        until,
    )
    return _page(shapes.READ, rows, asked, lambda row: next_cursor(row.read_at.isoformat(), row.id))


def _supplies(asked: Asked) -> Page:
    """A page may end within a device: the cursor is the device and how many of its supplies came before."""
    first, skipped = position(asked.query, row_number, row_number) or (1, 0)
    found = listing.devices(asked.dealer_id, asked.session, first - 1, asked.limit + 1, asked.only, asked.now)
    supplies = (
        (device, number, supply)
        for device in found[: asked.limit]
        for number, supply in enumerate(device.supplies)
        if device.id != first or number >= skipped
    )
    shown = list(islice(supplies, asked.limit))
    items = [shapes.LISTED_SUPPLY.of((device, supply)) for device, _, supply in shown]
    if len(shown) == asked.limit:
        device, number, _ = shown[-1]
        return Page(items, next_cursor(device.id, number + 1))
    return Page(items, next_cursor(found[asked.limit].id, 0) if len(found) > asked.limit else None)


def _alerts(asked: Asked) -> Page:
    (after,) = position(asked.query, row_number) or (0,)
    rows = alerts.after(asked.dealer_id, asked.session, after, asked.limit + 1, is_open=asked.query.get("open"))
    return _page(shapes.ALERT, rows, asked, lambda row: next_cursor(row.alert.id))


def _reports(asked: Asked) -> Page:
    (after,) = position(asked.query, row_number) or (0,)
    rows = reports.after(asked.dealer_id, asked.session, after, asked.limit + 1)
    return _page(shapes.REPORT, rows, asked, lambda row: next_cursor(row.id))


def _workbook(asked: Asked) -> Stored:
    found = parts.find(asked.dealer_id, asked.session, asked.path["report_id"])
    if found is None:
        raise NotThere("There is no such report, or its workbook is not built yet. `GET reports` tells its state.")
    return found


def _page(shape: Shape, rows: Sequence[Any], asked: Asked, cursor: Callable[[Any], str]) -> Page:
    """Of `rows`, one more than the limit where there is a page after this one."""
    shown = rows[: asked.limit]
    return Page([shape.of(row) for row in shown], cursor(shown[-1]) if len(rows) > len(shown) else None)


CALLS: Final = (
    Call("/customers", "fleet", "All customers.", _customers, shapes.CUSTOMER, _PAGES),
    Call("/sites", "fleet", "All sites, or those of a customer.", _sites, shapes.SITE, (questions.CUSTOMER, *_PAGES)),
    Call("/agents", "fleet", "All agents.", _agents, shapes.AGENT, (questions.CUSTOMER, questions.SITE, *_PAGES)),
    Call(
        "/devices",
        "fleet",
        "All devices in the fleet with the meters of their newest reads.",
        _devices,
        shapes.DEVICE,
        (
            questions.CUSTOMER,
            questions.SITE,
            questions.SERIAL,
            questions.ASSET,
            questions.STALE,
            questions.NEW,
            *_PAGES,
        ),
    ),
    Call("/devices/{device_id}", "fleet", "One device.", _device, shapes.DEVICE),
    Call(
        "/devices/{device_id}/reads",
        "reads",
        "A device's reads, the oldest first.",
        _reads,
        shapes.READ,
        (questions.FROM, questions.TO, *_PAGES),
    ),
    Call(
        "/supplies",
        "supplies",
        "The supplies of all devices in the fleet.",
        _supplies,
        shapes.LISTED_SUPPLY,
        (questions.CUSTOMER, questions.SITE, questions.LOW, *_PAGES),
    ),
    Call("/alerts", "alerts", "All alerts, the oldest first.", _alerts, shapes.ALERT, (questions.OPEN, *_PAGES)),
    Call("/reports", "reports", "All workbooks, the oldest first.", _reports, shapes.REPORT, _PAGES),
    Call("/reports/{report_id}.xlsx", "reports", "A report's workbook.", _workbook, None),
)
