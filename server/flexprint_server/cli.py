"""`flexprint-server`: the commands of whoever runs the collector. Exit status: 0 done, 1 it failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flexprint_server import supervise
from flexprint_server.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from flexprint_server.database import Database

_READY_WITHIN: Final = 90.0
_SHORT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Failed(Exception):
    """The command could not do its work. The message says what to do next."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=_SHORT)
    for talkative in ("alembic.runtime", "uvicorn"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        settings = read_settings(data=given.data)
        status: int = given.does(given, settings) or 0
    except SettingsError as error:
        print(f"flexprint-server: {error}", file=sys.stderr)
        return 2
    except (Failed, supervise.CannotStart) as error:
        print(f"flexprint-server: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flexprint-server", description="FlexPrint's collector.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=Path, metavar="DIR", help="the data folder (default: FLEXPRINT_DATA)")
    listening = argparse.ArgumentParser(add_help=False)
    listening.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    listening.add_argument("--port", type=_port, default=8000, help="the port, 0 for any (default: %(default)s)")
    printing = argparse.ArgumentParser(add_help=False)
    printing.add_argument("--json", action="store_true", help="print one JSON document")
    commands = parser.add_subparsers(title="commands", required=True)

    def command(name: str, does: Any, words: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=words, description=f"{words[0].upper()}{words[1:]}.", parents=[common, *parents]
        )
        added.set_defaults(does=does)
        return added

    command("up", _up, "run everything in one process tree: pages, agents' door, worker, scheduler", listening)
    command("api", _api, "run the pages and the agents' door", listening)
    command("worker", _worker, "run a worker that builds and mails workbooks")
    command("scheduler", _scheduler, "run the scheduler, which finds work that nobody picked up")
    command("migrate", _migrate, "bring the database up to date")

    dealer = commands.add_parser("dealer", help="look after dealers").add_subparsers(required=True)
    adding = dealer.add_parser("add", help="add a dealer and its first user", parents=[common, printing])
    adding.add_argument("name", metavar="NAME")
    adding.add_argument("--email", required=True, metavar="ADDRESS", help="what the first user signs in with")
    adding.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input instead of making one"
    )
    adding.set_defaults(does=_add_dealer)

    key = command("install-key", _install_key, "print a one-time key that lets one agent in", printing)
    key.add_argument("--dealer", required=True)
    key.add_argument("--customer", required=True, help="made where it is missing")
    key.add_argument("--site", required=True, help="made where it is missing")

    importing = command("import", _import, "take the batches of an agent that reaches no collector", printing)
    importing.add_argument("file", type=Path, metavar="FILE", help="what `flexprint-agent export FILE` wrote")
    importing.add_argument(
        "--acknowledgement", type=Path, metavar="FILE", help="where the agent's acknowledgement goes (FILE.ack)"
    )

    api_key = command("api-key", _api_key, "print a key that lets a program read a dealer's fleet, once", printing)
    api_key.add_argument("--dealer", required=True)
    api_key.add_argument("--name", default="made on the command line", help="what people know the key by")
    api_key.add_argument("--scopes", nargs="+", metavar="SCOPE", help="what it opens (default: everything)")
    api_key.add_argument("--days", type=int, help="how long it holds (default: a year)")

    export = command("export", _export, "write everything there is of a dealer into one file", printing)
    export.add_argument("--dealer", required=True)
    export.add_argument("file", type=Path, metavar="FILE", help="a ZIP file, made anew")

    erase = command("erase", _erase, "remove everything there is of a dealer, for good", printing)
    erase.add_argument("--dealer", required=True)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _up(given: argparse.Namespace, settings: Settings) -> None:
    _check_mail(settings)
    _make_private(settings.data)
    port = given.port or supervise.free_port()
    children = supervise.collector(settings, os.environ, given.host, port)
    with supervise.alone_in(settings.data):
        # Not in this process: it stays for as long as the collector runs, and should stay small.
        if subprocess.run([*supervise.PROGRAM, "migrate", "--data", str(settings.data)], check=False).returncode:
            raise Failed("The database could not be brought up to date; the lines above say why.")
        tree = supervise.Tree(children, _say)
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, lambda *_: tree.stop())
        where = supervise.address(given.host, port)
        threading.Thread(target=_announce, args=(where, settings.data), daemon=True).start()
        tree.run()


def _check_mail(settings: Settings) -> None:
    """Refuses now what the worker would refuse at each of its starts."""
    from flexprint_server.mail.addresses import sender
    from flexprint_server.mail.relay_url import relay_of

    sender(settings.mail_from)
    if settings.smtp_url is not None:
        relay_of(settings.smtp_url)


def _announce(where: str, data: Path) -> None:
    """One line on standard output once everything answers."""
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{where}/readyz", timeout=2):
                print(f"FlexPrint Tracker is ready at http://{where} (data in {data})", flush=True)
                return
        except OSError:
            time.sleep(0.1)
    _say(f"http://{where} does not answer yet; the lines above may say why.")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _api(given: argparse.Namespace, settings: Settings) -> None:
    from flexprint_server.app import serve
    from flexprint_server.tenants.keys import KeysLocked

    try:
        with _walled():
            serve(_with_queue(settings), given.host, given.port)
    except KeysLocked as error:
        raise SettingsError(str(error)) from error


def _worker(given: argparse.Namespace, settings: Settings) -> None:
    from flexprint_server.worker import run_worker

    with _walled():
        run_worker(_with_queue(settings))


def _scheduler(given: argparse.Namespace, settings: Settings) -> None:
    from flexprint_server.worker import run_scheduler

    with _walled():
        run_scheduler(_with_queue(settings))


@contextmanager
def _walled() -> Iterator[None]:
    from flexprint_server.database import WallDown

    try:
        yield
    except WallDown as error:
        raise Failed(str(error)) from error


def _with_queue(settings: Settings) -> Settings:
    if settings.redis_url is None:
        raise SettingsError(
            "FLEXPRINT_REDIS_URL is not set. Name a Redis-protocol server, redis://host:6379/0, or use "
            "`flexprint-server up`, which starts one of its own."
        )
    return settings


def _migrate(given: argparse.Namespace, settings: Settings) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from flexprint_server.migrations import upgrade

    try:
        upgrade(settings.database_url)
    except SQLAlchemyError as error:
        raise Failed(_in_words(error)) from error


def _add_dealer(given: argparse.Namespace, settings: Settings) -> None:
    from flexprint_server.tenants.service import add_dealer

    password = sys.stdin.readline().rstrip("\r\n") if given.password_stdin else secrets.token_urlsafe(12)
    with _session(settings) as session:
        dealer = add_dealer(session, given.name, given.email, password, datetime.now(UTC))
        name = dealer.name
    made = None if given.password_stdin else password
    if given.json:
        print(json.dumps({"dealer": name, "email": given.email, **({"password": made} if made else {})}))
        return
    print(f"Dealer {name} added; {given.email} may sign in.")
    if made:
        print(f"Password: {made}\nIt is shown this once.")


def _install_key(given: argparse.Namespace, settings: Settings) -> None:
    from flexprint_server.tenants.service import VALID_FOR, install_key

    now = datetime.now(UTC)
    with _session(settings) as session:
        key = install_key(session, given.dealer, given.customer, given.site, now)
    expires = now + VALID_FOR
    if given.json:
        from flexprint_shared.times import rfc3339

        print(json.dumps({"key": key, "expires_at": rfc3339(expires)}))
        return
    print(key)
    _say(f"Lets one agent in, once, until {expires:%Y-%m-%d %H:%M} UTC.")


def _import(given: argparse.Namespace, settings: Settings) -> int:
    from flexprint_server.database import Database
    from flexprint_server.ingest.offline import take
    from flexprint_server.ingest.service import Inbox
    from flexprint_shared.offline import NotThisFile

    database = Database(settings.database_url)
    answer = given.acknowledgement or given.file.with_name(f"{given.file.name}.ack")
    try:
        # The scheduler finds the workbooks that are asked for: their rows are all it needs.
        with given.file.open("rb") as file:
            imported = take(database, Inbox.of(settings, database), file, datetime.now(UTC))
        answer.write_bytes(imported.acknowledgement)
    except NotThisFile as error:
        raise Failed(f"{given.file}: {error}.") from error
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}. Check the name and who may read and write there.") from error
    finally:
        database.close()
    if given.json:
        counts = {"new": imported.new, "before": imported.before, "reads": imported.reads}
        print(json.dumps({**counts, "refused": imported.refused, "acknowledgement": str(answer)}))
    else:
        print(f"{imported.new} batches with {imported.reads} reads stored, {imported.before} were here before.")
        for hashed, why in imported.refused.items():
            print(f"refused {hashed[:12]}: {why}")
        print(f"For the agent: {answer} (flexprint-agent import)")
    return 1 if imported.refused else 0


def _api_key(given: argparse.Namespace, settings: Settings) -> None:
    from flexprint_server.tenants.api_keys import SCOPES, USUAL, make_for

    # Scopes apart or separated by commas.
    words = SCOPES if given.scopes is None else [word for text in given.scopes for word in text.split(",") if word]
    valid_for = USUAL if given.days is None else timedelta(days=min(given.days, 100_000))
    with _session(settings) as session:
        key, expires = make_for(session, given.dealer, given.name, words, valid_for, datetime.now(UTC))
    if given.json:
        from flexprint_shared.times import rfc3339

        print(json.dumps({"key": key, "scopes": list(words), "expires_at": rfc3339(expires)}))
        return
    print(key)
    _say(f"Opens {', '.join(words)} until {expires:%Y-%m-%d %H:%M} UTC. It is shown this once.")


def _export(given: argparse.Namespace, settings: Settings) -> None:
    from flexprint_server.leaving import export

    with _database(settings) as database:
        try:
            counts = export(database, given.dealer, given.file.absolute(), datetime.now(UTC))
        except OSError as error:
            raise Failed(f"{given.file} cannot be written: {error.strerror}. Name another file.") from error
    if given.json:
        print(json.dumps({"dealer": given.dealer, "file": str(given.file), "rows": counts}))
        return
    print(f"{sum(counts.values()):,} rows of {len(counts)} tables are in {given.file}.")


def _erase(given: argparse.Namespace, settings: Settings) -> None:
    """A person at a terminal is asked once more."""
    from flexprint_server.leaving import erase

    if sys.stdin.isatty():
        _say(f"This removes everything there is of {given.dealer}: customers, printers, reads, users. For good.")
        _say("Type the dealer's name to go on:")
        if sys.stdin.readline().strip() != given.dealer:
            raise Failed("That is another name; nothing was removed.")
    with _database(settings) as database:
        counts = erase(database, given.dealer)
    if given.json:
        print(json.dumps({"dealer": given.dealer, "rows": counts}))
        return
    print(f"{sum(counts.values()):,} rows were removed; nothing of {given.dealer} is left in the database.")
    if settings.smtp_url is None:
        _say(f"Mails that were kept as files are still in {settings.mail_folder}.")


def _make_private(folder: Path) -> None:
    """Keys, reads and mails lie there: nobody else's business."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise Failed(f"The data folder {folder} cannot be used: {error.strerror}. Give another with --data.") from error


@contextmanager
def _session(settings: Settings) -> Iterator[Session]:
    """A transaction, with what may go wrong in it said in people's words."""
    with _database(settings) as database, database.transaction() as session:
        yield session


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database, with what may go wrong in it said in people's words."""
    from sqlalchemy.exc import SQLAlchemyError

    from flexprint_server.database import Database
    from flexprint_server.tenants.passwords import PasswordUnfit
    from flexprint_server.tenants.service import TenantsError

    database = Database(settings.database_url, pool_size=1)
    try:
        yield database
    except (TenantsError, PasswordUnfit) as error:
        raise Failed(str(error)) from error
    except SQLAlchemyError as error:
        raise Failed(_in_words(error)) from error
    finally:
        database.close()


def _in_words(error: Exception) -> str:
    """A database's complaint on one line, and what to do about it."""
    said = str(getattr(error, "orig", error)).strip().partition("\n")[0]
    return f"The database says: {said}. Is FLEXPRINT_DATABASE_URL right, and was `flexprint-server migrate` run?"


if __name__ == "__main__":
    sys.exit(main())
