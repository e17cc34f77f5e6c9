"""A dealer's fleet as it looks after a quarter of a year: some sixty printers of many makers at a handful of sites,
their reads, and reports. The same each time; for tests of pages and for pictures of them."""

import math
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from io import BytesIO
from typing import Any

from openpyxl import Workbook as Spreadsheet
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from flexprint_server.fleet.days import Counted, by_day
from flexprint_server.fleet.models import Device, Read, SiteDay
from flexprint_server.fleet.summary import search_text
from flexprint_server.ingest.models import Batch
from flexprint_server.reports import schedules
from flexprint_server.reports.models import Delivery, Report, WorkbookPart
from flexprint_server.reports.schedules import Typed
from flexprint_server.reports.wanted import Covers
from flexprint_server.tenants.models import Agent, Customer, Dealer, Site, User
from flexprint_server.tenants.passwords import hash_password
from flexprint_shared import readings
from services.laid_out import figures

PASSWORD = "correct horse battery"

PRT_LIFE = "1.3.6.1.2.1.43.10.2.1.4.1.1"
KYOCERA = "1.3.6.1.4.1.1347.42.2.1.1.1"
HP = "1.3.6.1.4.1.11.2.3.9.4.2.1.4.1.2"
BROTHER = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.52.21"


@dataclass(frozen=True)
class Kind:
    """A model: `supplies` are (name, kind, colour) ; `pages` a day in a busy office."""

    maker: str
    model: str
    color: bool
    pages: int
    oid: str | None
    prefix: str
    mac: str
    supplies: Sequence[tuple[str, str, str | None]]


def _toners(*names: str) -> list[tuple[str, str, str | None]]:
    return list(zip(names, ["toner"] * len(names), ["black", "cyan", "magenta", "yellow"], strict=False))


KINDS = (
    Kind("Kyocera", "ECOSYS P2040dw", False, 60, KYOCERA, "VD2", "00:17:c8", _toners("TK-1160")),
    Kind("Kyocera", "TASKalfa 3554ci", True, 420, KYOCERA, "RH9", "00:17:c8",
         [*_toners("TK-8375K", "TK-8375C", "TK-8375M", "TK-8375Y"), ("Waste Toner Box", "wasteToner", None)]),
    Kind("HP", "LaserJet Enterprise M612", False, 240, HP, "CNB", "f4:39:09", [*_toners("HP W1470A"), ("Maintenance Kit", "fuser", None)]),
    Kind("HP", "Color LaserJet MFP M480", True, 110, HP, "VNB", "f4:39:09", _toners("HP W2410A", "HP W2411A", "HP W2412A", "HP W2413A")),
    Kind("Brother", "HL-L6400DW", False, 90, BROTHER, "E78", "30:05:5c", [*_toners("TN-3512"), ("Drum Unit", "opc", None)]),
    Kind("Brother", "MFC-L8900CDW", True, 75, BROTHER, "E75", "30:05:5c",
         [*_toners("TN-423BK", "TN-423C", "TN-423M", "TN-423Y"), ("Waste Toner", "wasteToner", None)]),
    Kind("Ricoh", "IM C3000", True, 510, None, "317", "58:38:79", _toners("Black Toner", "Cyan Toner", "Magenta Toner", "Yellow Toner")),
    Kind("Canon", "iR-ADV DX C5840", True, 640, None, "3CG", "74:bf:c0", _toners("Canon GPR-61 Black", "Canon GPR-61 Cyan", "Canon GPR-61 Magenta", "Canon GPR-61 Yellow")),
    Kind("Konica Minolta", "bizhub C258", True, 330, None, "A7R", "00:20:6b",
         [*_toners("Toner (Black)", "Toner (Cyan)", "Toner (Magenta)", "Toner (Yellow)"), ("Waste Toner Bottle", "wasteToner", None)]),
    Kind("Lexmark", "MS631dw", False, 130, None, "701", "00:21:b7", [*_toners("Black Cartridge"), ("Imaging Unit", "opc", None)]),
    Kind("Xerox", "VersaLink C405DN", True, 160, None, "3CM", "9c:93:4e", _toners("Black Cartridge", "Cyan Cartridge", "Magenta Cartridge", "Yellow Cartridge")),
    Kind("EPSON", "WF-C5790 Series", True, 45, None, "X3B", "38:1a:52", [*_toners("Black Ink", "Cyan Ink", "Magenta Ink", "Yellow Ink"), ("Maintenance Box", "wasteInk", None)]),
)  # fmt: skip

CUSTOMERS = (
    ("Harbour Dental", (("Main Street", 6), ("Quayside", 4))),
    ("Lindqvist & Söner AB", (("Göteborg", 9),)),
    ("Maple Grove Schools", (("Elementary", 7), ("High School", 11), ("District Office", 5))),
    ("Orchard Legal LLP", (("London Wall", 8),)),
    ("Sato Logistics", (("Depot 4", 6), ("Yokohama 本社", 4))),
)
LOCATIONS = (
    "Front desk",
    "Copy room",
    "2nd floor, east",
    "Accounts",
    "Warehouse office",
    "Library",
    "Room 114",
    "Reception",
    "Staff room",
    "IT",
)


def fill(
    session: Session, now: datetime, dealer: str = "Northwind Copiers", email: str = "alice@northwind.example"
) -> Dealer:
    """Stores the dealer with everything; PASSWORD signs `email` in."""
    chance = random.Random(7)
    owner = bare_dealer(session, now - timedelta(days=95), dealer, email)
    number, agents = 0, []
    for customer_name, sites in CUSTOMERS:
        customer = Customer(dealer_id=owner.id, name=customer_name, created_at=owner.created_at)
        session.add(customer)
        session.flush()
        for site_name, count in sites:
            agent = add_site(session, owner, customer, site_name, now, chance)
            for _ in range(count):
                number += 1
                _add_printer(session, agent, now, number, chance)
            agents.append((agent, count))
    _count_days(session, owner)
    _add_reports(session, agents, now, chance)
    billing = ["billing@northwind.example"]
    monthly = Typed(
        "All meters", "monthly 1 07:00", "Europe/Berlin", Covers("all"), billing, ["import"], [], "month", "", ""
    )
    schedules.keep(session, owner.id, monthly, email, now)
    return owner


def _count_days(session: Session, dealer: Dealer) -> None:
    """What the collector counts as reads arrive."""
    for site_id in session.scalars(select(Site.id).where(Site.dealer_id == dealer.id)):
        asked = select(Read.device_id, Read.read_at, Read.total).join(Device, Device.id == Read.device_id)
        rows = session.execute(asked.where(Device.site_id == site_id).order_by(Read.read_at, Read.id))
        counted = [Counted(device, int(at.timestamp() * 1000), total) for device, at, total in rows]
        session.add_all(
            SiteDay(dealer_id=dealer.id, site_id=site_id, day=day.day, pages=day.pages, reads=day.reads)
            for day in by_day(counted, {})
        )
    session.flush()


def bare_dealer(session: Session, at: datetime, name: str, email: str) -> Dealer:
    """A dealer with a user and nothing else."""
    dealer = Dealer(name=name, created_at=at)
    session.add(dealer)
    session.flush()
    session.add(User(dealer_id=dealer.id, email=email, password_hash=password_hash(), role="owner", created_at=at))
    session.flush()
    return dealer


@cache
def password_hash() -> str:
    return hash_password(PASSWORD)


def add_site(
    session: Session, dealer: Dealer, customer: Customer, name: str, now: datetime, chance: random.Random
) -> Agent:
    """A site with one agent, whose newest batch arrived just now."""
    site = Site(dealer_id=dealer.id, customer_id=customer.id, name=name, created_at=dealer.created_at)
    session.add(site)
    session.flush()
    return add_agent(session, site, now, chance)


def add_agent(session: Session, site: Site, now: datetime, chance: random.Random) -> Agent:
    """One more agent at the site."""
    agent = Agent(
        id=uuid.UUID(int=chance.getrandbits(128), version=4), dealer_id=site.dealer_id, site_id=site.id,
        public_key=chance.randbytes(32), host=chance.choice(("FRONT-DESK", "SRV-01", "print-01", "OFFICE-PC")),
        platform="Windows-11", version="0.1.0", enrolled_at=site.created_at, last_seen_at=now,
        recipients=["billing@northwind.example"],
    )  # fmt: skip
    session.add(agent)
    session.flush()
    return agent


def a_read(kind: Kind, at: datetime, address: str, serial: str | None, total: int, **more: Any) -> readings.Read:
    """A read of a printer of `kind` that has made `total` pages."""
    colored = int(total * 0.38) if kind.color else 0
    source: Any = "vendor" if kind.oid else "standard"
    meters = [readings.Meter("total", total, "impressions", f"{kind.oid}.1.1" if kind.oid else PRT_LIFE, source)]
    if kind.color and kind.oid:
        meters += [
            readings.Meter("total.mono", total - colored, "impressions", f"{kind.oid}.1.2", "vendor"),
            readings.Meter("total.color", colored, "impressions", f"{kind.oid}.1.3", "vendor"),
            readings.Meter("print", int(total * 0.81), "impressions", f"{kind.oid}.2.1", "vendor"),
            readings.Meter("copy", total - int(total * 0.81), "impressions", f"{kind.oid}.2.2", "vendor"),
            readings.Meter("scan", int(total * 0.22), "scans", f"{kind.oid}.3.1", "vendor"),
            readings.Meter("total.duplex", int(total * 0.3), "sheets", f"{kind.oid}.4.1", "vendor"),
        ]
    elif kind.color:
        meters += [
            readings.Meter("total.mono", total - colored, "impressions", "1.3.6.1.2.1.43.10.2.1.4.1.2", "standard"),
            readings.Meter("total.color", colored, "impressions", None, "derived"),
        ]
    identity = readings.Identity(
        manufacturer=kind.maker, model=kind.model, serial=serial, sys_object_id="1.3.6.1.4.1.1347.41",
        description=f"{kind.maker} {kind.model}", macs=more.pop("macs", ()), name=more.pop("name", None),
        location=more.pop("location", None), firmware="2.1.14", contact=more.pop("contact", None), asset=more.pop("asset", None),
    )  # fmt: skip
    return readings.Read(
        address=address, port=161, read_at=at, identity=identity, color=kind.color, meters=tuple(meters), **more
    )


def store(session: Session, agent: Agent, read: readings.Read, *, first_seen_at: datetime) -> Device:
    """The device as `read` shows it, without any stored read."""
    identity = read.identity
    device = Device(
        dealer_id=agent.dealer_id, site_id=agent.site_id, agent_id=agent.id, manufacturer=identity.manufacturer,
        model=identity.model, serial=identity.serial, asset=identity.asset, name=identity.name,
        location=identity.location, contact=identity.contact, firmware=identity.firmware,
        description=identity.description, sys_object_id=identity.sys_object_id, macs=list(identity.macs),
        address=read.address, color=read.color, state=read.status.state, errors=list(read.status.errors),
        console=list(read.status.console), alerts=[[a.severity, a.code, a.description] for a in read.alerts],
        warnings=list(read.warnings), first_seen_at=first_seen_at, last_read_at=read.read_at,
        owner_read_at=read.read_at, search_text=search_text(identity, read.address), **_figures(session, agent, read),
    )  # fmt: skip
    session.add(device)
    session.flush()
    return device


def add_reads(
    session: Session, agent: Agent, device: Device, read: readings.Read, totals: Sequence[tuple[datetime, int]]
) -> None:
    """Earlier reads of `device`, laid out like `read`, each in a batch of its own."""
    shown = _figures(session, agent, read)
    whole = max(read.meter("total") or 1, 1)
    batches = [_batch(agent, at) for at, _ in totals]
    ids = (
        session.scalars(insert(Batch).returning(Batch.id, sort_by_parameter_order=True), batches).all()
        if batches
        else []
    )
    rows = [
        {
            "dealer_id": agent.dealer_id, "device_id": device.id, "batch_id": batch_id, "row": 3,
            "read_at": at, "uptime_s": 86400 * 12 + 3600, "total": total,
            "meters": [meter.value * total // whole for meter in read.meters],
            **{name: shown[name] for name in ("layout_id", "levels", "percents", "states")},
        }
        for (at, total), batch_id in zip(totals, ids, strict=True)
    ]  # fmt: skip
    if rows:
        session.execute(insert(Read), rows)


def _figures(session: Session, agent: Agent, read: readings.Read) -> dict[str, Any]:
    return figures(
        session, agent.dealer_id, {m.name: [m.value, m.unit, m.oid, m.source] for m in read.meters},
        [supply.as_json() for supply in read.supplies], manufacturer=read.identity.manufacturer, model=read.identity.model,
    )  # fmt: skip


def _batch(agent: Agent, at: datetime) -> dict[str, Any]:
    agent.last_sequence += 1
    return {
        "dealer_id": agent.dealer_id, "agent_id": agent.id, "sequence": agent.last_sequence,
        "hash": sha256(f"{agent.id}{agent.last_sequence}".encode()).digest(), "sealed": b"sealed",
        "received_at": at + timedelta(seconds=41), "reads": 8, "gap": agent.last_sequence % 97 == 0,
    }  # fmt: skip


def _add_printer(session: Session, agent: Agent, now: datetime, number: int, chance: random.Random) -> None:
    kind = KINDS[(number * 5) % len(KINDS)]
    stale = number % 17 == 0
    fresh = number % 19 == 0
    last = now - (
        timedelta(days=9 + number % 5, hours=3) if stale else timedelta(minutes=chance.choice((14, 44, 74, 194, 314)))
    )
    days = 3 if fresh else 88
    pages = kind.pages * chance.uniform(0.5, 1.5)
    started = chance.randrange(400, 2_000) if fresh else chance.randrange(8_000, 390_000)
    total, totals = started, []
    for step in range(days, -1, -1):
        at = last - timedelta(days=step)
        busy = 0.08 if at.weekday() >= 5 else 1 + 0.3 * math.sin(step / 6)
        total += int(pages * busy * chance.uniform(0.6, 1.3))
        totals.append((at, total))
    read = a_read(
        kind, last, f"10.{agent.site_id}.4.{20 + number}", _serial(kind, number, chance), total,
        macs=(f"{kind.mac}:{number:02x}:4c:{chance.randrange(256):02x}",), name=f"PRN-{agent.site_id:02d}-{number:03d}",
        location=chance.choice(LOCATIONS), uptime_s=86400 * chance.randrange(1, 60), asset=f"NW-{10_000 + number}" if number % 3 else None,
        supplies=_supplies(kind, number, chance), status=_status(number), alerts=_alerts(number),
        warnings=("total of the Printer MIB (212,004) differs from the maker's counter; the maker's is taken",) if number % 23 == 0 else (),
    )  # fmt: skip
    device = store(session, agent, read, first_seen_at=totals[0][0])
    add_reads(session, agent, device, read, totals)


def _serial(kind: Kind, number: int, chance: random.Random) -> str:
    return f"{kind.prefix}{chance.randrange(10**6, 10**7)}{number:02d}"


def _supplies(kind: Kind, number: int, chance: random.Random) -> tuple[readings.Supply, ...]:
    found = []
    for row, (name, what, color) in enumerate(kind.supplies, 1):
        percent: int | None = chance.randrange(5, 70) if what.startswith("waste") else chance.randrange(14, 101)
        state: Any = "ok"
        if kind.maker == "Lexmark" and what == "toner":
            percent, state = None, "some"
        elif kind.maker == "HP" and what == "fuser":
            percent, state = None, "unknown"
        elif number % 7 == 0 and row == 1:
            percent, state = chance.randrange(2, 10), "low"
        elif number % 29 == 0 and row == 2:
            percent, state = 0, "empty"
        found.append(
            readings.Supply(
                f"1.{row}",
                name,
                what,
                color,
                percent,
                state,
                {"some": -3, "unknown": -2}.get(state, percent),
                100,
                "percent",
            )
        )
    return tuple(found)


def _status(number: int) -> readings.Status:
    if number % 13 == 0:
        return readings.Status("other", ("jammed",), ("Paper jam in cassette 2", "Open the left cover"))
    if number % 7 == 0:
        return readings.Status("idle", ("lowToner",), ("Ready to print.", "Toner is running low: black"))
    return readings.Status("printing" if number % 9 == 0 else "idle", (), ("Ready.",))


def _alerts(number: int) -> tuple[readings.Alert, ...]:
    if number % 13 == 0:
        return (
            readings.Alert("critical", 8, "Paper jam in cassette 2"),
            readings.Alert("warning", 807, "Cassette 3 nearly empty"),
        )
    return (readings.Alert("warning", 1104, "Toner low: black"),) if number % 7 == 0 else ()


def _add_reports(session: Session, agents: Sequence[tuple[Agent, int]], now: datetime, chance: random.Random) -> None:
    """One a month for each site, and a few that tell a story."""
    asked = [
        (now - timedelta(days=days, minutes=chance.randrange(20, 300)), agent, devices, "sent")
        for agent, devices in agents
        for days in (61, 30, 0)
    ]
    asked.append((now - timedelta(days=2, hours=5), *agents[4], "failed"))
    asked.append((now - timedelta(seconds=3), *agents[2], "building"))
    for at, agent, devices, state in sorted(asked, key=lambda entry: entry[0]):
        site = session.get_one(Site, agent.site_id)
        add_report(session, agent, state, at, devices, f"{site.name} {at:%Y-%m-%d}.xlsx")


def add_report(session: Session, agent: Agent, state: str, at: datetime, devices: int, file_name: str) -> Report:
    """A report with its workbook, where its state has one."""
    built = state not in ("due", "building")
    report = Report(
        dealer_id=agent.dealer_id, site_id=agent.site_id, agent_id=agent.id, state=state, requested_at=at,
        created_at=at, next_attempt_at=at, file_name=file_name if built else None, devices=devices if built else None,
        built_at=at + timedelta(seconds=1) if built else None, sent_at=at + timedelta(seconds=2) if state == "sent" else None,
        error="The relay refused every recipient; correct the addresses." if state == "failed" else None,
    )  # fmt: skip
    session.add(report)
    session.flush()
    people = {"billing@northwind.example": {"sent": "accepted", "failed": "refused"}.get(state, "queued")}
    if agent.site_id % 2:
        people["office@customer.example"] = "accepted" if state == "sent" else "queued"
    for recipient, outcome in people.items():
        answer = {"accepted": "250 2.0.0 Ok: queued as 4B7Z1", "refused": "550 5.1.1 User unknown"}.get(outcome)
        session.add(
            Delivery(
                dealer_id=agent.dealer_id, report_id=report.id, recipient=recipient, state=outcome, answer=answer,
                message_id=f"<{report.id}.{recipient}>", attempts=1 if answer else 0, changed_at=at + timedelta(seconds=2),
            )
        )  # fmt: skip
    if built:
        session.add(WorkbookPart(report_id=report.id, number=0, content=_xlsx(devices)))
    session.flush()
    return report


def _xlsx(devices: int) -> bytes:
    spreadsheet, octets = Spreadsheet(), BytesIO()
    spreadsheet.active.append(["Printers", devices])
    spreadsheet.save(octets)
    return octets.getvalue()
