"""Bad days. At the end of each: every read stored exactly once, every report mailed."""

import json
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from e2e.faults import Relay
from e2e.journey import Agent, Collector
from lab.office import Placed, office
from lab.site import Lab
from services.process import wait_until
from services.smtp import Sink
from services.valkey import Valkey


@pytest.fixture
def printers(request: pytest.FixtureRequest) -> list[Placed]:
    """Eight that answer at once; for a test that wants "slow ones", two of them keep a wake waiting for seconds."""
    counting = [one for one in office() if one.truth and one.truth.total]
    return [one for one in counting if not one.quirks.as_json() or getattr(request, "param", "") == "slow ones"][:8]


@pytest.fixture
def lab(printers: list[Placed]) -> Iterator[Lab]:
    with Lab(printers) as running:
        yield running


@pytest.fixture
def road(collector: Collector) -> Iterator[Relay]:
    """The way from the agent to the collector."""
    with Relay(("127.0.0.1", collector.port)) as relay:
        yield relay


@pytest.fixture
def ready(agent: Agent, collector: Collector, lab: Lab, printers: list[Placed], road: Relay) -> Agent:
    """An enrolled agent that knows what to search and has read nothing yet."""
    agent.enroll(collector, road.url)
    agent.run("add", *(f"{one.address}:{lab.port}" for one in printers))
    return agent


def expected(printers: list[Placed]) -> list[tuple[str, int]]:
    return sorted((one.truth.serial, one.truth.total) for one in printers)


def kept_reads(agent: Agent) -> int:
    """Reads in the agent's database, seen from outside."""
    path = agent.home / "agent.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            return connection.execute(
                "SELECT (SELECT count(*) FROM reads) + (SELECT coalesce(sum(reads), 0) FROM batches)"
            ).fetchone()[0]
        except sqlite3.OperationalError:  # the table is being made
            return 0


@pytest.mark.parametrize("printers", ["slow ones"], indirect=True)
def test_killed_while_it_reads(ready: Agent, collector: Collector, relay: Sink, printers: list[Placed]):
    """What was read before the kill is kept; the next wake reads again and sends all of it."""
    wake = ready.start("wake")
    wait_until(lambda: kept_reads(ready) >= 1 or wake.poll() is not None, "a read on disk")
    wake.kill()
    wake.communicate()
    ready.run("wake")
    relay.wait_for(1)

    stored = collector.stored_reads()
    assert set(stored) == set(expected(printers))
    assert len(stored) == kept_reads(ready)


@pytest.mark.parametrize("moment", ["before the collector sees it", "after it was stored"])
def test_killed_while_it_sends(
    moment: str, ready: Agent, collector: Collector, relay: Sink, road: Relay, printers: list[Placed]
):
    """Killed around the upload, the agent sends the same batch again; the collector stores it once."""
    road.mood = "stalled" if moment == "before the collector sees it" else "answer-held"
    wake = ready.start("wake")
    wait_until(road.arrived.is_set, "the upload", 60)
    wake.kill()
    wake.communicate()
    road.mood = "fair"
    road.release()
    (sent,) = ready.run("send")
    relay.wait_for(1)

    assert sent["waiting"] == 0
    assert collector.stored_reads() == expected(printers)
    assert len(relay.mails) == 1


@pytest.mark.parametrize("mood", ["refusing", "error", "cut-before-answer"])
def test_the_collector_is_not_itself(
    mood: str, ready: Agent, collector: Collector, relay: Sink, road: Relay, printers: list[Placed]
):
    """Down, failing, or cutting the connection after storing: the batch waits, and is stored once."""
    road.mood = mood
    (woken,) = ready.run("wake", status=1)
    assert woken["sent"]["waiting"] == 1
    assert woken["read"] == len(printers)
    road.mood = "fair"
    (sent,) = ready.run("send")
    relay.wait_for(1)

    assert (sent["acknowledged"], sent["waiting"]) == (1, 0)
    assert collector.stored_reads() == expected(printers)
    assert len(relay.mails) == 1


def test_the_collector_is_merely_slow(
    ready: Agent, collector: Collector, relay: Sink, road: Relay, printers: list[Placed]
):
    """Its answer takes its time: the wake waits for it, and nothing is sent twice."""
    road.mood = "answer-held"
    wake = ready.start("wake")
    wait_until(lambda: road.arrived.is_set() or wake.poll() is not None, "the answer", 60)
    assert wake.poll() is None
    road.release()
    said, complaint = wake.communicate(timeout=60)
    relay.wait_for(1)

    assert wake.returncode == 0, complaint
    assert json.loads(said.splitlines()[-1])["sent"]["acknowledged"] == 1
    assert collector.stored_reads() == expected(printers)
    assert collector.rows("SELECT count(*) FROM batch") == [(1,)]


def test_the_worker_is_killed_while_the_relay_thinks(
    ready: Agent, collector: Collector, relay: Sink, printers: list[Placed]
):
    """kill -9 of the worker before the relay accepted: another worker mails the workbook, once."""

    def kill_worker(_envelope: object) -> str:
        relay.on_data = lambda _envelope: None
        collector.programs["worker"].stop(signal.SIGKILL)
        return "451 4.3.0 not now"

    relay.on_data = kill_worker
    ready.run("wake")
    wait_until(lambda: collector.programs["worker"].running.poll() is not None, "the worker's end", 60)
    collector.start("worker")
    relay.wait_for(1)
    wait_until(lambda: collector.rows("SELECT state FROM report") == [("sent",)], "the report's end", 60)

    assert collector.stored_reads() == expected(printers)
    assert len(relay.mails) == 1


def test_the_queue_forgets_everything(ready: Agent, collector: Collector, relay: Sink, valkey: Valkey):
    """No worker was there when the report was asked for, and the queue was flushed since: the scheduler finds
    the row."""
    collector.programs["worker"].stop()
    ready.run("wake")
    valkey.flush()
    collector.start("worker")
    relay.wait_for(1)

    wait_until(lambda: collector.rows("SELECT state FROM report") == [("sent",)], "the report's end", 60)
    assert len(relay.mails) == 1


def test_the_relay_defers_first(ready: Agent, collector: Collector, relay: Sink):
    """A relay that says "later" gets the same mail later, under the same Message-ID."""
    seen = []

    def later_once(envelope: object) -> str | None:
        seen.append(1)
        return "451 4.7.1 greylisted" if len(seen) == 1 else None

    relay.on_data = later_once
    ready.run("wake")
    (mail,) = relay.wait_for(1, 90)

    wait_until(lambda: collector.rows("SELECT state FROM delivery") == [("accepted",)], "the delivery's end", 60)
    assert collector.rows("SELECT message_id FROM delivery") == [(mail["Message-ID"],)]


def test_the_relay_accepts_late(ready: Agent, collector: Collector, relay: Sink):
    """A relay that thinks long before it says yes: the report waits for it, and its mail is sent once."""
    thinking, decided = threading.Event(), threading.Event()

    def at_last(_envelope: object) -> None:
        thinking.set()
        decided.wait(60)

    relay.on_data = at_last
    ready.run("wake")
    assert thinking.wait(60)
    assert collector.rows("SELECT state FROM report") == [("sending",)]
    decided.set()
    relay.wait_for(1)

    wait_until(lambda: collector.rows("SELECT state FROM report") == [("sent",)], "the report's end", 60)
    assert collector.rows("SELECT attempts FROM delivery") == [(1,)]
    assert len(relay.mails) == 1


def test_the_database_goes_and_comes_back(
    ready: Agent, collector: Collector, relay: Sink, printers: list[Placed], postgres
):
    """While PostgreSQL is gone the batch waits at the agent; the collector recovers by itself."""
    if not postgres.is_ours:
        pytest.skip("the database server was named from outside and is not ours to stop")
    postgres.kill()
    try:
        (woken,) = ready.run("wake", status=1)
    finally:
        postgres.start()
    assert woken["sent"]["waiting"] == 1
    wait_until(collector.is_ready, "the collector's recovery", 60)
    (sent,) = ready.run("send")
    relay.wait_for(1)

    assert sent["waiting"] == 0
    assert collector.stored_reads() == expected(printers)
    assert len(relay.mails) == 1


def test_the_agents_disk_is_full(
    ready: Agent, collector: Collector, relay: Sink, printers: list[Placed], tmp_path: Path
):
    """With no room for another page in its database the agent says so and loses nothing; with room again it
    goes on."""
    with closing(sqlite3.connect(ready.home / "agent.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # A file-size limit of the process is the honest full disk that needs no root and no mount.
    size = (ready.home / "agent.db").stat().st_size
    command = ["prlimit", f"--fsize={size}", *ready._command(["wake"])]
    done = subprocess.run(command, env=ready.env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "room" in done.stderr or "disk" in done.stderr
    ready.run("wake")
    relay.wait_for(1)

    assert set(collector.stored_reads()) == set(expected(printers))
