"""The parts of a journey, each a program of its own: the agent's commands, the collector's processes."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import httpx
from openpyxl import load_workbook
from sqlalchemy import text

from flexprint_agent.cli import main
from flexprint_server.database import Database
from flexprint_server.tenants.service import install_key
from lab.site import BEYOND_LOOPBACK
from services.process import DidNotStart, Program, dies_with_us, free_port, wait_until

SCRIPTS = Path(sysconfig.get_path("scripts"))
DEALER, CUSTOMER, SITE = "Northwind Copiers", "Harbour Dental", "Main Street"
RECIPIENT = "billing@northwind.example"


def bare_environment() -> dict[str, str]:
    """This environment without settings of another FlexPrint and without proxies."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    return {name: value for name, value in kept.items() if not name.startswith("FLEXPRINT_")}


class Collector:
    """API, worker and scheduler as processes of their own over a given database, queue and relay."""

    def __init__(self, folder: Path, *, database_url: str, redis_url: str, smtp_url: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.database_url = database_url
        self.env = bare_environment() | {
            "FLEXPRINT_DATABASE_URL": database_url,
            "FLEXPRINT_REDIS_URL": redis_url,
            "FLEXPRINT_SMTP_URL": smtp_url,
            "FLEXPRINT_MAIL_FROM": "meters@northwind.example",
            "FLEXPRINT_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "FLEXPRINT_DATA": str(folder / "data"),
            "FLEXPRINT_SECRET_KEY": "5e" * 32,
        }
        self.programs: dict[str, Program] = {}

    def __enter__(self) -> Self:
        self.start("api", "--host", "127.0.0.1", "--port", str(self.port))
        self.start("worker")
        self.start("scheduler")
        try:
            self.programs["api"].ready_when(self.is_ready, 90)
        except DidNotStart:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        for program in self.programs.values():
            program.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def start(self, name: str, *arguments: str) -> Program:
        command = [str(SCRIPTS / "flexprint-server"), name, *arguments]
        self.programs[name] = Program(dies_with_us(command, "TERM"), self.folder / f"{name}.log", env=self.env)
        return self.programs[name]

    def complete(self) -> None:
        """Starts again what a journey stopped or killed."""
        for name in ("worker", "scheduler"):
            if self.programs[name].running.poll() is not None:
                self.start(name)

    def forget(self) -> None:
        """Without agents, and without what they sent. What is on its way to somebody's mailbox is let through first."""
        self.complete()
        on_its_way = "SELECT count(*) FROM report WHERE state NOT IN ('sent', 'failed')"
        wait_until(lambda: self.rows(on_its_way) == [(0,)], "the end of every report", 60)
        database = Database(self.database_url)
        try:
            with database.transaction() as session:
                session.execute(text("TRUNCATE agent CASCADE"))
        finally:
            database.close()

    def install_key(self) -> str:
        database = Database(self.database_url)
        try:
            with database.transaction() as session:
                return install_key(session, DEALER, CUSTOMER, SITE, datetime.now(UTC), timedelta(days=1))
        finally:
            database.close()

    def rows(self, query: str) -> list[Any]:
        database = Database(self.database_url)
        try:
            with database.reading() as session:
                return [tuple(row) for row in session.execute(text(query))]
        finally:
            database.close()

    def hurry(self, what: str) -> None:
        """Moves the clock of a schedule, or of what is to be tried again, on to now: `what` is a table and a condition."""
        table, _, which = what.partition(" WHERE ")
        column = {"schedule": "next_at", "report": "next_attempt_at"}[table]
        database = Database(self.database_url)
        try:
            with database.transaction() as session:
                session.execute(text(f"UPDATE {table} SET {column} = now() WHERE {column} IS NOT NULL AND {which}"))
        finally:
            database.close()

    def stored_reads(self) -> list[tuple[str, int]]:
        """(serial, total) of every read that is stored, sorted."""
        return sorted(self.rows('SELECT d.serial, r.total FROM "read" r JOIN device d ON d.id = r.device_id'))


class Agent:
    """One agent's home, driven by its command line."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = bare_environment() | {"FLEXPRINT_AGENT_HOME": str(home)}

    def run(self, *arguments: str, status: int | None = 0) -> list[dict[str, Any]]:
        """The JSON documents that the command printed."""
        done = subprocess.run(
            self._command(arguments), env=self.env, capture_output=True, text=True, check=False, timeout=240
        )
        assert status is None or done.returncode == status, (
            f"{arguments}: {done.returncode}\n{done.stderr}\n{done.stdout}"
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, running, for a test that is going to kill it."""
        return subprocess.Popen(
            self._command(arguments), env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _here(self, *arguments: str) -> None:
        """A command that a journey only stands on, without a process of its own."""
        assert main(["--home", str(self.home), *arguments]) == 0

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(SCRIPTS / "flexprint-agent"), "--json", *arguments]

    def enroll(self, collector: Collector, url: str | None = None, key: str | None = None) -> None:
        key = key or collector.install_key()
        self.run("enroll", "--server", url or collector.url, "--insecure-loopback", "--key", key)
        for setting in BEYOND_LOOPBACK:
            self._here("settings", setting, "off")
        self._here("recipients", "add", RECIPIENT)

    def status(self) -> dict[str, Any]:
        return self.run("status")[0]


def sheet_rows(mail: EmailMessage) -> list[dict[str, Any]]:
    """The first sheet of the workbook in a mail, as one dict a row by the headings."""
    (attachment,) = [part for part in mail.iter_attachments() if str(part.get_filename()).endswith(".xlsx")]
    content = attachment.get_content()
    assert isinstance(content, bytes)
    sheet = load_workbook(BytesIO(content)).worksheets[0]
    heading, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(heading, row, strict=True)) for row in rows]
