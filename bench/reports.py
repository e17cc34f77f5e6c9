"""A fleet's workbook as the worker makes it: from a schedule's report in PostgreSQL to the mail that is handed over.

    python -m bench.reports

Every sheet that there is: devices, supplies, the volume of the last week, and a row for each meter. One process of its own
for each report, as a worker is: imports paid, one report delivered. `before` is what such a process takes idle.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bench.fleet import SECRET_KEY, Size, fill
from bench.rig import forget_peak, line, peak_mb, run

from flexprint_server.database import Database
from flexprint_server.mail.means import Means
from flexprint_server.mail.relay import FolderPost
from flexprint_server.migrations import upgrade
from flexprint_server.reports import parts, schedules
from flexprint_server.reports.delivery import deliver
from flexprint_server.reports.models import Report
from flexprint_server.reports.schedules import Typed
from flexprint_server.reports.wanted import SHEETS, Covers, SheetName
from flexprint_server.worker import warm_up
from services.postgres import Postgres

FLEET = Size(devices=100_000, days=16, sites=3_000, customers=1_500, few=10)
CUSTOMERS = {1_000: 15, 10_000: 150, 100_000: FLEET.customers}
"""So many customers have about so many devices."""

PLAIN: tuple[SheetName, ...] = ("supplies", "import")
AIM_SECONDS, AIM_MB = 3.0, 60.0
"""For the usual sheets of 10,000 devices: seconds, and the memory that making them takes."""

AIM_MB_LARGE = 200.0
"""For every sheet of 100,000 devices in one file: the whole process."""


@dataclass(slots=True)
class Row:
    """One report: `seconds` from its claim to the mail handed over, `before_mb` and `peak_mb` of the whole process."""

    devices: int
    sheets: str
    seconds: float
    before_mb: float
    peak_mb: float
    file_mb: float


def measure(rounds: int = 3, fleet: Size = FLEET) -> list[Row]:
    """The usual sheets and all sheets at each size; the best of `rounds`, the largest once."""
    with tempfile.TemporaryDirectory(prefix="bench-reports-") as name:
        server = Postgres(Path(name) / "postgres", options={"shared_buffers": "256MB"})
        try:
            url = server.start().url(server.template("fleet", upgrade))
            fill(url, datetime.now(UTC), fleet)
            return [
                min((_once(url, Path(name), size, sheets) for _ in range(turns)), key=lambda row: row.seconds)
                for size in CUSTOMERS
                for sheets in (PLAIN, SHEETS)
                for turns in (rounds if size < max(CUSTOMERS) else 1,)
            ]
        finally:
            server.close()


def _once(url: str, folder: Path, size: int, sheets: Sequence[SheetName]) -> Row:
    database = Database(url)
    try:
        report = _asked(database, size, sheets)
        spent = run([sys.executable, "-m", "bench.reports", "--deliver", url, report, folder], timeout=900)
        facts = spent.facts()
        with database.reading() as session:
            devices = session.get_one(Report, report).devices or 0
    finally:
        database.close()
    return Row(devices, ", ".join(sheets), facts["seconds"], facts["before_mb"], facts["peak_mb"], facts["file_mb"])


def _asked(database: Database, size: int, sheets: Sequence[SheetName]) -> int:
    """The number of a new report of so many devices."""
    now = datetime.now(UTC)
    covers = Covers("customers", tuple(range(1, CUSTOMERS[size] + 1))) if size < FLEET.devices else Covers("all")
    typed = Typed(
        f"{size} {now.timestamp()}", "weekly mon 07:00", "Europe/Berlin", covers, ["office@example.com"], list(sheets), [],
        "week" if "volume" in sheets else "none", "", "",
    )  # fmt: skip
    with database.transaction() as session:
        schedule = schedules.keep(session, 1, typed, "bench", now)
        before = now - timedelta(days=7)
        return schedules.request_run(session, schedule, now, "example.com", due_at=None, before=before)


def _deliver(url: str, report_id: int, folder: Path) -> None:
    warm_up()
    database = Database(url, pool_size=6)
    means = Means(database, FolderPost(folder / f"mail-{report_id}"), "bench@example.com", SECRET_KEY, "http://x", "")
    with database.reading() as session:
        session.get_one(Report, report_id)
    forget_peak()
    before = peak_mb()
    began = time.perf_counter()
    deliver(means, report_id)
    seconds, peak = time.perf_counter() - began, peak_mb()
    with database.reading() as session:
        report = session.get_one(Report, report_id)
        assert report.state == "sent", report.error
        stored = parts.find(1, session, report_id)
        assert stored
    print(json.dumps({"seconds": seconds, "before_mb": before, "peak_mb": peak, "file_mb": stored.size / 1e6}))


def aims(rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    """What was wanted: what was measured, and whether that is enough."""
    usual, largest = (next(row for row in rows if row.devices > least) for least in (5_000, 50_000))
    large = rows[-1]
    took, took_largest = (row.peak_mb - row.before_mb for row in (usual, largest))
    return {
        f"the usual sheets of 10,000 devices within {AIM_SECONDS:g} s": (f"{usual.seconds:.1f} s", usual.seconds <= AIM_SECONDS),
        f"they take {AIM_MB:g} MB at most": (f"{took:.0f} MB", took <= AIM_MB),
        f"those of 100,000 devices in one file take {AIM_MB:g} MB at most, too": (
            f"{took_largest:.0f} MB, {largest.seconds:.1f} s",
            took_largest <= AIM_MB,
        ),
        f"every sheet of 100,000 devices in one file, the whole process within {AIM_MB_LARGE:g} MB": (
            f"{large.peak_mb:.0f} MB",
            large.peak_mb <= AIM_MB_LARGE,
        ),
    }  # fmt: skip


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table and the aims, as lines."""
    yield line(
        [
            "a schedule's workbook, devices",
            "sheets beside Devices and About",
            "claim to mail s",
            "idle MB",
            "peak MB",
            "file MB",
        ]
    )
    yield line(["---"] * 6)
    for row in rows:
        yield line(
            [
                f"{row.devices:,}",
                row.sheets,
                f"{row.seconds:.2f}",
                f"{row.before_mb:.0f}",
                f"{row.peak_mb:.0f}",
                f"{row.file_mb:.1f}",
            ]
        )
    yield ""
    for aim, (measured, met) in aims(rows).items():
        yield f"- {aim}: {measured}{'' if met else ' — missed'}"


def main() -> None:
    if sys.argv[1:2] == ["--deliver"]:
        _deliver(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
        return
    for written in markdown(measure()):
        print(written)


if __name__ == "__main__":
    main()
