"""The process that sleeps: with a clock of ours, and then as the real process."""

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from flexprint_agent.keep.home import sleeper as who_sleeps
from flexprint_agent.service import sleeper
from flexprint_agent.service.sleeper import CHECK, FARTHEST, GRACE, LONGEST_WAKE, Sleeper, Stopped, parsed
from services.process import wait_until

NOON = 1_795_435_200.0


class Ended:
    def ended(self):
        return True


class Night:
    """A computer on which nothing takes time but sleeping. `wakes` are the seconds after noon, by the wall clock; each
    makes the next appointment, as far as there is one. `events` happen that long after the beginning."""

    def __init__(self, *appointments):
        self.wall, self.mono = NOON, 50.0
        self.appointments = list(appointments)
        self.file = self.appointments.pop(0) if appointments else ""
        self.wakes, self.checks, self.events = [], 0, []

    def rest(self, seconds):
        self.checks += 1
        self.wall += seconds
        self.mono += seconds
        if self.events and self.mono - 50.0 >= self.events[0][0]:
            self.events.pop(0)[1]()
        if self.mono - 50.0 > self.until:
            raise Stopped

    def start(self):
        self.wakes.append(round(self.wall - NOON))
        if self.appointments:
            self.file = self.appointments.pop(0)
        return Ended()

    def run(self, hours):
        self.until = hours * 3600
        with pytest.raises(Stopped):
            Sleeper(lambda: self.file, self.start, self.rest, lambda: self.wall, lambda: self.mono).run()
        return self.wakes


def at(hours, delay=0):
    return f"{int(NOON + hours * 3600)} {delay}\n"


def test_it_wakes_when_it_was_told_to():
    assert Night(at(1), at(7), at(13)).run(8) == [3600, 7 * 3600]


def test_asleep_it_looks_at_the_clock_every_few_minutes_and_no_more():
    asleep = Night(at(6))
    asleep.run(5.9)
    assert asleep.checks <= 6 * 3600 / CHECK + 2


def test_without_an_appointment_it_wakes_at_once_and_then_every_hour():
    assert Night().run(2.5) == [0, 3600, 7200]


@pytest.mark.parametrize("words", ["", "tomorrow", "12 ", "1 2 3", "-1 5", "9" * 40 + " 1", "1795435200 1\0"])
def test_words_that_are_no_appointment_are_none(words):
    assert parsed(words) is None


def test_a_wake_that_plans_nothing_is_not_started_again_and_again():
    """It was killed, or the disk is full: the file says what it said before."""
    assert Night(at(0), at(0), at(0)).run(3.5) == [0, 3600, 7200, 10800]


def test_a_wake_missed_while_the_computer_was_off_comes_soon_after_the_start_but_not_at_once():
    assert Night(at(-9, delay=240), at(6)).run(1) == [240]


def test_a_wake_missed_while_the_computer_was_asleep_comes_soon_after_it_woke():
    """While it sleeps the monotonic clock stands still, and the wall clock jumps when it wakes."""
    asleep = Night(at(4, delay=120), at(30))
    asleep.events = [(3600, lambda: setattr(asleep, "wall", asleep.wall + 10 * 3600))]
    (woken,) = asleep.run(6)
    assert 11 * 3600 + 120 <= woken <= 11 * 3600 + CHECK + 120


def test_a_wake_that_fell_due_while_the_computer_was_asleep_for_a_moment_comes_at_once():
    asleep = Night(at(1.02, delay=120), at(20))
    asleep.events = [(3600, lambda: setattr(asleep, "wall", asleep.wall + 200))]
    (woken,) = asleep.run(3)
    assert woken == 3800


def test_a_clock_set_back_while_it_sleeps_does_not_prolong_its_sleep():
    asleep = Night(at(4), at(20))
    asleep.events = [(3600, lambda: setattr(asleep, "wall", asleep.wall - 30 * 86400))]
    assert asleep.run(5)[0] + 30 * 86400 == 4 * 3600


def test_a_clock_set_back_while_the_computer_was_off_does_not_either():
    assert Night(at(FARTHEST / 3600 + 1, delay=60), at(6)).run(1) == [60]


def test_a_clock_set_forward_brings_the_wake_forward():
    asleep = Night(at(4), at(20))
    asleep.events = [(3600, lambda: setattr(asleep, "wall", NOON + 4 * 3600 + 5))]
    assert asleep.run(2) == [4 * 3600 + 5]


def test_an_appointment_that_is_changed_is_seen_within_minutes():
    asleep = Night(at(20), at(24))
    asleep.events = [(3600, lambda: setattr(asleep, "file", at(2)))]
    assert asleep.run(3) == [7200]


class Hanging:
    """A wake that hears no signal but one that kills."""

    def __init__(self, clock, deaf):
        self.clock, self.deaf, self.said, self.alive = clock, deaf, [], True

    def ended(self):
        return not self.alive

    def terminate(self):
        self.said.append("terminate")
        self.alive = self.alive and self.deaf

    def kill(self):
        self.said.append("kill")
        self.alive = False


def with_a_wake(hanging, rest):
    Sleeper(lambda: "", lambda: hanging, rest, lambda: NOON, hanging.clock).run()


def test_a_wake_that_never_ends_is_killed():
    seconds = count(0.0, LONGEST_WAKE / 3)
    hanging = Hanging(lambda: next(seconds), deaf=True)

    def rest(_):
        if not hanging.alive:
            raise Stopped

    with pytest.raises(Stopped):
        with_a_wake(hanging, rest)
    assert hanging.said[0] == "kill"


@pytest.mark.parametrize(("deaf", "said"), [(False, ["terminate"]), (True, ["terminate", "kill"])])
def test_a_wake_under_way_ends_with_the_service(deaf, said):
    seconds = count(0.0, GRACE * 2)
    hanging = Hanging(lambda: next(seconds), deaf)

    def rest(_):
        raise Stopped

    with pytest.raises(Stopped):
        with_a_wake(hanging, rest)
    assert hanging.said == said


# ---------------------------------------------------------------- the real process

posix = pytest.mark.skipif(os.name != "posix", reason="signals and execv are a POSIX thing")

FAKE_AGENT = """#!/bin/sh
home="$1"; shift
echo "$@" >> "$home/wakes"
echo "$(($(date +%s) + 90000)) 0" > "$home/next-wake"
"""


@pytest.fixture
def asleep(tmp_path):
    """Starts the sleeping process on a stand-in for the agent, which notes that it was started."""
    program = tmp_path / "agent"
    program.write_text(FAKE_AGENT)
    program.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    running = []

    def start():
        path = Path(sleeper.__file__).with_name("asleep.py")
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", path, home, program, home], stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    start.home = home
    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stderr.close()


@posix
def test_the_process_starts_each_wake_as_a_child_and_ends_when_it_is_told(asleep):
    process = asleep()
    wait_until((asleep.home / "next-wake").exists, "the first wake")
    assert (asleep.home / "wakes").read_text() == "wake --due\n"
    assert f"process {process.pid}" in who_sleeps(asleep.home)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert process.stderr.read() == ""
    assert who_sleeps(asleep.home) is None


@posix
def test_one_home_has_one_that_sleeps(asleep):
    first = asleep()
    wait_until(lambda: who_sleeps(asleep.home) is not None, "the first one's lock")
    second = asleep()
    assert second.wait(20) == 1
    assert f"looked after already (asleep, process {first.pid}" in second.stderr.read()


@posix
def test_one_that_was_killed_locks_nobody_out(asleep):
    first = asleep()
    wait_until(lambda: who_sleeps(asleep.home) is not None, "the first one's lock")
    first.kill()
    first.wait()
    second = asleep()
    wait_until(lambda: f"process {second.pid}" in (who_sleeps(asleep.home) or ""), "the second one's lock")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what a process holds")
def test_asleep_it_holds_next_to_nothing(asleep):
    """Less than five megabytes of its own, no file but its lock, no thread but one; it is a feature."""
    process = asleep()
    wait_until((asleep.home / "next-wake").exists, "the first wake")
    held = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        if ":" in line
    )
    private = sum(int(held[name].split()[0]) for name in ("Private_Dirty", "Private_Clean"))
    assert private < 5 << 10, held
    assert int(held["Rss"].split()[0]) < 12 << 10, held
    assert len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1
    files = [one.readlink() for one in Path(f"/proc/{process.pid}/fd").iterdir()]
    assert [one for one in files if one.is_relative_to(asleep.home)] == [asleep.home / "run.lock"]


def test_asleep_nothing_of_the_agent_is_in_memory_but_the_sleeper():
    program = (
        f"import sys; sys.path.insert(0, {str(Path(sleeper.__file__).parents[2])!r})\n"
        "import flexprint_agent.service.sleeper\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    ours = {name for name in loaded if name.startswith("flexprint")}
    assert ours == {
        "flexprint_agent",
        "flexprint_agent.lock",
        "flexprint_agent.service",
        "flexprint_agent.service.sleeper",
    }
    assert not loaded & {"typing", "sqlite3", "ssl", "asyncio", "httpx", "logging", "argparse"}
