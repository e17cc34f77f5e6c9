"""The agent killed -9 at any point of a wake: every read is stored exactly once, every workbook asked for once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flexprint_shared import batch
from lab.office import office
from lab.site import Lab

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the simulated site needs Linux; kill -9 is POSIX")


@pytest.fixture(scope="module")
def lab():
    """Two printers that answer at once."""
    quick = [one for one in office() if one.truth and one.truth.model.startswith("ECOSYS P")]
    with Lab(quick[:2]) as running:
        yield running


def targets(lab):
    return [f"{address}:{lab.port}" for address in lab.devices]


def stored(collector, agent):
    """The documents that the collector has of this agent."""
    return [document for (owner, _), (_, document) in collector.stored.items() if str(owner) == agent]


def test_a_wake_killed_at_any_step_loses_and_doubles_nothing(lab, collector, tmp_path):
    program = Path(__file__).with_name("kill_wake.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path, collector.url, *targets(lab)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rounds) > 15
    assert [one["through"] for one in rounds] == [False] * (len(rounds) - 1) + [True]
    for one in rounds:
        documents = stored(collector, one["agent"])
        reads = [read for document in documents for read in batch.reads_of(document)]
        assert one["left"] == 0, one
        assert len(reads) == one["kept"] >= 2, one
        assert len({(read.identity.serial, read.read_at) for read in reads}) == len(reads), one
        assert len({read.identity.serial for read in reads}) == 2, one
        assert sum(document["report"] is not None for document in documents) == 1, one


def agent(home, *words):
    return [sys.executable, "-m", "flexprint_agent", "--home", str(home), *words]


@pytest.mark.parametrize("answered", [False, True], ids=["before storing", "after storing"])
def test_an_agent_killed_while_the_collector_works_sends_the_batch_again(lab, collector, tmp_path, answered):
    for words in (
        ("enroll", "--server", collector.url, "--insecure-loopback", "--key", "KEY"),
        ("add", *targets(lab)),
        ("search",),
        ("read",),
    ):
        subprocess.run(agent(tmp_path, *words), check=True, capture_output=True)
    running = []

    def kill(exchange):
        if answered:
            exchange.honest()
        os.kill(running[0].pid, signal.SIGKILL)

    collector.behaviours.append(kill)
    with subprocess.Popen(agent(tmp_path, "send"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        running.append(process)
    assert process.returncode == -signal.SIGKILL
    subprocess.run(agent(tmp_path, "send"), check=True, capture_output=True)
    assert sorted(serial for serial, _ in collector.reads()) == sorted(one.truth.serial for one in lab.devices.values())
