"""The simulator as a process: real sockets, and pysnmp as a client that was not written here."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    bulk_cmd,
    get_cmd,
    next_cmd,
    set_cmd,
)
from pysnmp.proto.rfc1902 import OctetString

from lab import wire
from lab.device import Quirks
from lab.office import Placed, office
from lab.recording import row
from lab.site import Lab, LabFailed, recorded

TESTS = Path(__file__).resolve().parents[1]
NAME, UPTIME, COUNT = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.43.10.2.1.4.1.1"
ROWS = [row(f"{NAME}|4|printer"), row(f"{UPTIME}|67|500000"), row(f"{COUNT}|65|7432"), row("1.3.6.1.4.1.9.1.0|4|last")]


def printer(address: str, **quirks) -> Placed:
    return Placed(address, ROWS, Quirks(**quirks))


@pytest.fixture(scope="module")
def shared_lab():
    """One simulator for all tests of this file that only look."""
    devices = [
        printer("127.30.0.1"),
        printer("127.30.0.2", v2c=False),
        printer("127.30.0.3", reply_port=True),
        printer("127.30.0.4", reply_address="127.30.0.99"),
        printer("127.30.0.5", latency=0.05),
    ]
    with Lab(devices) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab):
    shared_lab.forget()
    return shared_lab


@pytest.fixture
def asker():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("0.0.0.0", 0))
        made.settimeout(5)
        yield made


def get(asker: socket.socket, lab: Lab, address: str, oid: str = NAME) -> None:
    asker.sendto(wire.question(wire.GET, 9, (wire.oid(oid),)), (address, lab.port))


def quiet(asker: socket.socket) -> bool:
    """Whether nothing has arrived. The lab's report came after it had dealt with all packets before it."""
    asker.setblocking(False)
    try:
        asker.recv(2000)
    except BlockingIOError:
        return True
    return False


def pysnmp(lab, command, address, version, *arguments, oids):
    """(error text or None, error status, {OID: value}) of one pysnmp command."""

    async def ask():
        engine = SnmpEngine()
        try:
            target = await UdpTransportTarget.create((address, lab.port), timeout=3, retries=0)
            objects = [value if isinstance(value, ObjectType) else ObjectType(ObjectIdentity(value)) for value in oids]
            community = CommunityData("public", mpModel=version)
            indication, status, _, bindings = await command(
                engine, community, target, ContextData(), *arguments, *objects, lookupMib=False
            )
            values = {str(name): value.prettyPrint() for name, value in bindings}
            return str(indication) if indication else None, int(status), values
        finally:
            engine.close_dispatcher()

    return asyncio.run(ask())


@pytest.mark.parametrize("version", [0, 1])
def test_pysnmp_gets_and_walks(lab, version):
    assert pysnmp(lab, get_cmd, "127.30.0.1", version, oids=[NAME, COUNT]) == (
        None,
        0,
        {NAME: "printer", COUNT: "7432"},
    )
    assert pysnmp(lab, next_cmd, "127.30.0.1", version, oids=[NAME]) == (None, 0, {COUNT: "7432"})


def test_pysnmp_gets_in_bulk(lab):
    error, status, values = pysnmp(lab, bulk_cmd, "127.30.0.1", 1, 0, 3, oids=[UPTIME])
    assert (error, status) == (None, 0)
    assert list(values) == [NAME, COUNT, "1.3.6.1.4.1.9.1.0"]


def test_pysnmp_meets_silence_from_a_version_1_device(lab):
    assert pysnmp(lab, get_cmd, "127.30.0.2", 0, oids=[NAME])[0] is None


def test_a_set_changes_nothing_and_is_counted(lab):
    attempt = ObjectType(ObjectIdentity(NAME), OctetString("mine"))
    assert pysnmp(lab, set_cmd, "127.30.0.1", 1, oids=[attempt])[1] == 17
    assert lab.report()["set"] == 1
    assert pysnmp(lab, get_cmd, "127.30.0.1", 1, oids=[NAME])[2] == {NAME: "printer"}


def test_the_answer_comes_from_the_address_that_was_asked(lab, asker):
    get(asker, lab, "127.30.0.1")
    assert asker.recvfrom(2000)[1] == ("127.30.0.1", lab.port)


def test_answers_from_elsewhere(lab, asker):
    get(asker, lab, "127.30.0.3")
    assert asker.recvfrom(2000)[1][1] != lab.port
    get(asker, lab, "127.30.0.4")
    assert asker.recvfrom(2000)[1] == ("127.30.0.99", lab.port)


def test_a_slow_device_answers_late_and_keeps_nobody_waiting(lab, asker):
    get(asker, lab, "127.30.0.5")
    get(asker, lab, "127.30.0.1")
    assert [asker.recvfrom(2000)[1][0] for _ in range(2)] == ["127.30.0.1", "127.30.0.5"]


def test_silent_addresses_stay_silent_and_every_packet_to_them_is_counted(lab, asker):
    for _ in range(2):
        for last in range(100, 150):
            get(asker, lab, f"127.30.0.{last}")
    asker.sendto(b"no SNMP at all", ("127.30.0.100", lab.port))
    report = lab.report()
    assert {tally["packets"] for address, tally in report["per address"].items() if address != "127.30.0.100"} == {2}
    assert report["per address"]["127.30.0.100"]["malformed"] == 1
    assert (report["requests"], report["answers"], lab.packets_to("127.30.0.149")) == (101, 0, 2)
    assert lab.packets_to("127.30.0.77") == 0
    assert quiet(asker)


def test_octets_are_counted_both_ways(lab, asker):
    get(asker, lab, "127.30.0.1")
    answer = asker.recv(2000)
    tally = lab.report()["per address"]["127.30.0.1"]
    assert (tally["octets_in"], tally["octets_out"]) == (
        len(wire.question(wire.GET, 9, (wire.oid(NAME),))),
        len(answer),
    )


def ticks(asker: socket.socket, lab: Lab) -> int:
    get(asker, lab, "127.30.1.1", UPTIME)
    answer = asker.recv(2000)
    return int.from_bytes(answer.rpartition(wire.oid(UPTIME))[2][2:], "big")


def test_a_device_changes_goes_down_comes_up_and_restarts(asker):
    with Lab([printer("127.30.1.1")]) as lab:
        lab.change("127.30.1.1", {COUNT: 7440, "1.3.6.1.4.1.9.2.0": "new"})
        values = pysnmp(lab, get_cmd, "127.30.1.1", 1, oids=[COUNT, "1.3.6.1.4.1.9.2.0"])[2]
        assert values == {COUNT: "7440", "1.3.6.1.4.1.9.2.0": "new"}
        assert ticks(asker, lab) >= 500000
        lab.restart("127.30.1.1")
        assert ticks(asker, lab) < 500000
        lab.down("127.30.1.1")
        get(asker, lab, "127.30.1.1")
        assert lab.packets_to("127.30.1.1") == 4
        assert quiet(asker)
        lab.up("127.30.1.1")
        asker.settimeout(5)
        get(asker, lab, "127.30.1.1")
        assert asker.recv(2000)
        lab.place(printer("127.30.1.2"))
        assert pysnmp(lab, get_cmd, "127.30.1.2", 1, oids=[NAME])[0] is None
        with pytest.raises(LabFailed, match="KeyError"):
            lab.down("127.30.1.77")


def test_a_printer_of_the_office_prints_and_answers_so():
    one = next(device for device in office() if device.truth and device.truth.maker == "Kyocera")
    total = "1.3.6.1.4.1.1347.43.10.1.1.12.1.1"
    with Lab([one]) as lab:
        after = lab.grow(25)[one.address]
        assert after.truth.total == one.truth.total + 25
        assert pysnmp(lab, get_cmd, one.address, 1, oids=[total])[2] == {total: str(after.truth.total)}
        assert lab.grow(5, one.address)[one.address].truth.total == one.truth.total + 30


def test_a_recording_is_served(tmp_path, asker):
    path = tmp_path / "some.snmprec"
    path.write_text(f"{NAME}|4|recorded\n")
    with Lab([recorded("127.30.1.3", path)]) as lab:
        get(asker, lab, "127.30.1.3")
        assert b"recorded" in asker.recv(2000)


def test_a_port_that_is_taken_is_named(lab):
    with pytest.raises(LabFailed, match=f"port {lab.port}"), Lab([], lab.port):
        pass


def gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has waited for yet has ended, too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_for_the_end_of(pid: int) -> None:
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline, "the simulator outlived its parent"
        time.sleep(0.01)


def test_the_lab_ends_with_the_process_that_opened_it():
    program = (
        "import os, signal\n"
        "from lab.site import Lab\n"
        "with Lab([]) as lab:\n"
        "    print(lab.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    opened = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    wait_for_the_end_of(int(opened.stdout))


@pytest.fixture
def office_alone():
    """The office as `python -m tests.lab.simulator --office` from the root, run by a shell of its own."""
    command = [sys.executable, "-m", "tests.lab.simulator", "--office", "--port", "0"]
    with subprocess.Popen(command, cwd=TESTS.parent, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def test_the_office_runs_alone_says_when_it_is_ready_and_ends_on_sigterm(office_alone, asker):
    ready = json.loads(office_alone.stdout.readline())
    assert ready["ready"]
    asker.sendto(wire.question(wire.GET, 9, (wire.oid("1.3.6.1.2.1.1.1.0"),)), ("127.20.10.21", ready["port"]))
    assert b"KYOCERA" in asker.recv(2000)
    office_alone.send_signal(signal.SIGTERM)
    assert office_alone.wait(10) == 0


def test_the_office_alone_ends_with_its_parent():
    program = (
        "import subprocess, sys\n"
        "office = subprocess.Popen([sys.executable, '-m', 'lab.simulator', '--office', '--port', '0'], stdout=subprocess.PIPE)\n"
        "office.stdout.readline()\n"
        "print(office.pid, flush=True)\n"
    )
    opened = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    wait_for_the_end_of(int(opened.stdout))
