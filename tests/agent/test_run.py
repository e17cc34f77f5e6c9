"""The service as it runs at a site: asleep, awake, stopped, one at a time, and what a wake has to do when."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from flexprint_agent import settings, wake
from flexprint_agent.cli import main
from flexprint_agent.keep import Keep
from flexprint_agent.keep.notes import LAST_ROUND
from flexprint_agent.wake import finding, planning
from flexprint_shared.times import parse_rfc3339
from lab.office import office
from lab.site import BEYOND_LOOPBACK, Lab
from services.process import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the simulated site needs Linux")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def lab():
    """Two printers that answer at once."""
    quick = [one for one in office() if one.truth and one.truth.model.startswith("ECOSYS P")]
    with Lab(quick[:2]) as running:
        yield running


@pytest.fixture
def home(lab, collector, tmp_path):
    """A home that is enrolled, and searches the two printers alone."""
    path = tmp_path / "home"
    here = ("--home", str(path))
    assert main([*here, "enroll", "--server", collector.url, "--insecure-loopback", "--key", "KEY"]) == 0
    assert main([*here, "add", *(f"{address}:{lab.port}" for address in lab.devices)]) == 0
    quick = {"search_timeout": "0.3", "snmp_timeout": "0.5", **dict.fromkeys(BEYOND_LOOPBACK, "off")}
    with Keep(path) as keep:
        keep.choices.set(quick, ())
    return path


def say(home, *words, status=0):
    done = subprocess.run(agent(home, *words), capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done


def agent(home, *words):
    return [sys.executable, "-m", "flexprint_agent", "--home", str(home), *words]


def status(home):
    return json.loads(say(home, "status", "--json").stdout)


def test_the_service_wakes_reads_sends_and_says_when_it_wakes_next(home, collector):
    assert status(home)["next_wake_at"] is None
    with subprocess.Popen(agent(home, "run"), stderr=subprocess.PIPE, text=True) as service:
        try:
            wait_until(lambda: bool(collector.stored), "the first batch")
            wait_until(lambda: not status(home)["at_work"], "the end of the wake")
            told = status(home)
            assert told["printers"] == len(collector.reads()) == 2
            assert timedelta(0) < parse_rfc3339(told["next_wake_at"]) - datetime.now(UTC) <= 6 * HOUR
            second = say(home, "run", status=1)
            assert f"looked after already (asleep, process {service.pid}," in second.stderr
            service.send_signal(signal.SIGTERM)
            assert service.wait(20) == 0
            assert service.stderr.read() == ""
        finally:
            service.kill()
    assert status(home)["next_wake_at"] is None
    assert "2 printers read, 0 silent" in (home / "agent.log").read_text()


def test_a_wake_under_way_is_stopped_cleanly_and_the_next_one_sends_what_it_had_read(home, collector):
    """The collector does not answer when the system asks the service to stop."""
    running = []

    def stop(exchange):
        os.kill(running[0].pid, signal.SIGTERM)
        running[0].wait(20)

    collector.behaviours.append(stop)
    with subprocess.Popen(agent(home, "wake", "--due"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as waking:
        running.append(waking)
        assert b"what was read is kept and waits" in waking.stderr.read()
    assert waking.returncode == 1
    assert collector.reads() == []
    say(home, "wake", "--due")
    assert len(collector.reads()) == 2
    assert "stopped before all was sent" in (home / "agent.log").read_text()


def test_of_two_wakes_at_once_one_is_told_who_is_at_work(home, collector):
    said = []
    collector.behaviours.append(lambda exchange: said.append(say(home, "wake", status=1)) or exchange.honest())
    say(home, "wake")
    assert "another flexprint-agent is at work" in said[0].stderr
    assert "(wake, process " in said[0].stderr
    assert len(collector.reads()) == 2


# ---------------------------------------------------------------- what is due


@pytest.fixture
def site(home):
    """The same with the clock of a test: `site.wake(at)`."""
    with Keep(home) as keep:
        yield Site(keep)


class Site:
    def __init__(self, keep):
        self.keep = keep

    @property
    def settings(self):
        return settings.in_force(self.keep.choices.settings())

    def wake(self, at):
        due = planning.due(self.keep, self.settings, at)
        woken = wake.wake(self.keep, self.settings, lambda: at, due=due)
        assert woken.failure is None, woken.failure
        return woken.result

    def set(self, **values):
        self.keep.choices.set(values, ())


NOON = datetime(2099, 11, 23, 12, 0, tzinfo=UTC)  # after the targets were chosen, whenever that is


def test_a_week_of_wakes_reads_four_times_a_day_and_searches_twice(site):
    at, end, searched, read = NOON, NOON + timedelta(days=7), 0, 0
    while at < end:
        done = site.wake(at)
        searched, read = searched + done["searched"], read + (done["read"] > 0)
        at = parse_rfc3339(done["next_wake_at"])
    assert read in (28, 29)
    assert searched in (2, 3)


def test_a_wake_in_between_reads_nothing_again(site):
    site.wake(NOON)
    done = site.wake(NOON + timedelta(minutes=1))
    assert (done["searched"], done["read"], done["packets"]) == (False, 0, 0)


def test_what_a_switched_off_computer_missed_is_due_once(site):
    site.wake(NOON)
    assert planning.plan(site.keep, site.settings, NOON + 3 * DAY) < NOON + 3 * DAY
    assert site.wake(NOON + 3 * DAY)["read"] == 2
    assert planning.plan(site.keep, site.settings, NOON + 3 * DAY) > NOON + 3 * DAY


def test_a_clock_that_was_set_back_makes_the_agent_read_and_search_and_plan_from_then_on(site):
    site.wake(NOON)
    done = site.wake(NOON - 300 * DAY)
    assert (done["searched"], done["read"]) == (True, 2)
    assert parse_rfc3339(done["next_wake_at"]) <= NOON - 300 * DAY + 6 * HOUR


def test_a_workbook_at_an_hour_of_its_own_is_asked_for_then_with_fresh_reads(site, collector):
    site.keep.choices.add_recipients(["office@example.com"])
    site.wake(NOON)
    assert collector.reports() == 1  # of the first day, as nothing else was chosen
    site.set(report_every="monthly 1 07:00", wakes_per_day="1")
    at, months = NOON + DAY, []
    while at < NOON + timedelta(days=15):
        before = len(collector.reads()), collector.reports()
        site.wake(at)
        if collector.reports() > before[1]:
            months.append(at.astimezone())
            assert len(collector.reads()) == before[0] + 2
        at = planning.plan(site.keep, site.settings, at, awake=True)
    (only,) = months
    assert (only.month, only.day, only.hour) == (12, 1, 7)
    assert only.minute <= 10


def test_a_changed_setting_moves_the_appointment(home):
    say(home, "wake")
    before = (home / "next-wake").read_text()
    say(home, "settings", "wakes_per_day", "48")
    assert (home / "next-wake").read_text() != before


def test_an_agent_without_a_collector_sends_no_packet_by_itself(tmp_path):
    with Keep(tmp_path / "home") as keep:
        keep.choices.add_targets(["10.1.1.1"], NOON)
        site = Site(keep)
        assert planning.due(keep, site.settings, NOON) == planning.Due(search=False, round=False)
        assert planning.plan(keep, site.settings, NOON) > NOON


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize(("planned", "longest"), [(0, 3600), (600, 3600), (2000, 6000), (90_000, 8 * 3600)])
def test_a_search_has_a_bound_by_what_it_was_to_take(planned, longest):
    assert finding.longest_search(planned) == longest


def test_a_search_that_takes_too_long_ends_and_the_wake_goes_on(site, collector, monkeypatch):
    monkeypatch.setattr(finding, "longest_search", lambda _: -1.0)
    done = site.wake(NOON)
    assert done["searched"]
    assert done["read"] == 0
    assert not finding.search_due(site.keep, site.settings, NOON + HOUR)


def test_reading_that_takes_too_long_ends_and_what_was_read_is_sent(site, collector, monkeypatch):
    site.wake(NOON)
    collector.stored.clear()
    monkeypatch.setattr(wake, "LONGEST_ROUND", -1.0)
    woken = wake.wake(site.keep, site.settings, lambda: NOON + DAY)
    assert "reading took longer" in str(woken.failure)
    assert woken.result["read"] == 1
    assert len(collector.reads()) == 1


def test_after_a_wake_that_hung_what_it_had_read_is_sent_before_anything_else(site, collector, a_read):
    """Whatever hung may hang again."""
    site.wake(NOON)
    site.keep.keep_read(a_read(1, total=77), {})
    site.keep.wakes.begin(NOON + HOUR)

    class Hangs(BaseException):
        pass

    def hang():
        raise Hangs

    with pytest.raises(Hangs):
        wake.wake(site.keep, site.settings, lambda: NOON + 7 * HOUR, alive=hang)
    assert ("VD21450001", 77) in collector.reads()
    assert site.keep.notes.instant(LAST_ROUND) == NOON
