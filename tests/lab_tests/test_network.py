"""The branch as a network: it routes, answers, counts and loses as an office does, and leaves nothing behind."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab import wire
from lab.branch import Branch
from lab.network import Network, NetworkFailed, To, unavailable

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(unavailable("snmpd")), reason=str(unavailable("snmpd")))]

TESTS = Path(__file__).resolve().parents[1]
SYS_DESCR = wire.oid("1.3.6.1.2.1.1.1.0")

# Asks each address once, by SNMP v2c, and prints who answered.
ASKER = """
import socket, sys
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
asker.settimeout(float(sys.argv[1]))
for address in sys.argv[3:]:
    asker.sendto(bytes.fromhex(sys.argv[2]), (address, 161))
try:
    while True:
        print(asker.recvfrom(2000)[1][0], flush=True)
except TimeoutError:
    pass
"""


def ask(host, *addresses, seconds=0.5):
    question = wire.question(wire.GET, 7, (SYS_DESCR,)).hex()
    return host.run(sys.executable, "-c", ASKER, str(seconds), question, *addresses).stdout.split()


def test_printers_of_every_lan_and_both_routers_answer_the_workstation(branch):
    everyone = [*branch.devices, "10.77.1.1", "10.77.3.2"]
    assert sorted(ask(branch.ws, *everyone)) == sorted(everyone)
    assert len(branch.devices) == 10


@pytest.mark.parametrize("broadcast", ["10.77.1.255", "255.255.255.255"])
def test_a_broadcast_reaches_the_printers_of_its_own_lan_and_no_others(branch, broadcast):
    answered = set(ask(branch.ws, broadcast))
    assert answered - {"10.77.1.1"} == set(branch.labs["a"].devices)


def test_packets_are_counted_where_they_leave_and_where_they_arrive_also_those_to_nobody(branch):
    branch.forget()
    ask(branch.ws, "10.77.2.21", "10.77.2.21", "10.77.4.99", seconds=0.2)
    assert branch.ws.sent() == {To("10.77.2.21", "udp", 161): 2, To("10.77.4.99", "udp", 161): 1}
    assert branch.floors["b"].received() == {To("10.77.2.21", "udp", 161): 2}
    assert not branch.floors["d"].received()


def test_loss_takes_about_the_share_that_was_said(branch):
    branch.lose(50)
    answered = ask(branch.ws, *["10.77.2.21"] * 400)
    assert 50 < len(answered) < 150, "a quarter, as questions and answers are lost alike"


def test_what_is_sent_too_fast_is_counted(branch):
    branch.ws.watch_pace(10, at_once=5)
    ask(branch.ws, *["10.77.2.21"] * 30, seconds=0.1)
    assert 20 <= branch.ws.too_fast() <= 25


def test_a_printer_that_moves_answers_at_its_new_address_alone(branch):
    branch.move("10.77.1.21", "10.77.1.99")
    assert ask(branch.ws, "10.77.1.21", "10.77.1.99") == ["10.77.1.99"]


def test_hosts_know_the_names_they_were_given(branch, tmp_path):
    branch.ws.names({"front-desk": "10.77.1.22"}, tmp_path)
    assert branch.ws.run("getent", "ahostsv4", "front-desk").stdout.startswith("10.77.1.22 ")
    assert branch.ws.run("getent", "ahostsv4", "back-office", ok=False).returncode


def test_two_networks_with_the_same_addresses_do_not_see_each_other(branch, tmp_path):
    (tmp_path / "other").mkdir()
    with Branch(tmp_path / "other", printers={"b": 1}, community=None) as other:
        assert ask(other.ws, "10.77.1.1", "10.77.2.21", "10.77.2.22") == ["10.77.2.21"]


def test_a_command_that_fails_says_where_and_why():
    with Network() as network, pytest.raises(NetworkFailed, match=r"elsewhere: ip -batch -: .*nonsense"):
        network.host("elsewhere").ip("nonsense")


def test_nothing_is_left_of_a_network_whose_process_was_killed(tmp_path):
    program = f"""
from pathlib import Path
from lab.branch import Branch
with Branch(Path({str(tmp_path)!r}), printers={{"a": 1}}) as branch:
    pids = [host.pid for host in branch.network.hosts.values()] + [branch.labs["a"].pid]
    print(*pids, *(program.pid for program in branch.network._programs), flush=True)
    input()
"""
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    with running:
        pids = [int(word) for word in running.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in pids]
        running.send_signal(signal.SIGKILL)
    assert len(watched) == 9
    for one in watched:
        # A process that has ended makes its pidfd readable; this waits for that and for nothing else.
        assert _ended(one, seconds=10)
        os.close(one)


def _ended(pidfd: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
