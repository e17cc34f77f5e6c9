"""Ingest: from sealed batches over HTTP to committed rows, beside COPY and a naive ORM in the same run.

    python -m bench.ingest [ROUNDS]

Every way stores reads of the same 64 sites of 50 printers, one commit a batch, PostgreSQL with fsync on. The collector is
measured twice: as one API process, which has one core to itself while the load has the other, and as two, one on each
core, as it runs in production. PostgreSQL uses both cores, also while COPY runs.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import BigInteger, DateTime, ForeignKey, SmallInteger, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from flexprint_server.database import Database
from flexprint_server.fleet.models import Read as StoredRead
from flexprint_server.migrations import upgrade
from flexprint_server.tenants.keys import open_keyring
from flexprint_server.tenants.service import add_dealer, enrol, install_key
from flexprint_shared.batch import STATE_LETTERS, Sender, document, pack
from flexprint_shared.readings import Alert, Identity, Meter, Read, Status, Supply
from flexprint_shared.sealing import NO_BATCH, Header, batch_hash, seal
from services.postgres import Postgres
from services.process import Program, dies_with_us, free_port, listens
from services.valkey import Valkey

AGENTS = 64
DEVICES = 50
CONNECTIONS = 8
PROCESSES = 2
OURS = "FlexPrint, over HTTP: verified, opened, committed"
START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AIM_OF_COPY = 0.6
AIM_WIRE = 140
AIM_STORED = 400
TABLES = ("batch", "read", "device", "device_key", "layout", "agent")

# maker, model, sysObjectID, colour, serial's beginning
MODELS = [
    ("HP", "HP LaserJet 400 M401dne", "1.3.6.1.4.1.11.2.3.9.1", False, "VNB3"),
    ("HP", "HP Color LaserJet MFP M477fdw", "1.3.6.1.4.1.11.2.3.9.1", True, "VNBK"),
    ("Kyocera", "ECOSYS P2040dw", "1.3.6.1.4.1.1347.41", False, "VUH7"),
    ("Kyocera", "TASKalfa 3253ci", "1.3.6.1.4.1.1347.43.5.1.1.1", True, "RVP0"),
    ("Brother", "MFC-L8900CDW series", "1.3.6.1.4.1.2435.2.3.9.1", True, "E752"),
    ("Ricoh", "IM C3000", "1.3.6.1.4.1.367.1.1", True, "3089R"),
]
METERS = ["total", "total.mono", "print.mono", "copy.mono", "scan", "total.duplex"]
COLOR_METERS = ["total.color", "print.color", "copy.color", "fax"]


def printer(number: int, luck: random.Random) -> Read:
    """One printer of a fleet as it is found: six to ten meters, three to six supplies."""
    maker, model, object_id, color, serial = MODELS[number % len(MODELS)]
    total = luck.randrange(2_000, 900_000)
    names = METERS + (COLOR_METERS if color else [])
    meters = tuple(
        Meter(
            name, total if name == "total" else luck.randrange(total), "impressions", f"{object_id}.2.{at}.0", "vendor"
        )
        for at, name in enumerate(names)
    )
    colors = ["black", "cyan", "magenta", "yellow"] if color else ["black"]
    toners = [
        Supply(f"1.{at}", f"{name.title()} Toner {model.split()[-1]}", "toner", name, 50, "ok", 50, 100, "percent")
        for at, name in enumerate(colors, 1)
    ]
    waste = Supply("1.8", "Waste Toner Box", "wasteToner", None, None, "some", -3, -2, "percent")
    drum = Supply("1.9", "Drum Unit", "opc", None, 80, "ok", 80_000, 100_000, "impressions")
    alerts = (Alert("warning", 1104, "Toner low"),) if luck.random() < 0.2 else ()
    return Read(
        address=f"10.{number // 60000 % 250}.{number // 250 % 250}.{number % 250 + 1}",
        port=161,
        read_at=START,
        identity=Identity(
            manufacturer=maker,
            model=model,
            serial=f"{serial}{luck.randrange(16**6):06X}",
            macs=("00:17:c8:" + ":".join(f"{luck.randrange(256):02x}" for _ in range(3)),),
            name=f"PRN-{luck.randrange(10**5):05d}",
            location=f"Building {luck.randrange(9)}, floor {luck.randrange(6)}",
            firmware=f"2.{luck.randrange(9)}.{luck.randrange(9)}",
            sys_object_id=object_id,
            description=f"{maker} {model}",
        ),
        uptime_s=luck.randrange(10**6),
        color=color,
        meters=meters,
        supplies=(*toners, waste, drum),
        status=Status("idle", ("lowToner",) if alerts else (), ("Ready",)),
        alerts=alerts,
    )


# What printers are doing while somebody reads them: most are as they were.
MOMENTS = [
    Status("idle", (), ("Ready",)),
    Status("idle", (), ("Sleep mode on",)),
    Status("printing", (), ("Printing", "Tray 2")),
    Status("other", ("jammed",), ("Paper jam in tray 2", "Open the left cover")),
]


def later(read: Read, status: Status, luck: random.Random) -> Read:
    """The same printer after an hour of office work: its counters have climbed. One in five shows something else than
    `status`, which it mostly does."""
    pages = luck.randrange(200)
    return replace(
        read,
        read_at=read.read_at + timedelta(hours=1, milliseconds=luck.randrange(2_000)),
        uptime_s=(read.uptime_s or 0) + 3600,
        status=luck.choice(MOMENTS) if luck.random() < 0.2 else status,
        meters=tuple(replace(meter, value=meter.value + pages) for meter in read.meters),
        supplies=tuple(
            replace(supply, level=max(supply.level - 1, 0), percent=max(supply.percent - 1, 0))
            if supply.percent is not None and supply.level is not None and luck.random() < 0.3
            else supply
            for supply in read.supplies
        ),
    )


@dataclass(slots=True)
class Site:
    """One agent with its printers and the batches it will send."""

    agent: uuid.UUID
    key: Ed25519PrivateKey
    printers: list[Read]
    reads: list[list[Read]]
    sealed: list[bytes]


def sites(database: Database, secret_key: str, rounds: int) -> list[Site]:
    """AGENTS enrolled agents, each with `rounds` sealed batches."""
    luck = random.Random(7)
    now = datetime.now(UTC)
    keyring = open_keyring(database, secret_key, now)
    made = []
    with database.transaction() as session:
        add_dealer(session, "Bench", "bench@example.com", "a password of some length", now)
        for number in range(AGENTS):
            key = Ed25519PrivateKey.generate()
            install = install_key(session, "Bench", f"Customer {number}", "Main", now)
            public = key.public_key().public_bytes_raw()
            agent = enrol(session, install, public, f"HOST-{number}", "Linux", "0.1.0", now)
            printers = [printer(number * DEVICES + at, luck) for at in range(DEVICES)]
            made.append(Site(agent.id, key, printers, [], []))
    for site in made:
        previous, reads = NO_BATCH, site.printers
        mostly = [read.status for read in reads]
        for number in range(rounds):
            reads = [later(read, status, luck) for read, status in zip(reads, mostly, strict=True)]
            opened = document(reads, made_at=START + timedelta(hours=number), sender=Sender("0.1.0", "FRONT-DESK"))
            header = Header(site.agent, number + 1, previous, keyring.current_id)
            sealed = seal(pack(opened), header, keyring.current.public_key(), site.key)
            site.reads.append(reads)
            site.sealed.append(sealed)
            previous = batch_hash(sealed)
    return made


class Call:
    """One keep-alive connection that posts batches and reads answers: as little client as HTTP allows."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def post(self, sealed: bytes) -> None:
        head = (
            "POST /agent/v1/batches HTTP/1.1\r\nHost: bench\r\nContent-Type: application/vnd.flexprint.batch\r\n"
            f"Content-Length: {len(sealed)}\r\n\r\n"
        )
        self._writer.write(head.encode() + sealed)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{answer!r} {body!r}")


async def post_all(ports: Sequence[int], queues: Sequence[Sequence[bytes]]) -> float:
    """Posts every queue in its own order over CONNECTIONS connections, to the ports in turn; seconds."""
    calls = [Call(*await asyncio.open_connection("127.0.0.1", ports[at % len(ports)])) for at in range(CONNECTIONS)]

    async def drain(call: Call, mine: Sequence[Sequence[bytes]]) -> None:
        for batches in zip(*mine, strict=True):
            for sealed in batches:
                await call.post(sealed)

    started = time.perf_counter()
    await asyncio.gather(*(drain(call, queues[at::CONNECTIONS]) for at, call in enumerate(calls)))
    return time.perf_counter() - started


def pinned(core: int, command: Sequence[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command]


def over_http(ports: Sequence[int], folder: Path, queues: Sequence[Sequence[bytes]]) -> float:
    """The load, from a process of its own on the second core; seconds."""
    plan = folder / "plan.json"
    plan.write_text(json.dumps([[sealed.hex() for sealed in queue] for queue in queues]))
    command = pinned(1, [sys.executable, "-m", "bench.ingest", "--post", str(plan), *map(str, ports)])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


WIDE_TABLE = """CREATE TABLE wide (
    device_id bigint NOT NULL, read_at timestamptz NOT NULL, total bigint, mono bigint, print bigint, copy bigint,
    scan bigint, duplex bigint, uptime bigint, port integer, extra jsonb, PRIMARY KEY (device_id, read_at))"""
WIDE_COUNTERS = ("total", "total.mono", "print.mono", "copy.mono", "scan", "total.duplex")


def wide(read: Read, device: int, batch: int, row: int) -> tuple[object, ...]:
    """A read as one wide row: counters in columns, the rest of what the device said as JSON."""
    counted = {meter.name: meter.value for meter in read.meters}
    extra = {
        **{name: value for name, value in counted.items() if name not in WIDE_COUNTERS},
        **{supply.name: (supply.level, supply.capacity, supply.state) for supply in read.supplies},
        "serial": read.identity.serial,
        "macs": read.identity.macs,
        "name": read.identity.name,
        "location": read.identity.location,
        "firmware": read.identity.firmware,
        "model": read.identity.model,
        "address": read.address,
        "state": read.status.state,
        "console": read.status.console,
        "alerts": [alert.description for alert in read.alerts],
    }
    counters = (counted.get(name) for name in WIDE_COUNTERS)
    return (device, read.read_at, *counters, read.uptime_s, read.port, json.dumps(extra))


def lean(read: Read, device: int, batch: int, row: int) -> tuple[object, ...]:
    """A read as FlexPrint's own table of reads holds it, which is not all that a batch brings: the device as it is
    now, the texts and the sealed original stand in other tables."""
    return (
        1, device, batch, row, 1, read.read_at, read.uptime_s, read.meter("total"),
        json.dumps([meter.value for meter in read.meters], separators=(",", ":")),
        json.dumps([supply.level for supply in read.supplies], separators=(",", ":")),
        json.dumps([supply.percent for supply in read.supplies], separators=(",", ":")),
        "".join(STATE_LETTERS[supply.state] for supply in read.supplies),
    )  # fmt: skip


LEAN_COPY = (
    "COPY lean (dealer_id, device_id, batch_id, row, layout_id, read_at, uptime_s, total, meters, levels, percents, "
    "states) FROM STDIN"
)


def by_copy(
    url: str, batches: Sequence[Sequence[Read]], statement: str, form: Callable[..., tuple[object, ...]]
) -> float:
    """psycopg COPY, a commit a batch; seconds."""
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS wide, lean")
        connection.execute(WIDE_TABLE)
        connection.execute('CREATE TABLE lean (LIKE "read" INCLUDING ALL)')
        connection.execute("CREATE SEQUENCE IF NOT EXISTS lean_id")
        connection.execute("ALTER TABLE lean ALTER COLUMN id SET DEFAULT nextval('lean_id')")
        connection.commit()
        started = time.perf_counter()
        for number, reads in enumerate(batches):
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                for row, read in enumerate(reads):
                    copy.write_row(form(read, number % AGENTS * DEVICES + row, number, row))
            connection.commit()
        return time.perf_counter() - started


class Naive(DeclarativeBase):
    pass


class NaiveDevice(Naive):
    __tablename__ = "naive_device"
    id: Mapped[int] = mapped_column(primary_key=True)
    serial: Mapped[str] = mapped_column(String, unique=True)
    model: Mapped[str | None]
    address: Mapped[str]
    last_seen: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class NaiveRead(Naive):
    __tablename__ = "naive_read"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("naive_device.id"))
    read_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    values: Mapped[list["NaiveValue"]] = relationship()


class NaiveValue(Naive):
    __tablename__ = "naive_value"
    read_id: Mapped[int] = mapped_column(ForeignKey("naive_read.id"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    name: Mapped[str]
    value: Mapped[int | None] = mapped_column(BigInteger)


def by_orm(url: str, batches: Sequence[Sequence[Read]]) -> float:
    """What a first draft does: look up each device, add it or change it, a row a value; seconds."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    Naive.metadata.create_all(engine)
    started = time.perf_counter()
    for reads in batches:
        with Session(engine) as session:
            for read in reads:
                device = session.scalars(select(NaiveDevice).where(NaiveDevice.serial == read.identity.serial)).first()
                if device is None:
                    device = NaiveDevice(serial=read.identity.serial or "")
                    session.add(device)
                device.model, device.address, device.last_seen = read.identity.model, read.address, read.read_at
                session.flush()
                named: list[tuple[str, int | None]] = [(meter.name, meter.value) for meter in read.meters]
                named += [(supply.name, supply.level) for supply in read.supplies]
                values = [NaiveValue(number=at, name=name, value=value) for at, (name, value) in enumerate(named)]
                session.add(NaiveRead(device_id=device.id, read_at=read.read_at, values=values))
            session.commit()
    engine.dispose()
    return time.perf_counter() - started


def api(folder: Path, url: str, queue: str, secret_key: str, core: int) -> tuple[Program, int]:
    """The real web application, on one core."""
    port = free_port()
    environment = {
        **os.environ,
        "FLEXPRINT_DATABASE_URL": url,
        "FLEXPRINT_REDIS_URL": queue,
        "FLEXPRINT_DATA": str(folder),
        "FLEXPRINT_SECRET_KEY": secret_key,
    }
    command = [sys.executable, "-m", "flexprint_server.cli", "api", "--port", str(port)]
    program = Program(dies_with_us(pinned(core, command)), folder / f"api-{core}.log", env=environment)
    return program.ready_when(lambda: listens(port)), port


def stored_octets(database: Database) -> int:
    with database.reading() as session:
        sizes = (f"pg_total_relation_size('\"{table}\"')" for table in TABLES)
        return int(session.connection().exec_driver_sql(f"SELECT {' + '.join(sizes)}").scalar_one())


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Row:
    """One line of the table: reads a second, and what else was measured of it."""

    way: str
    rate: float
    cpu_ms: float | None = None
    wire: float | None = None
    stored: float | None = None


def measure(rounds: int = 12, turns: int = 3) -> list[Row]:
    """Every way in turn, `turns` times in one run; medians. The first round of batches makes the devices and is
    not timed."""
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as name:
        folder = Path(name)
        server = Postgres(folder / "postgres", durable=True, options={"shared_buffers": "256MB", "max_wal_size": "4GB"})
        queue = Valkey(folder / "valkey")
        try:
            server.start()
            queue.start()
            return _measured(folder, server, queue, rounds, turns)
        finally:
            queue.stop()
            server.close()


def _measured(folder: Path, server: Postgres, queue: Valkey, rounds: int, turns: int) -> list[Row]:
    template = server.template("bench_template", upgrade)
    url = server.create(template)
    secret_key = os.urandom(32).hex()
    database = Database(url)
    every = sites(database, secret_key, 1 + PROCESSES * turns * rounds)
    programs, ports = zip(*(api(folder, url, queue.url, secret_key, core) for core in range(PROCESSES)), strict=True)
    rates: dict[str, list[float]] = {"1": [], "2": [], "wide": [], "lean": [], "orm": []}
    cpu: dict[str, list[float]] = {"1": [], "2": []}
    count, first = rounds * AGENTS, 1
    try:
        over_http(ports, folder, [site.sealed[:1] for site in every])
        before = stored_octets(database)
        for _ in range(turns):
            for processes in range(1, PROCESSES + 1):
                part, first = slice(first, first + rounds), first + rounds
                spent = sum(cpu_seconds(program.pid) for program in programs)
                seconds = over_http(ports[:processes], folder, [site.sealed[part] for site in every])
                spent = sum(cpu_seconds(program.pid) for program in programs) - spent
                cpu[str(processes)].append(spent / count * 1000)
                rates[str(processes)].append(count * DEVICES / seconds)
            batches = [site.reads[number] for number in range(part.start, part.stop) for site in every]
            fresh = server.create(template)
            rates["wide"].append(count * DEVICES / by_copy(fresh, batches, "COPY wide FROM STDIN", wide))
            rates["lean"].append(count * DEVICES / by_copy(fresh, batches, LEAN_COPY, lean))
            rates["orm"].append(20 * DEVICES / by_orm(fresh, batches[:20]))
            server.drop(fresh)
        reads = PROCESSES * turns * rounds * AGENTS * DEVICES
        stored = (stored_octets(database) - before) / reads
        with database.reading() as session:
            assert session.scalar(select(StoredRead.id).order_by(StoredRead.id.desc()).limit(1)), "nothing was stored"
    finally:
        for program in programs:
            program.stop()
        database.close()
    wire = sum(len(sealed) for site in every for sealed in site.sealed[1:]) / reads
    middle = {way: statistics.median(values) for way, values in rates.items()}
    return [
        Row("psycopg COPY of the reads as wide rows", middle["wide"]),
        Row(f"{OURS}, one API process", middle["1"], statistics.median(cpu["1"]), wire, stored),
        Row(f"{OURS}, two API processes", middle["2"], statistics.median(cpu["2"]), wire, stored),
        Row("psycopg COPY of nothing but FlexPrint's lean rows", middle["lean"]),
        Row("SQLAlchemy ORM, a row a value (no HTTP, no seal)", middle["orm"]),
    ]


def aims(rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    """What was wanted: what was measured, and whether that is enough."""
    reference, one, ours = rows[:3]
    assert ours.wire is not None
    assert ours.stored is not None
    alone, ratio = one.rate / reference.rate, ours.rate / reference.rate
    return {
        f"at least {AIM_OF_COPY:g} of the reads that COPY stores in a second": (
            f"{ratio:.2f} with an API process on each core, {alone:.2f} with a single one",
            ratio >= AIM_OF_COPY,
        ),
        f"a read on the wire within {AIM_WIRE} octets": (f"{ours.wire:.0f}", ours.wire <= AIM_WIRE),
        f"a read stored within {AIM_STORED} octets": (f"{ours.stored:.0f}", ours.stored <= AIM_STORED),
    }


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table and the aims, as lines."""
    yield "| storing batches of 50 reads, one commit each | reads/s | of COPY | CPU ms/batch | octets on the wire/read | octets stored/read |"
    yield "|---|---|---|---|---|---|"
    reference = rows[0].rate
    for row in rows:
        figures = [f"{row.rate:,.0f}", f"{row.rate / reference:.2f}"]
        figures += ["" if value is None else f"{value:.3g}" for value in (row.cpu_ms, row.wire, row.stored)]
        yield f"| {row.way} | {' | '.join(figures)} |"
    yield ""
    for aim, (measured, met) in aims(rows).items():
        yield f"- {aim}: {measured}{'' if met else ' — missed'}"


def main() -> None:
    if sys.argv[1:2] == ["--post"]:
        plan = json.loads(Path(sys.argv[2]).read_text())
        queues = [[bytes.fromhex(sealed) for sealed in queue] for queue in plan]
        print(asyncio.run(post_all([int(port) for port in sys.argv[3:]], queues)))
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    for line in markdown(measure(rounds)):
        print(line)


if __name__ == "__main__":
    main()
