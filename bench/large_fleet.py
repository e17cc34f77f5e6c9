"""One dealer with a very large fleet, made inside PostgreSQL: 100,000 devices at 3,000 sites of 1,500 customers, read once
a day for 200 days. A second, small dealer stands beside it, for the wall to tell apart."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from string import Template

import psycopg

from flexprint_server.fleet.layouts import layout_hash

_AT_ONCE = 20
"""Days of reads that one statement makes."""

DEVICES, DAYS, SITES, CUSTOMERS = 100_000, 200, 3_000, 1_500

MODELS = [
    ("Kyocera", "ECOSYS P2040dw", False), ("Kyocera", "TASKalfa 3554ci", True), ("HP", "LaserJet Enterprise M612", False),
    ("HP", "Color LaserJet MFP M480", True), ("Brother", "HL-L6400DW", False), ("Brother", "MFC-L8900CDW", True),
    ("Ricoh", "IM C3000", True), ("Canon", "iR-ADV DX C5840", True), ("Konica Minolta", "bizhub C258", True),
    ("Lexmark", "MS631dw", False), ("Xerox", "VersaLink C405DN", True), ("EPSON", "WF-C5790 Series", True),
]  # fmt: skip
METERS = ("total", "total.mono", "total.color", "print", "copy", "scan", "total.duplex")
INKS = ("black", "cyan", "magenta", "yellow")

_STEPS = Path(__file__).with_suffix(".sql")


def fill(url: str, now: datetime, say: Callable[[str], None]) -> None:
    """Everything but users, in a database that is migrated and empty."""
    facts = {"now": now.isoformat(), "devices": DEVICES, "days": DAYS, "sites": SITES, "customers": CUSTOMERS}
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
            for first in range(0, DAYS, _AT_ONCE) if table == "read" else (0,):
                last = first + _AT_ONCE - 1
                connection.execute(Template(step).substitute(facts, models=len(MODELS), first=first, last=last))
            if table == "dealer":
                _layouts(connection)
        say("index")
        connection.execute(definition[0])
        for table in ("dealer", "customer", "site", "device", "layout"):
            connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
        say("vacuum")
        connection.execute("VACUUM (ANALYZE, FREEZE)")


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
