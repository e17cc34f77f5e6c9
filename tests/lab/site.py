"""A simulated site for a test: `with Lab(devices) as lab:`, then ask `lab.port` on the devices' addresses.

The simulator is a process of its own, so that what is measured and killed in a test is not the site. It ends
with the `with` block, and by itself when this process is gone.
"""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from . import wire
from .device import FLAWLESS, Quirks
from .office import Placed, grown
from .recording import Row, load

BEYOND_LOOPBACK: Final = ("broadcast", "multicast", "mdns", "spooler")
"""Settings of the agent that are off where only targets are to be searched, as in a lab on loopback: what they switch on
asks the office around."""

_TESTS: Final = Path(__file__).resolve().parent.parent
_READY_SECONDS: Final = 20.0


class LabFailed(Exception):
    """The simulator did not start, refused an order or is gone."""


def recorded(address: str, path: Path | str, quirks: Quirks = FLAWLESS) -> Placed:
    """A recording of a real device, standing at `address`."""
    return Placed(address, load(path), quirks, kind="recording")


class Lab:
    """Devices at loopback addresses, all on one UDP port (0: any free one, see `port`).

    `enter` is a command line that leads to another host, where they stand at that host's addresses; there every device
    answers what is sent to one of `broadcasts`, too.
    """

    def __init__(
        self, devices: Iterable[Placed], port: int = 0, *, enter: Sequence[str] = (), broadcasts: Sequence[str] = ()
    ) -> None:
        self.devices: dict[str, Placed] = {one.address: one for one in devices}
        self.port = port
        self._enter = enter
        self._broadcasts = broadcasts
        self._simulator: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._simulator = subprocess.Popen(
            [*self._enter, sys.executable, "-m", "lab.simulator", "--control", "--port", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(_TESTS)},
            # Ctrl-C in the terminal is for the one who uses the lab; the lab ends when that one lets it.
            start_new_session=True,
        )
        try:
            devices = [_on_the_way(one) for one in self.devices.values()]
            self.port = self._order({"devices": devices, "broadcasts": list(self._broadcasts)})["port"]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the simulator. Doing it twice does no harm."""
        if self._simulator is None:
            return
        simulator, self._simulator = self._simulator, None
        for pipe in (simulator.stdin, simulator.stdout, simulator.stderr):
            if pipe:
                with suppress(BrokenPipeError):  # it was gone before us
                    pipe.close()
        try:
            simulator.wait(5)
        except subprocess.TimeoutExpired:
            simulator.kill()
            simulator.wait()

    @property
    def pid(self) -> int:
        """The simulator's process."""
        return self._running().pid

    def report(self) -> dict[str, Any]:
        """What was asked since the start or the last `forget`: `requests` (packets that came in), `answers`,
        `get`, `next`, `bulk`, `set`, `malformed`, `octets_in`, `octets_out`, and the same for each address
        under `per address`, where `packets` counts those to silent addresses, too."""
        return self._order({"do": "report"})

    def packets_to(self, address: str) -> int:
        """How many packets came for this address, whether a device stands there or not."""
        tally = self.report()["per address"].get(address)
        return tally["packets"] if tally else 0

    def forget(self) -> None:
        """Sets every count back to nothing."""
        self._order({"do": "forget"})

    def place(self, device: Placed) -> None:
        """Puts a device in place, instead of the one that stood there."""
        self.devices[device.address] = device
        self._order({"do": "place", **_on_the_way(device)})

    def hear(self, broadcasts: Sequence[str]) -> None:
        """From now on devices answer what is sent to one of these, and to no other broadcast address."""
        self._order({"do": "hear", "broadcasts": list(broadcasts)})

    def take_away(self, address: str) -> Placed:
        """From now on nobody stands at this address. The device that did."""
        self._order({"do": "away", "address": address})
        return self.devices.pop(address)

    def change(self, address: str, values: Mapping[str, int | str | bytes | Row]) -> None:
        """From now on these objects have these values; objects that were not there appear. Numbers keep the
        type the object has (INTEGER when it is new), text is sent as UTF-8."""
        known = {row.oid: row for row in self.devices[address].rows}
        rows = [_valued(known.get(oid), oid, value) for oid, value in values.items()]
        self._change({address: rows})

    def grow(self, pages: int = 10, address: str | None = None) -> dict[str, Placed]:
        """Every printer of the office (or the one at `address`) prints so many pages. Returns the printers
        as they now are."""
        chosen = [self.devices[address]] if address else list(self.devices.values())
        after = {one.address: grown(one, pages) for one in chosen if one.machine}
        self._change(
            {
                place: [row for row, before in zip(one.rows, self.devices[place].rows, strict=True) if row != before]
                for place, one in after.items()
            }
        )
        self.devices.update(after)
        return after

    def down(self, address: str) -> None:
        """Switches a device off: it is silent."""
        self._order({"do": "down", "address": address})

    def up(self, address: str) -> None:
        """Switches it on again, with its uptime running on."""
        self._order({"do": "up", "address": address})

    def restart(self, address: str) -> None:
        """Its uptime begins again at 0, and quirks that count requests count from 0."""
        self._order({"do": "restart", "address": address})

    def _change(self, rows: Mapping[str, list[Row]]) -> None:
        self._order(
            {
                "do": "change",
                "rows": {address: [_row_on_the_way(row) for row in some] for address, some in rows.items() if some},
            }
        )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._simulator is None:
            raise LabFailed("the lab is not open; use it in a `with` block")
        return self._simulator

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        simulator = self._running()
        assert simulator.stdin
        assert simulator.stdout
        try:
            simulator.stdin.write(json.dumps(order).encode() + b"\n")
            simulator.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None
        with selectors.DefaultSelector() as waiting:
            waiting.register(simulator.stdout, selectors.EVENT_READ)
            if not waiting.select(_READY_SECONDS):
                raise LabFailed(f"the simulator said nothing for {_READY_SECONDS:.0f} s")
        line = simulator.stdout.readline()
        if not line:
            raise self._gone()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LabFailed(answer["error"])
        return answer

    def _gone(self) -> LabFailed:
        simulator = self._running()
        assert simulator.stderr
        return LabFailed(
            f"the simulator ended: {simulator.stderr.read().decode(errors='replace').strip() or 'no word'}"
        )


def _on_the_way(device: Placed) -> dict[str, Any]:
    rows = [_row_on_the_way(row) for row in device.rows]
    return {"address": device.address, "rows": rows, "quirks": device.quirks.as_json()}


def _row_on_the_way(row: Row) -> list[Any]:
    return [row.oid, row.tag, row.content.hex()]


def _valued(known: Row | None, oid: str, value: int | str | bytes | Row) -> Row:
    if isinstance(value, Row):
        return value
    if isinstance(value, int):
        return Row(oid, known.tag if known else wire.INTEGER, wire.whole(value))
    return Row(oid, wire.OCTET_STRING, value.encode() if isinstance(value, str) else value)
