"""Pages: how long the collector takes for each page, list, file and call, of 100,000 devices and 20 million reads.

    python -m bench.pages [ROUNDS]

The real web application as one process on PostgreSQL, behind row-level security; asked over loopback by an owner, by a
customer's user who sees two sites, and by a program. What is asked for is made from the routes themselves: a new page is
measured without anybody naming it here.
"""

import math
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import httpx
import psycopg
from bench import fleet
from bench.ingest import api
from bench.mail import Uploads
from bench.rig import CannotMeasure, forget_peak, line, middle, peak_mb

from flexprint_server.alerts import watch
from flexprint_server.api.calls import CALLS
from flexprint_server.api.questions import next_cursor
from flexprint_server.api.routes import PREFIX
from flexprint_server.dashboard.exports import KINDS
from flexprint_server.dashboard.routes import router
from flexprint_server.database import Database
from flexprint_server.mail.unsubscribe import Subscription, token_for
from flexprint_server.settings import read_settings
from flexprint_server.tenants import api_keys
from flexprint_shared.sealing import MEDIA_TYPE
from services.pages import Visit
from services.valkey import Valkey

AIM_MS = 150
AIM_FILE_MB = 60
AIM_ALERTS_S = 1.0
_PATIENCE_S = 600.0
BEYOND: Final = 999_999
"""A page beyond every end: a list then shows its last one."""

LEFT_OUT = {
    "/static/{name}": "a file from memory",
    "/invitations/{token}": "only a mail holds the link",
    "/resets/{token}": "only a mail holds the link",
    "/workbooks/{token}": "only a mail holds the link",
    "/sign-in/with/{link}": "leads to somebody else's page",
    "/sign-in/company/return": "leads on at once",
    "/sign-in/code": "leads on at once",
    "/sign-in": "leads on at once",
}
"""Routes that are not asked, and why."""

_DEVICES = (
    *("?page={beyond}", "?sort=-customer", "?sort=customer&page={beyond}"),
    *(f"?sort={sign}{sort}" for sort in ("printer", "serial", "total", "supply", "read") for sign in ("", "-")),
    *(f"?sort={sort}&page={{beyond}}" for sort in ("printer", "serial", "total", "supply", "read")),
    *(f"?show={show}" for show in ("today", "new", "stale", "low", "retired")),
    *("?show=stale&sort=read&page={beyond}", "?customer={customer_id}", "?site={site_id}", "?maker=Kyocera"),
    *("?q={part_of_serial}", "?q=laserjet", "?q=prn-77", "?q=legal+ricoh", "?q=nothing+like+it"),
    "?customer={customer_id}&q=kyocera&sort=-read",
)
MORE: Mapping[str, Sequence[str]] = {
    "/devices": _DEVICES,
    "/devices/{device_id}": ("?range=365", "?range=all&meter=total.color", "?before={first_read}"),
    "/missing": ("?page={beyond}", *(f"?reason={why}" for why in ("agent_silent", "doubt", "gone", "silent"))),
    "/alerts": ("?kind=supply_low", "?kind=device_stale", "?show=over", "?before={early_alert}"),
    "/reports": ("?before={early_report}",),
    "/audit": ("?before={early_entry}",),
    "/agents": ("?page={last_agents}",),
    "/reports/schedules": ("?page=10",),
    "/people": ("?page={last_people}",),
    "/customers": ("?page={beyond}", "?sort=-printers", "?sort=read", "?q=legal", "?q=quayside+77"),
    "/billing": ("?page={last_billing}", "?from={half_a_year_ago}&to={today}"),
    "/devices.csv": ("?show=stale&sort=read", "?q=laserjet"),
    f"{PREFIX}/customers": ("?limit=200&cursor={after_row}",),
    f"{PREFIX}/sites": ("?customer={customer_id}",),
    f"{PREFIX}/devices": (
        *("?limit=200", "?cursor={after_row}", "?customer={customer_id}", "?site={site_id}", "?serial={serial}"),
        *("?asset={asset}", "?stale=true", "?asset=nothing"),
    ),
    f"{PREFIX}/devices/{{device_id}}/reads": ("?limit=200", "?from={a_month_ago}&to={now}"),
    f"{PREFIX}/supplies": ("?low=true", "?cursor={after_supply}", "?customer={customer_id}"),
    f"{PREFIX}/alerts": ("?open=true", "?open=false"),
}
"""What else a route is asked for: other orders, filters, the last page."""


# ---------------------------------------------------------------- what is asked for


@cache
def routes() -> Sequence[str]:
    """Every path that the dashboard and the API answer a GET at."""
    with tempfile.TemporaryDirectory() as folder:
        pages = router(read_settings({}, data=Path(folder)), Database("sqlite://"))
    found = [str(getattr(route, "path", "")) for route in pages.routes if "GET" in getattr(route, "methods", ())]
    return [*(path for path in found if path not in LEFT_OUT), *(PREFIX + call.path for call in CALLS)]


def questions(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(as the book names it, address) of everything that is asked for. Raises CannotMeasure for a new kind of address."""
    return [(path + more, _filled(path + more, facts)) for path in routes() for more in ("", *MORE.get(path, ()))]


def _filled(asked: str, facts: Mapping[str, Any]) -> str:
    try:
        return asked.replace("{device_id}/reads/{read", "{sealed_device_id}/reads/{read").format(**facts)
    except KeyError as missing:
        raise CannotMeasure(f"{asked}: say in facts_of() where {missing} comes from") from missing


def facts_of(url: str) -> dict[str, Any]:
    """What stands in the addresses, from the middle of the fleet."""
    now = datetime.now(UTC)
    with psycopg.connect(url) as connection:

        def one(question: str) -> Any:
            row = connection.execute(question).fetchone()
            return row[0] if row else None

        device = one("SELECT max(id) FROM device WHERE in_fleet AND site_id = 7")
        sealed = one("SELECT max(id) FROM device")
        serial, asset = (one(f"SELECT {column} FROM device WHERE id = {device}") for column in ("serial", "asset"))
        first = one(f"SELECT id FROM read WHERE device_id = {device} ORDER BY read_at OFFSET 3 LIMIT 1")
        at = one(f"SELECT read_at FROM read WHERE id = {first}")
        agents, people, devices = (one(f"SELECT count(*) FROM {name}") for name in ("agent", "user_account", "device"))
        return {
            "beyond": BEYOND,
            "device_id": device,
            "read_id": one(f"SELECT max(id) FROM read WHERE device_id = {sealed}"),
            "sealed_device_id": sealed,
            "site_id": 7,
            "customer_id": one("SELECT customer_id FROM site WHERE id = 7"),
            "agent_id": uuid.UUID(md5(b"agent7", usedforsecurity=False).hexdigest()),
            "report_id": one("SELECT max(id) FROM report WHERE site_id = 7"),
            "file_id": one("SELECT max(id) FROM carried_file"),
            "schedule_id": one("SELECT min(id) FROM schedule"),
            "token": token_for(Subscription(1, "site:7", "reader@customer.example"), fleet.SECRET_KEY),
            "serial": serial,
            "part_of_serial": serial[2:7],
            "asset": asset,
            "first_read": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}_{first}",
            "early_alert": one("SELECT id FROM alert ORDER BY id OFFSET 60 LIMIT 1"),
            "early_report": one("SELECT id FROM report ORDER BY id OFFSET 60 LIMIT 1"),
            "early_entry": one("SELECT id FROM audit_entry ORDER BY id OFFSET 60 LIMIT 1"),
            "last_agents": -(-agents // 100),
            "last_people": max(-(-people // 100), 1),
            "last_billing": -(-devices // 50) - 40,
            "half_a_year_ago": f"{now - timedelta(days=180):%Y-%m-%d}",
            "a_month_ago": f"{now - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}",
            "today": f"{now:%Y-%m-%d}",
            "now": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "after_row": next_cursor(device),
            "after_supply": next_cursor(device, 1),
        }


# ---------------------------------------------------------------- asking


@dataclass(slots=True)
class Row:
    """What was asked for by whom, and the milliseconds of each answer, to its first octet. Of a file: the seconds until
    all of it was there, and the megabytes that the process grew by."""

    asked: str
    who: str
    taken: list[float]
    seconds: float = 0.0
    grown_mb: float = 0.0

    @property
    def is_file(self) -> bool:
        return is_file(self.asked)

    @property
    def median(self) -> float:
        return middle(self.taken)

    @property
    def p95(self) -> float:
        return sorted(self.taken)[math.ceil(0.95 * len(self.taken)) - 1]


@dataclass(slots=True, frozen=True)
class Measured:
    """`alerts_s` are the seconds of each pass that looks for alerts."""

    rows: Sequence[Row]
    alerts_s: Sequence[float]


def is_file(asked: str) -> bool:
    return asked.partition("?")[0].endswith(KINDS) and "{report_id}" not in asked


def measure(rounds: int = 20) -> Measured:
    """Everything `rounds` times after once for warming up; files once."""
    with (
        fleet.kept(lambda what: print(f"  {what}", file=sys.stderr, flush=True)) as url,
        tempfile.TemporaryDirectory(prefix="bench-pages-") as name,
    ):
        folder, queue = Path(name), Valkey(Path(name) / "valkey")
        queue.start()
        database = Database(url)
        program, port = api(folder, url, queue.url, fleet.SECRET_KEY, core=0)
        try:
            _send_one_batch(database, port)
            asker = _Asker(port, program.pid, database, rounds)
            rows = [row for label, address in questions(facts_of(url)) for row in asker.ask(label, address)]
            return Measured(rows, [_seconds(lambda: _look(database)) for _ in range(3)])
        finally:
            program.stop()
            database.close()
            queue.stop()


def _send_one_batch(database: Database, port: int) -> None:
    """So that there is a read whose sealed original can be opened."""
    uploads = Uploads(database, fleet.SECRET_KEY, 33, (fleet.DEALER, "Customer 0007", "Annex"))
    for sealed in uploads.batches():
        address = f"http://127.0.0.1:{port}/agent/v1/batches"
        httpx.post(address, content=sealed, headers={"Content-Type": MEDIA_TYPE}, trust_env=False).raise_for_status()


def _look(database: Database) -> None:
    now = datetime.now(UTC)
    with database.transaction() as session:
        watch.look(session, now, now - timedelta(days=1))


def _seconds(done: Callable[[], None]) -> float:
    began = time.perf_counter()
    done()
    return time.perf_counter() - began


class _Asker:
    def __init__(self, port: int, pid: int, database: Database, rounds: int) -> None:
        self._url, self._pid, self._database, self._rounds = f"http://127.0.0.1:{port}", pid, database, rounds
        self._people = {"owner": Visit(self._url), "reader": Visit(self._url)}
        for who, email in (("owner", fleet.OWNER), ("reader", fleet.READER)):
            if self._people[who].sign_in(email, fleet.PASSWORD).status_code != 303:
                raise CannotMeasure(f"{email} cannot sign in")
        self._program = Visit(self._url)
        for visit in (*self._people.values(), self._program):
            visit.client.timeout = _PATIENCE_S

    def ask(self, asked: str, address: str) -> Iterator[Row]:
        """A row of each who may ask for it."""
        if address.startswith(PREFIX):
            # A key may call so often and not more often: each address has its own.
            with self._database.transaction() as session:
                key, _ = api_keys.make_for(
                    session, fleet.DEALER, asked[:100], api_keys.SCOPES, timedelta(days=1), datetime.now(UTC)
                )
            self._program.client.headers["Authorization"] = f"Bearer {key}"
            yield self._row(asked, "program", self._program, address)
            return
        for who, visit in self._people.items():
            # Without following: what leads elsewhere is not for them.
            if who == "owner" or visit.get(address).status_code == 200:
                yield self._row(asked, who, visit, address)

    def _row(self, asked: str, who: str, visit: Visit, address: str) -> Row:
        row = Row(asked, who, [])
        before = 0.0
        if row.is_file:
            forget_peak(self._pid)
            before = peak_mb(self._pid)
        for number in range(1 if row.is_file else self._rounds + 1):
            began = time.perf_counter()
            with visit.client.stream("GET", address) as answer:
                octets = answer.iter_raw()
                next(octets, b"")
                first = (time.perf_counter() - began) * 1000
                for _ in octets:
                    pass
            if answer.status_code != 200:
                raise CannotMeasure(f"{address} answers {who} with {answer.status_code}")
            if number or row.is_file:
                row.taken.append(first)
                row.seconds = time.perf_counter() - began
        row.grown_mb = peak_mb(self._pid) - before if row.is_file else 0.0
        print(f"  {row.median:7.1f} {row.p95:7.1f} {who:8}{asked}", file=sys.stderr, flush=True)
        return row


# ---------------------------------------------------------------- the book


def aims(measured: Measured) -> dict[str, tuple[str, bool]]:
    """What was wanted: what was measured, and whether that is enough."""
    pages = [row for row in measured.rows if not row.is_file]
    files = [row for row in measured.rows if row.is_file]
    slow = [row for row in pages if row.p95 > AIM_MS]
    usually_slow = [row for row in pages if row.median > AIM_MS]
    slowest, largest = max(pages, key=lambda row: row.p95), max(files, key=lambda row: row.grown_mb)
    return {
        f"every page and call within {AIM_MS} ms, in the median": (
            f"{len(pages) - len(usually_slow)} of {len(pages)}, the slowest {max(row.median for row in pages):.0f} ms",
            not usually_slow,
        ),
        f"every page and call within {AIM_MS} ms, 95 of 100 times": (
            f"{len(pages) - len(slow)} of {len(pages)}, the slowest {slowest.p95:.0f} ms ({slowest.asked})",
            not slow,
        ),
        f"a file of 100,000 devices in at most {AIM_FILE_MB} MB more": (
            f"{largest.grown_mb:.0f} MB ({largest.asked})",
            largest.grown_mb <= AIM_FILE_MB,
        ),
        f"a pass that looks for alerts within {AIM_ALERTS_S:g} s": (
            f"{middle(measured.alerts_s):.2f} s",
            middle(measured.alerts_s) <= AIM_ALERTS_S,
        ),
    }


def markdown(measured: Measured) -> Iterator[str]:
    """The tables and the aims, as lines."""
    rows = measured.rows
    people = [row for row in rows if row.who != "program"]
    yield from _table("page", [row for row in people if not row.is_file], ("owner", "reader"))
    yield from _table("call", [row for row in rows if row.who == "program"], ("program",))
    yield line(["file", "asked by", "first octet ms", "whole file s", "MB more"])
    yield line(["---"] * 5)
    for row in (row for row in rows if row.is_file):
        yield line(
            [
                f"`{row.asked}`",
                _WHO[row.who],
                *(f"{value:.0f}" for value in (row.median,)),
                f"{row.seconds:.2f}",
                f"{row.grown_mb:.0f}",
            ]
        )
    yield ""
    for aim, (told, met) in aims(measured).items():
        yield f"- {aim}: {told}{'' if met else ' — missed'}"


_WHO: Final = {"owner": "owner", "reader": "customer's user", "program": "program"}


def _table(what: str, rows: Sequence[Row], askers: Sequence[str]) -> Iterator[str]:
    yield line([what, *(cell for who in askers for cell in (f"{_WHO[who]}, ms", "p95")), f"within {AIM_MS}"])
    yield line(["---"] * (2 + 2 * len(askers)))
    by_page: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_page.setdefault(row.asked, {})[row.who] = row
    for asked, by_who in by_page.items():
        cells = [
            cell
            for who in askers
            for cell in ([f"{by_who[who].median:.0f}", f"{by_who[who].p95:.0f}"] if who in by_who else ["", ""])
        ]
        met = all(row.p95 <= AIM_MS for row in by_who.values())
        yield line([f"`{asked}`", *cells, "yes" if met else "missed"])
    yield ""


def main() -> None:
    for written in markdown(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20)):
        print(written)


if __name__ == "__main__":
    main()
