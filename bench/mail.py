"""From upload to mailbox: an agent's batches over HTTP, stored, built into a workbook, mailed and accepted.

    python -m bench.mail [ROUNDS]

The real web application and a warm worker as processes of their own, on PostgreSQL with fsync on, a Redis-protocol
server and an SMTP server. Timed from the first octet of the upload to the mail server's acceptance.
"""

import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bench.ingest import api, later, printer
from bench.rig import line
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flexprint_server.database import Database
from flexprint_server.migrations import upgrade
from flexprint_server.tenants.keys import open_keyring
from flexprint_server.tenants.service import add_dealer, enrol, install_key
from flexprint_shared.batch import MOST_READS, Sender, document, pack
from flexprint_shared.readings import Read
from flexprint_shared.sealing import MEDIA_TYPE, NO_BATCH, Header, batch_hash, seal
from services.postgres import Postgres
from services.process import Program, dies_with_us
from services.rude_smtp import Rude
from services.valkey import Valkey

DEVICES = (1_000, 10_000)
AIM_SECONDS = 5.0
"""For 1,000 devices."""

START = datetime.now(UTC) - timedelta(days=2)


class Mailbox(Rude):
    """Says when it accepted a mail."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: SimpleQueue[float] = SimpleQueue()

    def answer(self, to: str) -> str:
        if to == "content":
            self.accepted.put(time.perf_counter())
        return super().answer(to)


class Uploads:
    """An enrolled agent with `devices` printers, at the `place` of that dealer, customer and site or one of its own; each
    round is an hour later."""

    def __init__(
        self, database: Database, secret_key: str, devices: int, place: tuple[str, str, str] | None = None
    ) -> None:
        now = datetime.now(UTC)
        self._luck = random.Random(7)
        self._keyring = open_keyring(database, secret_key, now)
        self._key = Ed25519PrivateKey.generate()
        with database.transaction() as session:
            install = install_key(session, *(place or ("Bench", f"Customer with {devices}", "Main")), now)
            public = self._key.public_key().public_bytes_raw()
            self._agent = enrol(session, install, public, "HOST", "Linux", "0.1.0", now).id
        self._printers = [printer(number, self._luck) for number in range(devices)]
        self._sequence, self._previous = 0, NO_BATCH

    def batches(self) -> list[bytes]:
        """The next round's sealed batches, the last of which asks for the report."""
        self._printers = [later(read, read.status, self._luck) for read in self._printers]
        at = max(read.read_at for read in self._printers)
        parts = [self._printers[first : first + MOST_READS] for first in range(0, len(self._printers), MOST_READS)]
        return [self._sealed(part, at, asks=part is parts[-1]) for part in parts]

    def _sealed(self, reads: Sequence[Read], at: datetime, *, asks: bool) -> bytes:
        opened = document(
            reads,
            made_at=at,
            sender=Sender("0.1.0", "HOST"),
            recipients=["office@example.com"],
            report_requested_at=at if asks else None,
        )
        self._sequence += 1
        header = Header(self._agent, self._sequence, self._previous, self._keyring.current_id)
        sealed = seal(pack(opened), header, self._keyring.current.public_key(), self._key)
        self._previous = batch_hash(sealed)
        return sealed


@dataclass(slots=True)
class Row:
    """Seconds, medians: the upload alone, from its acknowledgement to the accepted mail, and both; `slowest` of all."""

    devices: int
    upload: float
    rest: float
    whole: float
    slowest: float


def measure(rounds: int = 5, sizes: Sequence[int] = DEVICES) -> list[Row]:
    """Every size, `rounds` times; the first round makes the devices and is not timed."""
    with tempfile.TemporaryDirectory(prefix="bench-mail-") as name, Mailbox() as mailbox:
        folder = Path(name)
        server = Postgres(folder / "postgres", durable=True)
        queue = Valkey(folder / "valkey")
        try:
            server.start()
            queue.start()
            url = server.create(server.template("bench_template", upgrade))
            return _measured(folder, url, queue.url, mailbox, rounds, sizes)
        finally:
            queue.stop()
            server.close()


def _measured(folder: Path, url: str, queue_url: str, mailbox: Mailbox, rounds: int, sizes: Sequence[int]) -> list[Row]:
    secret_key = os.urandom(32).hex()
    database = Database(url)
    with database.transaction() as session:
        add_dealer(session, "Bench", "bench@example.com", "a password of some length", datetime.now(UTC))
    program, port = api(folder, url, queue_url, secret_key, core=0)
    worker = _worker(folder, url, queue_url, secret_key, mailbox.port)
    try:
        return [_row(size, Uploads(database, secret_key, size), port, mailbox, rounds) for size in sizes]
    finally:
        worker.stop(signal.SIGKILL)
        program.stop()
        database.close()


def _row(size: int, uploads: Uploads, port: int, mailbox: Mailbox, rounds: int) -> Row:
    _one(uploads.batches(), port, mailbox)
    taken = [_one(uploads.batches(), port, mailbox) for _ in range(rounds)]
    upload, whole = ([one[at] for one in taken] for at in (0, 1))
    rest = [both - first for first, both in taken]
    return Row(size, statistics.median(upload), statistics.median(rest), statistics.median(whole), max(whole))


def _one(batches: Sequence[bytes], port: int, mailbox: Mailbox) -> tuple[float, float]:
    """Seconds to the last acknowledgement and to the accepted mail."""
    began = time.perf_counter()
    for sealed in batches:
        call = urllib.request.Request(
            f"http://127.0.0.1:{port}/agent/v1/batches", sealed, {"Content-Type": MEDIA_TYPE}, method="POST"
        )
        with urllib.request.urlopen(call) as answer:
            json.load(answer)
    acknowledged = time.perf_counter()
    return acknowledged - began, mailbox.accepted.get(timeout=120) - began


def _worker(folder: Path, url: str, queue_url: str, secret_key: str, smtp_port: int) -> Program:
    environment = {
        **os.environ,
        "FLEXPRINT_DATABASE_URL": url,
        "FLEXPRINT_REDIS_URL": queue_url,
        "FLEXPRINT_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "FLEXPRINT_DATA": str(folder),
        "FLEXPRINT_SECRET_KEY": secret_key,
    }
    command = [sys.executable, "-m", "flexprint_server.cli", "worker"]
    return Program(dies_with_us(command), folder / "worker.log", env=environment)


def aims(rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    """What was wanted: what was measured, and whether that is enough."""
    row = next(row for row in rows if row.devices == DEVICES[0])
    return {
        f"{row.devices:,} devices from upload to accepted mail within {AIM_SECONDS:g} s, each time": (
            f"{row.slowest:.2f} s",
            row.slowest <= AIM_SECONDS,
        )
    }


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table and the aims, as lines."""
    yield line(
        ["from upload to mailbox, devices", "upload s", "acknowledged to accepted mail s", "together s", "slowest s"]
    )
    yield line(["---"] * 5)
    for row in rows:
        yield line([f"{row.devices:,}", *(f"{value:.2f}" for value in (row.upload, row.rest, row.whole, row.slowest))])
    yield ""
    for aim, (measured, met) in aims(rows).items():
        yield f"- {aim}: {measured}{'' if met else ' — missed'}"


def main() -> None:
    for written in markdown(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)):
        print(written)


if __name__ == "__main__":
    main()
