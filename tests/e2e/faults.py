"""A TCP relay between agent and collector that has bad days on demand."""

import socket
import threading
from contextlib import suppress
from typing import Literal, Self

Mood = Literal["fair", "refusing", "error", "cut-before-answer", "answer-held", "stalled"]

_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/html\r\nContent-Length: 20\r\n"
    b"Connection: close\r\n\r\n<h1>Bad gateway</h1>"
)


class Relay:
    """Listens on a loopback port and relays to `upstream`. Its mood is read anew for each connection:

    fair               relays
    refusing           closes at once
    error              answers 500 without asking the collector
    cut-before-answer  lets the collector do its work, then cuts before the first octet of the answer
    answer-held        lets the collector do its work, and keeps the answer until `release` is called
    stalled            accepts and says nothing until `release` is called

    `arrived` is set once something is held.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.mood: Mood = "fair"
        self.arrived = threading.Event()
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def release(self) -> None:
        self._released.set()

    def _hold(self) -> None:
        self.arrived.set()
        self._released.wait(60)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client, self.mood), daemon=True).start()

    def _serve(self, client: socket.socket, mood: Mood) -> None:
        with client, suppress(OSError):
            if mood == "refusing":
                return
            if mood == "stalled":
                self._hold()
                return
            if mood == "error":
                _read_request(client)
                client.sendall(_ERROR)
                return
            with socket.create_connection(self.upstream, 10) as server:
                forth = threading.Thread(target=_pump, args=(client, server), daemon=True)
                forth.start()
                self._back(server, client, mood)

    def _back(self, server: socket.socket, client: socket.socket, mood: Mood) -> None:
        while octets := server.recv(65536):
            if mood == "answer-held":
                self._hold()
            if mood == "cut-before-answer":
                client.shutdown(socket.SHUT_RDWR)
                return
            client.sendall(octets)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while octets := source.recv(65536):
            sink.sendall(octets)
        sink.shutdown(socket.SHUT_WR)


def _read_request(client: socket.socket) -> None:
    """Takes the whole request, so that the answer is not lost to a reset."""
    client.settimeout(5)
    got = b""
    while b"\r\n\r\n" not in got:
        got += client.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += client.recv(65536)
