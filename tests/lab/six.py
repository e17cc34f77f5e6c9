"""One device of the lab at ::1, on a port of its own: for what has to work over IPv6 as well."""

import selectors
import socket
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Self

from . import wire
from .device import Device
from .office import Placed


class OverSix:
    """Answers in a thread while the `with` block lasts; `packets` counts what came, `port` is where."""

    address = "::1"

    def __init__(self, placed: Placed) -> None:
        self._device = Device(placed.rows, placed.quirks)
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            self._socket.bind((self.address, 0))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.packets = 0
        self._end, self._ended = socket.socketpair()
        self._thread = Thread(target=self._answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.send(b"!")
        self._thread.join()
        for each in (self._socket, self._end, self._ended):
            each.close()

    def _answer(self) -> None:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._socket, selectors.EVENT_READ)
            waiting.register(self._ended, selectors.EVENT_READ)
            while self._ended not in (key.fileobj for key, _ in waiting.select()):
                message, asker = self._socket.recvfrom(65535)
                self.packets += 1
                with suppress(wire.Malformed):
                    said = self._device.answer(wire.parse(message), ticks=4711, asked=self.packets)
                    if said is not None:
                        self._socket.sendto(said, asker)
