"""One dealer with a fleet of any size, made inside PostgreSQL: by default 100,000 devices at 3,000 sites of 1,500
customers, read once a day for 200 days. A second dealer with nothing stands beside it, for the wall to tell apart.

A filled fleet is kept in the temporary folder: filling takes minutes."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from string import Template

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import psycopg

from flexprint_server import migrations
from flexprint_server.alerts import watch
from flexprint_server.database import Database
from flexprint_server.fleet.layouts import layout_hash
from flexprint_server.tenants import passwords
from flexprint_server.tenants.models import User
from services.postgres import Postgres

_AT_ONCE = 20
"""Days of reads that one statement makes."""

DEALER = "Northwind Copiers"
OWNER, READER = "owner@northwind.example", "reader@northwind.example"
"""Who signs in: an owner, and a user of the customer whose site SITE is, who sees that site and one more."""
PASSWORD = "a password of some length"
SITE = 7
SECRET_KEY = "5e" * 32

_DATABASE = "fleet"
_OPTIONS = {"shared_buffers": "512MB", "effective_cache_size": "2GB"}
_KEPT_FOR = timedelta(days=1)


@dataclass(slots=True, frozen=True)
class Size:
    """How many of each; `few` of what is rare: doubts, counters that went down, schedules, suppressed addresses."""

    devices: int
    days: int
    sites: int
    customers: int
    few: int


LARGE = Size(devices=100_000, days=200, sites=3_000, customers=1_500, few=500)

MODELS = [
    ("Kyocera", "ECOSYS P2040dw", False), ("Kyocera", "TASKalfa 3554ci", True), ("HP", "LaserJet Enterprise M612", False),
    ("HP", "Color LaserJet MFP M480", True), ("Brother", "HL-L6400DW", False), ("Brother", "MFC-L8900CDW", True),
    ("Ricoh", "IM C3000", True), ("Canon", "iR-ADV DX C5840", True), ("Konica Minolta", "bizhub C258", True),
    ("Lexmark", "MS631dw", False), ("Xerox", "VersaLink C405DN", True), ("EPSON", "WF-C5790 Series", True),
]  # fmt: skip
METERS = ("total", "total.mono", "total.color", "print", "copy", "scan", "total.duplex")
INKS = ("black", "cyan", "magenta", "yellow")

_STEPS = Path(__file__).with_suffix(".sql")
_NUMBERED = ("dealer", "customer", "site", "device", "layout")
"""Tables whose rows are given their numbers here and not by their sequences."""


def fill(url: str, now: datetime, size: Size = LARGE, say: Callable[[str], None] = lambda _: None) -> None:
    """Everything: the fleet, who signs in, and the alerts there are, in a database that is migrated and empty."""
    _devices(url, now, size, say)
    say("people and alerts")
    database = Database(url)
    with database.transaction() as session:
        hashed = passwords.hash_password(PASSWORD)
        of_customer = {"role": "customer", "customer_id": SITE, "only_sites": [SITE, SITE + size.customers]}
        for email, rights in ((OWNER, {"role": "owner"}), (READER, of_customer)):
            session.add(User(dealer_id=1, email=email, password_hash=hashed, created_at=now, **rights))
    with database.transaction() as session:
        watch.look(session, now, now - timedelta(days=1))
    database.close()
    say("vacuum")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE, FREEZE)")


@contextmanager
def kept(say: Callable[[str], None]) -> Iterator[str]:
    """The URL of a database with the large fleet; filled where it is not there yet, is of another schema, or is older
    than a day."""
    folder = Path(tempfile.gettempdir()) / f"flexprint-bench-fleet-{_revision()}"
    mark = folder / "filled.json"
    for old in folder.parent.glob("flexprint-bench-fleet-*"):
        if old != folder or not _is_fresh(mark):
            shutil.rmtree(old)
    server = Postgres(folder, options=_OPTIONS)
    try:
        server.start()
        if not mark.exists():
            filled_at = datetime.now(UTC)
            fill(server.url(server.template(_DATABASE, migrations.upgrade)), filled_at, say=say)
            mark.write_text(json.dumps({"filled": filled_at.isoformat(), "looks_like": filled_at.isoformat()}))
        say("moving times along")
        times, now, url = json.loads(mark.read_text()), datetime.now(UTC), server.url(_DATABASE)
        _move(url, now - datetime.fromisoformat(times["looks_like"]))
        mark.write_text(json.dumps({**times, "looks_like": now.isoformat()}))
        yield url
    finally:
        server.stop()


def _revision() -> str:
    """Changes with the schema and with what is filled in."""
    steps = sorted((Path(migrations.__file__).parent / "versions").glob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in (*steps, _STEPS, Path(__file__)))).hexdigest()[:12]


def _is_fresh(mark: Path) -> bool:
    if not mark.exists():
        return False
    return datetime.now(UTC) - datetime.fromisoformat(json.loads(mark.read_text())["filled"]) < _KEPT_FOR


def _devices(url: str, now: datetime, size: Size, say: Callable[[str], None]) -> None:
    facts = {"now": now.isoformat(), "models": len(MODELS), **asdict(size)}
    steps = [step.strip() for step in _STEPS.read_text().split(";\n") if step.strip()]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit TO off")
        connection.execute("SET maintenance_work_mem TO '512MB'")
        definition = connection.execute("SELECT pg_get_indexdef('ix_read_device_id_read_at'::regclass)").fetchone()
        assert definition
        connection.execute("DROP INDEX ix_read_device_id_read_at")
        for step in steps:
            table = step.rpartition("INSERT INTO ")[2].split()[0]
            say(table)
            for first in range(0, size.days, _AT_ONCE) if table == "read" else (0,):
                last = min(first + _AT_ONCE, size.days) - 1
                connection.execute(Template(step).substitute(facts, first=first, last=last))
            if table == "dealer":
                _layouts(connection)
        say("index")
        connection.execute(definition[0])
        for table in _NUMBERED:
            connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
        connection.execute("ANALYZE")


def _move(url: str, by: timedelta) -> None:
    """The fleet was filled `by` ago and is to look as it did then: what devices and agents tell moves along."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table, columns in (
            ("device", ("first_seen_at", "last_read_at", "owner_read_at")),
            ("agent", ("last_seen_at",)),
            ("agent_state", ("checked_in_at", "next_wake_at")),
        ):
            moved = ", ".join(f"{column} = {column} + %(by)s" for column in columns)
            connection.execute(f"UPDATE {table} SET {moved}", {"by": by})
            connection.execute(f"VACUUM (FULL, FREEZE, ANALYZE) {table}")


def _layouts(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TEMPORARY TABLE made (id int, maker text, model text, color boolean)")
    for number, (maker, model, color) in enumerate(MODELS, 1):
        content = {
            "manufacturer": maker,
            "model": model,
            "meters": [
                [name, "scans" if name == "scan" else "impressions", f"1.3.6.1.4.1.1347.{row}", "vendor"]
                for row, name in enumerate(METERS)
            ],
            "supplies": [[f"1.{row}", f"Toner {ink}", "toner", ink, 100, "percent"] for row, ink in enumerate(INKS, 1)],
        }
        connection.execute("INSERT INTO made VALUES (%s, %s, %s, %s)", (number, maker, model, color))
        connection.execute(
            "INSERT INTO layout (id, dealer_id, hash, content) VALUES (%s, 1, %s, %s)",
            (number, layout_hash(content), json.dumps(content)),
        )
