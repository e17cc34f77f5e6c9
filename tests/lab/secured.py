"""Printers that speak SNMPv3 only, each with an engine of pysnmp's: a USM that was not written by us.

    with Secured([Safe("127.30.0.1", rows, users=[{"name": "meter"}])] as printers: ask printers.port

A process of its own like the simulator, with the same kind of control: JSON lines in and out. What an engine is asked
is answered from the rows by `device.Device`; the message around it, users, keys, clock and Reports are pysnmp's.
"""

import asyncio
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from . import wire
from .device import Device
from .recording import Row

_TESTS: Final = Path(__file__).resolve().parent.parent
_READY_SECONDS: Final = 30.0


@dataclass(slots=True, frozen=True)
class Account:
    """A user as it stands on the printer. `reads` False: the printer's access control lets it read nothing."""

    name: str
    auth: str | None = None
    auth_password: str = ""
    privacy: str | None = None
    privacy_password: str = ""
    reads: bool = True


@dataclass(slots=True, frozen=True)
class Safe:
    """A printer at an address. `engine_id` in hex; None takes one made of the address."""

    address: str
    rows: list[Row]
    accounts: tuple[Account, ...]
    engine_id: str | None = None
    boots: int = 7
    contexts: tuple[str, ...] = ("",)

    def engine(self) -> bytes:
        """RFC 3411: enterprise 9999, format 4 (text)."""
        return bytes.fromhex(self.engine_id) if self.engine_id else b"\x80\x00\x27\x0f\x04" + self.address.encode()


class Secured:
    """Runs them. `port` is the same for all; 0 takes a free one."""

    def __init__(self, printers: Iterable[Safe], port: int = 0) -> None:
        self.printers = {one.address: one for one in printers}
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "lab.secured"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(_TESTS)},
            start_new_session=True,
        )
        try:
            devices = [_on_the_way(one) for one in self.printers.values()]
            self.port = self._order({"port": self.port, "devices": devices})["port"]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends them. Doing it twice does no harm."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def packets(self, address: str) -> int:
        """How many packets came for this printer since the last `forget`."""
        return int(self._order({"do": "report"})["packets"][address])

    def forget(self) -> None:
        self._order({"do": "forget"})

    def restart(self, address: str, *, boots: int | None = None, time: int = 0) -> None:
        """One boot more (or so many), its time from 0 (or so many seconds)."""
        self._order({"do": "restart", "address": address, "boots": boots, "time": time})

    def down(self, address: str) -> None:
        """Switches it off: it is silent."""
        self._order({"do": "down", "address": address})

    def up(self, address: str) -> None:
        self._order({"do": "up", "address": address})

    def _order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process, "use it in a `with` block"
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(order).encode() + b"\n")
        stdin.flush()
        with selectors.DefaultSelector() as waiting:
            waiting.register(stdout, selectors.EVENT_READ)
            assert waiting.select(_READY_SECONDS), f"the printers said nothing for {_READY_SECONDS:.0f} s"
        line = stdout.readline()
        assert line, "the printers ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _on_the_way(one: Safe) -> dict[str, Any]:
    return {
        "address": one.address,
        "rows": [[row.oid, row.tag, row.content.hex()] for row in one.rows],
        "accounts": [asdict(account) for account in one.accounts],
        "engine": one.engine().hex(),
        "boots": one.boots,
        "contexts": one.contexts,
    }


# From here on: inside the process.


@dataclass(slots=True)
class _Standing:
    engine: Any
    packets: int = 0
    up: bool = True
    hands: list[Any] = field(default_factory=list)


def _serve() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    first = json.loads(sys.stdin.buffer.readline())
    port, standing = first["port"], {}
    for facts in first["devices"]:
        standing[facts["address"]], port = _stand(facts, port, loop)

    def order() -> None:
        line = sys.stdin.buffer.readline()
        if not line:
            loop.stop()
            return
        _say(_obey(json.loads(line), standing))

    loop.add_reader(sys.stdin.buffer.fileno(), order)
    _say({"port": port})
    loop.run_forever()


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _obey(order: dict[str, Any], standing: dict[str, _Standing]) -> dict[str, Any]:
    if order["do"] == "report":
        return {"packets": {address: one.packets for address, one in standing.items()}}
    if order["do"] == "forget":
        for one in standing.values():
            one.packets = 0
        return {}
    one = standing[order["address"]]
    if order["do"] == "restart":
        _clock(one.engine, order["boots"], order["time"])
    else:
        one.up = order["do"] == "up"
    return {}


def _clock(engine: Any, boots: int | None, seconds: int) -> None:
    held_boots, held_time = engine.get_mib_builder().import_symbols(
        "__SNMP-FRAMEWORK-MIB", "snmpEngineBoots", "snmpEngineTime"
    )
    held_boots.syntax = held_boots.syntax.clone(int(held_boots.syntax) + 1 if boots is None else boots)
    held_time.syntax = held_time.syntax.clone(int(time.time()) - seconds)


# snmpUnknownContexts (RFC 3413)
_UNKNOWN_CONTEXTS: Final = (1, 3, 6, 1, 6, 3, 12, 1, 5, 0)


def _stand(facts: dict[str, Any], port: int, loop: asyncio.AbstractEventLoop) -> tuple[_Standing, int]:
    from pyasn1.codec.ber import decoder, encoder
    from pysnmp.carrier.asyncio.dgram import udp
    from pysnmp.entity import config, engine
    from pysnmp.entity.rfc3413 import cmdrsp, context
    from pysnmp.proto import rfc1905
    from pysnmp.proto.api import v2c
    from pysnmp.smi import error as smi

    made = engine.SnmpEngine(v2c.OctetString(bytes.fromhex(facts["engine"])))
    _clock(made, facts["boots"], 100)
    device = Device([Row(oid, tag, bytes.fromhex(content)) for oid, tag, content in facts["rows"]])
    standing = _Standing(made)

    class Udp(udp.UdpAsyncioTransport):
        def datagram_received(self, datagram: bytes, transportAddress: Any) -> None:
            standing.packets += 1
            if standing.up:
                super().datagram_received(datagram, transportAddress)

    class Responder(cmdrsp.CommandResponderBase):
        SUPPORTED_PDU_TYPES = tuple(
            kind.tagSet for kind in (rfc1905.GetRequestPDU, rfc1905.GetNextRequestPDU, rfc1905.GetBulkRequestPDU)
        )

        def process_pdu(self, snmpEngine: Any, *around: Any) -> None:
            *head, PDU, most, state = around
            told: dict[str, Any] = {}
            try:
                if str(head[5]) not in facts["contexts"]:  # pysnmp itself has the one without a name, always
                    raise smi.GenError(name=(), idx=0, oid=_UNKNOWN_CONTEXTS, val=v2c.Counter32(1))
                for at, (name, _) in enumerate(v2c.apiPDU.get_varbinds(PDU)):
                    self.verify_access("read", (name, None), snmpEngine=snmpEngine, idx=at)
                answer = said(PDU)
            except smi.AuthorizationError:
                answer = v2c.apiPDU.get_response(PDU)
                v2c.apiPDU.set_error_status(answer, "authorizationError")
            except smi.GenError as wrong:  # told in a Report, which pysnmp only makes out of the request itself
                answer, told = PDU, {"oid": wrong["oid"], "val": wrong["val"]}
            snmpEngine.message_dispatcher.return_response_pdu(snmpEngine, *head, answer, most, state, told)

    def said(asked: Any) -> Any:
        version, community = wire.tlv(wire.INTEGER, b"\x01"), wire.tlv(wire.OCTET_STRING, b"public")
        message = wire.tlv(wire.SEQUENCE, version + community + encoder.encode(asked))
        whole = device.answer(wire.parse(message))
        assert whole
        # The response is the last element of the message.
        answer, _ = decoder.decode(whole[whole.index(community) + len(community) :], asn1Spec=rfc1905.ResponsePDU())
        return answer

    transport = Udp(loop=loop).open_server_mode((facts["address"], port))
    loop.run_until_complete(transport._lport)
    config.add_transport(made, udp.DOMAIN_NAME, transport)
    for account in facts["accounts"]:
        _add(made, config, account)
    for name in facts["contexts"]:
        config.add_context(made, name)
    standing.hands.append(Responder(made, context.SnmpContext(made)))
    made.transport_dispatcher.job_started(1)
    return standing, transport.transport.get_extra_info("sockname")[1]


def _add(made: Any, config: Any, account: dict[str, Any]) -> None:
    auth = {
        None: config.USM_AUTH_NONE,
        "MD5": config.USM_AUTH_HMAC96_MD5,
        "SHA-1": config.USM_AUTH_HMAC96_SHA,
        "SHA-224": config.USM_AUTH_HMAC128_SHA224,
        "SHA-256": config.USM_AUTH_HMAC192_SHA256,
        "SHA-384": config.USM_AUTH_HMAC256_SHA384,
        "SHA-512": config.USM_AUTH_HMAC384_SHA512,
    }
    privacy = {
        None: config.USM_PRIV_NONE,
        "DES": config.USM_PRIV_CBC56_DES,
        "AES-128": config.USM_PRIV_CFB128_AES,
        "AES-192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
        "AES-256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
        "AES-192-C": config.USM_PRIV_CFB192_AES,
        "AES-256-C": config.USM_PRIV_CFB256_AES,
    }
    config.add_v3_user(
        made,
        account["name"],
        auth[account["auth"]],
        account["auth_password"] or None,
        privacy[account["privacy"]],
        account["privacy_password"] or None,
    )
    if account["reads"]:
        level = "authPriv" if account["privacy"] else "authNoPriv" if account["auth"] else "noAuthNoPriv"
        config.add_vacm_user(made, 3, account["name"], level, (1,))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # pysnmp keeps the boots of an engine there, whoever runs it
        _serve()
