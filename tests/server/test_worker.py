"""Worker and scheduler as processes of their own: whatever is killed, flushed or away, the workbook arrives, once."""

import os
import signal
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from queue import SimpleQueue

import psycopg
import pytest
import redis
from redis.connection import SSLConnection
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import selectinload

from flexprint_server import worker
from flexprint_server.database import Database
from flexprint_server.mail.means import LEASE
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.outbox import Content, Outbox
from flexprint_server.reports import queue, quota
from flexprint_server.reports.models import Report
from flexprint_server.settings import SettingsError, read_settings
from flexprint_server.worker import EVERY, our_name, run_scheduler, run_worker, wake_what_is_due
from services.postgres import Postgres
from services.process import Program, dies_with_us, free_port, wait_until
from services.rude_smtp import HANG_UP, Rude
from services.sites import add_device, add_site, ask
from services.valkey import Valkey

NOW = datetime.now(UTC)
WORKER = """
from datetime import timedelta
from flexprint_server.settings import read_settings
from flexprint_server.worker import run_worker
run_worker(read_settings(), lease=timedelta(seconds=2))
"""
SCHEDULER = """
from flexprint_server.settings import read_settings
from flexprint_server.worker import run_scheduler
run_scheduler(read_settings(), every=0.2)
"""


class Gate(Rude):
    """A mail server that says when it has got a mail. While it is `closed` it answers none before a verdict comes."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.verdicts: SimpleQueue[str] = SimpleQueue()
        self.got_mail = threading.Semaphore(0)

    def answer(self, to: str) -> str:
        if to == "content":
            self.got_mail.release()
            if self.closed:
                return self.verdicts.get(timeout=60)
        return super().answer(to)

    def wait_for_mail(self) -> None:
        assert self.got_mail.acquire(timeout=60), "no mail within a minute"

    def message_ids(self) -> list[str]:
        return [message_from_bytes(mail)["Message-ID"] for mail in self.mails]


class Collector:
    """Database, queue and mail server, and the processes that a test starts on them."""

    def __init__(self, database_url: str, redis_url: str, smtp_port: int, folder: Path, cleanup: ExitStack) -> None:
        self.database = Database(database_url)
        self.folder = folder
        self._cleanup = cleanup
        cleanup.callback(self.database.close)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEXPRINT_")}
        self.environment = {
            **kept,
            "FLEXPRINT_DATABASE_URL": database_url,
            "FLEXPRINT_REDIS_URL": redis_url,
            "FLEXPRINT_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
            "FLEXPRINT_MAIL_FROM": "FlexPrint <flexprint@example.com>",
            "FLEXPRINT_DATA": str(folder),
        }
        self.settings = read_settings(self.environment)
        queue.configure(self.settings)
        with self.database.transaction() as session:
            self.agent = add_site(session, NOW)
            for number in range(5):
                add_device(session, self.agent, NOW, f"VD{number:08}")

    def start(self, program: str) -> Program:
        log = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        started = Program(dies_with_us([sys.executable, "-c", program]), log, env=self.environment)
        self._cleanup.callback(started.stop, signal.SIGKILL)
        return started

    def schedule(self) -> None:
        """A scheduler that passes quickly, for as long as the test lasts."""
        over = threading.Event()

        def passes() -> None:
            while not over.wait(0.1):
                with suppress(queue.QueueAway, OperationalError):
                    wake_what_is_due(self.database, datetime.now(UTC))

        thread = threading.Thread(target=passes)
        thread.start()
        self._cleanup.callback(thread.join)
        self._cleanup.callback(over.set)

    def ask(self, *recipients: str) -> int:
        with self.database.transaction() as session:
            return ask(session, self.agent, datetime.now(UTC), *recipients)

    def report(self, report_id: int) -> Report:
        with self.database.reading() as session:
            return session.execute(
                select(Report).where(Report.id == report_id).options(selectinload(Report.deliveries))
            ).scalar_one()

    def wait_until_sent(self, *report_ids: int) -> None:
        def all_sent() -> bool:
            with self.database.reading() as session:
                states = session.scalars(select(Report.state).where(Report.id.in_(report_ids)))
                return set(states) == {"sent"}

        wait_until(all_sent, f"delivery of {report_ids}", 60)


@contextmanager
def collector_on(database_url: str, valkey: Valkey, gate: Gate, folder: Path) -> Iterator[Collector]:
    valkey.flush()
    with ExitStack() as cleanup:
        yield Collector(database_url, valkey.url, gate.port, folder, cleanup)


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as server:
        yield server


@pytest.fixture
def collector(postgres_url: str, valkey: Valkey, gate: Gate, tmp_path: Path) -> Iterator[Collector]:
    with collector_on(postgres_url, valkey, gate, tmp_path) as made:
        yield made


@pytest.fixture
def either_collector(database_url: str, valkey: Valkey, gate: Gate, tmp_path: Path) -> Iterator[Collector]:
    with collector_on(database_url, valkey, gate, tmp_path) as made:
        yield made


def test_a_woken_worker_delivers(either_collector: Collector, gate: Gate) -> None:
    """Without any scheduler: the wake-up call is enough."""
    either_collector.start(WORKER)
    report_id = either_collector.ask()
    queue.wake(report_id)
    either_collector.wait_until_sent(report_id)
    assert len(gate.mails) == 1


def test_what_was_never_picked_up_is_found(collector: Collector, gate: Gate) -> None:
    """Nobody was woken: the row alone is enough. Asked to stop, the scheduler ends, and has printed nothing."""
    collector.start(WORKER)
    scheduler = collector.start(SCHEDULER)
    report_id = collector.ask()
    collector.wait_until_sent(report_id)
    assert len(gate.mails) == 1
    assert scheduler.stop(signal.SIGTERM) == 0
    assert scheduler.text() == ""


def test_a_worker_killed_while_it_builds(collector: Collector, gate: Gate) -> None:
    """Killed in the middle of reading the fleet; the next one builds the workbook from the beginning."""
    with psycopg.connect(collector.settings.database_url) as locking:
        locking.execute("LOCK TABLE device IN ACCESS EXCLUSIVE MODE")
        killed = collector.start(WORKER)
        report_id = collector.ask()
        queue.wake(report_id)
        wait_until(lambda: collector.report(report_id).state == "building", "building")
        collector.start(WORKER)
        killed.stop(signal.SIGKILL)
        locking.rollback()
    collector.schedule()
    collector.wait_until_sent(report_id)
    assert len(gate.mails) == 1


def test_a_worker_killed_before_the_mail_server_accepted(either_collector: Collector, gate: Gate) -> None:
    """The mail server has the whole mail and has not answered: it forgets it, and the next worker sends it. Those
    who had the mail before are not mailed again."""
    gate.closed = True
    killed = either_collector.start(WORKER)
    report_id = either_collector.ask("first@example.com", "second@example.com")
    queue.wake(report_id)
    gate.wait_for_mail()
    gate.verdicts.put("250 ok")
    gate.wait_for_mail()
    either_collector.start(WORKER)
    killed.stop(signal.SIGKILL)
    gate.closed = False
    gate.verdicts.put(HANG_UP)
    either_collector.schedule()
    either_collector.wait_until_sent(report_id)
    first, second = either_collector.report(report_id).deliveries
    assert gate.message_ids() == [first.message_id, second.message_id]


def test_a_mail_of_the_outbox_whose_worker_was_killed(either_collector: Collector, gate: Gate) -> None:
    """Found by the scheduler without any wake-up call. The mail server has it and has not answered: it forgets it, and
    the next worker sends the same mail."""
    outbox = Outbox(either_collector.settings.secret_key, "example.com")
    gate.closed = True
    killed = either_collector.start(WORKER)
    either_collector.schedule()
    with either_collector.database.transaction() as session:
        dealer, now = either_collector.agent.dealer_id, datetime.now(UTC)
        mail = outbox.put(session, "invitation", "x@example.com", Content("S", "T"), dealer_id=dealer, now=now)
    gate.wait_for_mail()
    killed.stop(signal.SIGKILL)
    gate.closed = False
    gate.verdicts.put(HANG_UP)
    either_collector.start(WORKER)

    def is_accepted() -> bool:
        with either_collector.database.reading() as session:
            return session.get_one(OutgoingMail, mail.id).state == "accepted"

    wait_until(is_accepted, "the mail", 60)
    assert gate.message_ids() == [mail.message_id]


def test_a_worker_killed_between_acceptance_and_commit(collector: Collector, gate: Gate) -> None:
    """The one case in which a mail goes out twice; both are the same mail to the last octet."""
    gate.closed = True
    killed = collector.start(WORKER)
    report_id = collector.ask()
    queue.wake(report_id)
    gate.wait_for_mail()
    with psycopg.connect(collector.settings.database_url) as locking:
        locking.execute("SELECT 1 FROM delivery FOR UPDATE")
        gate.closed = False
        gate.verdicts.put("250 ok")
        wait_until(lambda: waits_for_a_lock(collector), "the worker's commit")
        collector.start(WORKER)
        killed.stop(signal.SIGKILL)
        locking.rollback()
    assert len(gate.mails) == 1
    collector.schedule()
    collector.wait_until_sent(report_id)
    assert len(gate.mails) == 2
    assert gate.mails[0] == gate.mails[1]
    assert gate.message_ids()[0] == collector.report(report_id).deliveries[0].message_id


def waits_for_a_lock(collector: Collector) -> bool:
    with collector.database.reading() as session:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE delivery%'"
        )
        return bool(session.scalar(waiting))


def test_a_flushed_queue_loses_no_report(collector: Collector, valkey: Valkey, gate: Gate) -> None:
    reports = [collector.ask() for _ in range(3)]
    for report_id in reports:
        queue.wake(report_id)
    assert queue.waiting() == 3
    valkey.flush()
    collector.start(WORKER)
    collector.schedule()
    collector.wait_until_sent(*reports)
    assert len(gate.mails) == 3


def test_a_queue_that_is_away_and_comes_back(collector: Collector, valkey: Valkey, gate: Gate) -> None:
    """An upload in the meantime goes through; its report is mailed when the queue is there again."""
    collector.start(WORKER)
    collector.schedule()
    before = collector.ask()
    collector.wait_until_sent(before)
    valkey.stop()
    try:
        report_id = collector.ask()
        with pytest.raises(queue.QueueAway):
            queue.wake(report_id)
    finally:
        valkey.start()
    collector.wait_until_sent(report_id)
    assert len(gate.mails) == 2


def test_a_database_that_goes_away_after_acceptance(collector: Collector, postgres: Postgres, gate: Gate) -> None:
    """The worker holds on to what the mail server said until it can be written down: no second mail."""
    gate.closed = True
    collector.start(WORKER)
    report_id = collector.ask()
    queue.wake(report_id)
    gate.wait_for_mail()
    postgres.kill()
    gate.verdicts.put("250 ok")
    wait_until(lambda: len(gate.mails) == 1, "acceptance")
    postgres.start()
    collector.database.engine.dispose()
    collector.schedule()
    collector.wait_until_sent(report_id)
    assert len(gate.mails) == 1


def test_many_workers_and_schedulers_mail_each_report_once(collector: Collector, gate: Gate) -> None:
    """Everything twice, and more wake-up calls than reports."""
    for _ in range(2):
        collector.start(WORKER)
        collector.schedule()
    reports = [collector.ask() for _ in range(quota.MOST)]
    for report_id in (*reports, *reports):
        queue.wake(report_id)
    collector.wait_until_sent(*reports)
    assert len(gate.mails) == len(set(gate.message_ids())) == quota.MOST


def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_in_hand(collector: Collector, gate: Gate) -> None:
    gate.closed = True
    worker = collector.start(WORKER)
    report_id = collector.ask()
    queue.wake(report_id)
    gate.wait_for_mail()
    worker.running.send_signal(signal.SIGTERM)
    gate.verdicts.put("250 ok")
    assert worker.running.wait(60) == 0
    assert collector.report(report_id).state == "sent"
    assert len(gate.mails) == 1


def test_calls_do_not_pile_up_while_no_worker_runs(collector: Collector) -> None:
    """Workers that were down for a weekend do not find a million calls."""
    report_id = collector.ask()
    assert wake_what_is_due(collector.database, datetime.now(UTC)) == 1
    assert wake_what_is_due(collector.database, datetime.now(UTC)) == 0
    assert queue.waiting() == 1
    assert report_id


@pytest.mark.parametrize(
    ("name", "value", "run", "says"),
    [
        ("FLEXPRINT_REDIS_URL", "", run_worker, "FLEXPRINT_REDIS_URL: name the Redis-protocol server"),
        ("FLEXPRINT_REDIS_URL", "", run_scheduler, "FLEXPRINT_REDIS_URL: name the Redis-protocol server"),
        ("FLEXPRINT_MAIL_FROM", "nobody", run_worker, "FLEXPRINT_MAIL_FROM: 'nobody' holds no mail address"),
        ("FLEXPRINT_SMTP_URL", "smtp://u@mail.example.com", run_worker, "FLEXPRINT_SMTP_URL: give both"),
    ],
)
def test_wrong_settings_end_it_before_it_begins(name, value, run, says, tmp_path: Path) -> None:
    given = {"FLEXPRINT_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "FLEXPRINT_DATA": str(tmp_path), name: value}
    with pytest.raises(SettingsError, match=says):
        run(read_settings(given))


def test_without_a_queue_nobody_is_woken_and_that_is_said(tmp_path: Path) -> None:
    queue.configure(read_settings({"FLEXPRINT_DATA": str(tmp_path)}))
    with pytest.raises(queue.QueueAway, match="FLEXPRINT_REDIS_URL is not set"):
        queue.wake(7)


def test_a_queue_that_refuses_is_as_good_as_away(tmp_path: Path) -> None:
    """Its memory may be full, or a rule of its own in the way: the scheduler tries again."""
    server = Valkey(tmp_path / "queue").start()
    try:
        queue.configure(read_settings({"FLEXPRINT_REDIS_URL": server.url, "FLEXPRINT_DATA": str(tmp_path)}))
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", "1")
            with pytest.raises(queue.QueueAway, match="not answer as it should"):
                queue.wake(7)
            client.config_set("maxmemory", "0")
            client.acl_setuser("default", enabled=True, commands=["-llen"])
        with pytest.raises(queue.QueueAway, match="not answer as it should"):
            queue.waiting()
    finally:
        server.stop()


@pytest.mark.parametrize("query", ["", "?ssl_ca_certs=/ca.pem"])
def test_an_encrypted_queue_has_to_show_a_certificate_that_we_trust(tmp_path: Path, query: str) -> None:
    url = f"rediss://queue.example:6379/0{query}"
    queue.configure(read_settings({"FLEXPRINT_REDIS_URL": url, "FLEXPRINT_DATA": str(tmp_path)}))
    with queue.app.connection_for_write() as broker:
        given = SSLConnection(**broker.ssl)
    assert (given.cert_reqs, given.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("public_url", "name"),
    [
        ("https://meters.example.com/", "meters.example.com"),
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
        ("", "localhost"),
    ],
)
def test_we_greet_mail_servers_by_our_public_name(public_url: str, name: str) -> None:
    assert our_name(public_url) == name


def test_the_longest_a_killed_worker_delays_a_report() -> None:
    """A lease and a pass of the scheduler: well within a minute."""
    assert LEASE + timedelta(seconds=EVERY) <= timedelta(seconds=30)


def test_what_the_scheduler_sees_to_beside_its_work_takes_its_time_and_is_begun_once():
    """A walk over a large fleet that takes minutes holds up no report, and no second one begins meanwhile."""
    begun, go_on = SimpleQueue(), threading.Event()

    def walk():
        begun.put(True)
        go_on.wait(10)

    beside = worker._Beside("alerts", 60.0, 100.0, walk)
    beside.look(99.0)
    assert begun.empty()
    beside.look(100.0)
    assert begun.get(timeout=10)
    beside.look(1000.0)
    assert begun.empty()
    go_on.set()
    beside._thread.join(10)
    beside.look(1000.0)
    assert begun.get(timeout=10)
