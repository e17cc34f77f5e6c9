"""Check-ins of real wakes: what goes up, and what of that which comes down is taken, done, once, and told."""

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flexprint_agent import settings, wake
from flexprint_agent.keep.notes import CHECK_INS, LAST_LOG, LAST_TOLD
from flexprint_agent.send.errors import NotTheCollector, Unreachable
from flexprint_agent.service.log import Log
from flexprint_agent.wake import choosing
from flexprint_agent.wake.chosen import in_force, recipients
from flexprint_agent.wake.planning import Due
from flexprint_agent.wake.sending import leaving_of
from flexprint_shared.batch import reads_of
from flexprint_shared.readings import Identity
from services import collector as bad_days

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def site(keep, collector):
    """An enrolled home; `site.wake()` has nothing to do but to send and to check in."""
    choosing.enroll(keep, choosing.Wanted(collector.url, "KEY", insecure_loopback=True), lambda: NOON)
    return Site(keep, collector)


class Site:
    def __init__(self, keep, collector):
        self.keep, self.collector = keep, collector
        self.due = Due(search=False, round=False)

    def wake(self, at=NOON):
        return wake.wake(self.keep, in_force(self.keep), lambda: at, due=self.due)

    def said(self):
        return self.collector.check_ins[-1]

    def paths(self):
        return [path for path, _ in self.collector.requests]


def test_a_wake_without_news_is_one_small_request(site):
    del site.collector.requests[:]
    assert site.wake().failure is None
    ((path, octets),) = site.collector.requests
    assert path == "/agent/v1/checkin"
    assert octets < 1000


def test_a_wake_with_reads_is_two_requests(site, a_read):
    site.keep.keep_read(a_read(1), {})
    del site.collector.requests[:]
    site.wake()
    assert site.paths() == ["/agent/v1/batches", "/agent/v1/checkin"]


def test_what_goes_up_says_how_the_agent_is_and_names_no_device(site, a_read):
    site.keep.keep_read(a_read(1), {})
    site.keep.keep_silence(site.keep.devices.all()[0].id, NOON)
    site.wake()
    said = site.said()
    health = said["health"]
    assert (health["printers"], health["silent"], health["waiting_batches"]) == (1, 1, 0)
    assert said["settings"]["wakes_per_day"] == "4"
    assert said["allows"] == ["schedule", "recipients", "pace", "masks"]
    assert said["next_wake_at"] is None  # nothing here wakes it by itself
    assert said["log"] is None
    assert "VD2145" not in json.dumps(said)
    assert "127.5" not in json.dumps(said)


def test_a_collector_that_is_not_there_is_not_asked_twice(site, a_read):
    site.keep.keep_read(a_read(1), {})
    site.collector.behaviours.append(bad_days.status(404))
    assert isinstance(site.wake().failure, NotTheCollector)
    assert site.collector.check_ins == []


# ---------------------------------------------------------------- settings


def test_what_the_dealer_settles_holds_from_then_on(site):
    site.collector.telling["settings"] = {
        "version": "v1",
        "values": {"wakes_per_day": "2", "packets_per_second": "50", "recipients": "billing@example.com"},
    }
    assert site.wake().failure is None
    now = in_force(site.keep)
    assert (now.wakes_per_day, now.packets_per_second) == (2, 50)
    assert recipients(site.keep) == ["billing@example.com"]
    assert len(site.collector.check_ins) == 2
    assert (site.said()["handed"], site.said()["settings"]["wakes_per_day"]) == ("v1", "2")
    site.wake()
    assert len(site.collector.check_ins) == 3


@pytest.mark.parametrize(
    ("allowed", "wakes", "to", "unfit"),
    [
        ("schedule", 2, [], {"recipients", "packets_per_second"}),
        ("recipients,pace", 4, ["billing@example.com"], {"wakes_per_day"}),
        ("none", 4, [], {"recipients", "packets_per_second", "wakes_per_day"}),
    ],
)
def test_the_customer_can_forbid_each_and_the_dealer_is_told(site, allowed, wakes, to, unfit):
    choosing.change(site.keep, "dealer_may", allowed)
    values = {"wakes_per_day": "2", "packets_per_second": "50", "recipients": "billing@example.com"}
    site.collector.telling["settings"] = {"version": "v1", "values": values}
    site.wake()
    assert in_force(site.keep).wakes_per_day == wakes
    assert recipients(site.keep) == to
    assert set(site.said()["unfit"]) == unfit


def test_a_mask_is_put_on_from_afar_and_never_taken_off(site):
    choosing.change(site.keep, "mask_contact", "on")
    values = {"mask_name": "on", "mask_contact": "off"}
    site.collector.telling["settings"] = {"version": "v1", "values": values}
    site.wake()
    now = in_force(site.keep)
    assert (now.mask_host, now.mask_contact, now.mask_address) == (True, True, False)
    assert set(site.said()["unfit"]) == {"mask_contact"}
    assert site.said()["host"] != site.collector.check_ins[0]["host"]


def test_what_is_no_value_or_no_setting_that_a_dealer_may_settle_is_ignored_and_told(site):
    values = {"wakes_per_day": "often", "ca": "/etc/passwd", "proxy": "http://evil.example", "recipients": "nobody"}
    site.collector.telling["settings"] = {
        "version": "v1",
        "values": values | {"communities": "x", "dealer_may": "pace"},
    }
    assert site.wake().failure is None
    assert in_force(site.keep) == settings.in_force({})
    assert recipients(site.keep) == []
    assert set(site.said()["unfit"]) == {*values, "communities", "dealer_may"}


def test_the_sites_own_recipients_come_first_and_stay(site):
    choosing.add_recipients(site.keep, ["Office@example.com"])
    site.collector.telling["settings"] = {
        "version": "v1",
        "values": {"recipients": "office@EXAMPLE.com, billing@example.com"},
    }
    site.wake()
    assert recipients(site.keep) == ["Office@example.com", "billing@example.com"]
    site.wake(NOON + timedelta(days=1))
    stored = [document["recipients"] for _, document in site.collector.stored.values()]
    assert stored[-1] == ["Office@example.com", "billing@example.com"]


# ---------------------------------------------------------------- commands


def tell(site, *names):
    site.collector.telling["commands"] = [{"id": number, "name": name} for number, name in enumerate(names, start=7)]


def test_a_command_is_done_once_and_told_in_the_same_wake(site):
    choosing.add_recipients(site.keep, ["office@example.com"])
    site.wake()
    assert site.collector.reports() == 1
    tell(site, "send")
    assert site.wake().failure is None
    assert site.collector.reports() == 2
    assert site.said()["commands"] == [{"id": 7, "state": "done", "said": "the workbook was asked for"}]
    site.wake()
    assert site.collector.reports() == 2


def test_a_command_whose_answer_was_lost_is_told_again_and_not_done_again(site):
    choosing.add_recipients(site.keep, ["office@example.com"])
    site.wake()
    tell(site, "send")
    # The answer to the check-in after the command is lost on its way, again and again.
    honest = bad_days.Exchange.honest
    site.collector.behaviours.extend([honest, honest, *[bad_days.store_then_cut] * 9])
    assert isinstance(site.wake().failure, Unreachable)
    assert site.collector.reports() == 2
    site.collector.behaviours.clear()
    tell(site, "send")
    site.wake()
    assert site.collector.reports() == 2
    assert site.collector.telling["commands"] == []


def test_read_and_search_now_are_done_even_where_they_are_not_due(site, monkeypatch):
    done = []
    monkeypatch.setattr(wake, "search", lambda *_: done.append("search") or {"packets": 5, "new": 2})
    monkeypatch.setattr(wake, "read_known", lambda *_: done.append("read") or iter(()))
    monkeypatch.setattr(wake, "seek", lambda *_: (0, {}))
    tell(site, "search", "read")
    woken = site.wake()
    assert done[:2] == ["search", "read"]
    assert woken.result["packets"] == 5
    assert [one["state"] for one in site.said()["commands"]] == ["done", "done"]


def test_the_log_is_sent_when_it_is_asked_for_and_only_then(site):
    Log(site.keep.home).line("40 printers read")
    tell(site, "log")
    site.wake()
    first, second = site.collector.check_ins
    assert first["log"] is None
    assert "40 printers read" in second["log"]
    site.wake()
    assert site.said()["log"] is None


def test_the_log_leaves_masked_as_reads_are_without_secrets_and_is_shown_as_it_left(site, a_read):
    hostile = "Bob's \x1b[31m<b>KM</b>\u202e"
    identity = Identity("Kyocera", "P2040", "VD1", name=hostile, location="Room 7", contact="ada@office.example")
    site.keep.keep_read(a_read(1, identity=identity, address="10.9.8.7"), {})
    choosing.change(site.keep, "communities", "s3cr3t,p q")
    site.keep.credentials.add("", {"user": "probe", "auth": "MD5", "auth_password": "hunter-2!"})
    log = Log(site.keep.home)
    log.line(f"{hostile} at 10.9.8.7 in room 7 (ADA@office.example) is silent; s3cr3t, p q and hunter-2! did not help")
    log.line(f"{Path.home()}/agent/wake.py, {socket.gethostname()}")
    for mask in ("mask_address", "mask_host", "mask_location", "mask_contact"):
        choosing.change(site.keep, mask, "on")
    tell(site, "log")
    site.wake()
    left = site.said()["log"]
    told = ("10.9.8.7", "KM", "oom 7", "office.example", "s3cr3t", "p q", "hunter-2!", str(Path.home()))
    assert [one for one in (*told, socket.gethostname()) if one in left] == []
    assert "is silent;" in left
    # The same made-up name as in the batch: the dealer can tell which printer it was.
    ((_, document),) = site.collector.stored.values()
    (read,) = reads_of(document)
    assert read.address in left
    assert json.loads(site.keep.notes.get(LAST_TOLD))["log"] == left
    site.wake()
    assert json.loads(site.keep.notes.get(LAST_LOG))["log"] == left


def test_why_something_failed_is_masked_as_well(site):
    choosing.change(site.keep, "mask_address", "on")
    site.keep.handed.take([(3, "read")], NOON)
    site.keep.handed.settle(3, "failed", "10.9.8.7 did not answer")
    site.wake()
    (told,) = site.said()["commands"]
    assert told["said"] == f"{leaving_of(site.keep, in_force(site.keep)).address('10.9.8.7', 161)} did not answer"


def test_a_command_that_there_is_not_is_told_so_and_nothing_is_done(site):
    tell(site, "run rm -rf /")
    assert site.wake().failure is None
    assert [one["state"] for one in site.said()["commands"]] == ["unknown"]


def test_a_workbook_that_would_go_to_nobody_is_not_asked_for(site):
    tell(site, "send")
    assert "goes to nobody" in str(site.wake().failure)
    assert [one["state"] for one in site.said()["commands"]] == ["failed"]
    assert site.collector.reports() == 0


def test_a_command_in_whose_midst_the_agent_was_killed_is_not_done_again(site, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    tell(site, "read")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(wake, "read_known", kill)
        site.wake()
    site.wake()
    assert site.said()["commands"] == [{"id": 7, "state": "interrupted", "said": ""}]


@pytest.mark.parametrize(
    "telling",
    [
        {"commands": "all"},
        {"commands": [{"id": "7"}, 3, {"id": -1, "name": "read"}, {"id": 1 << 70, "name": "read"}]},
        {"settings": None},
        {"settings": {"values": [1]}},
        {"settings": {"values": {"wakes_per_day": 3, "x" * 9999: "y"}}},
        {"deliveries": [{"report": "1"}, None]},
        {"at": 12},
        {"at": "0001-01-01T00:00:00Z"},
    ],
)
def test_an_answer_of_another_form_is_left_out(site, telling):
    site.collector.telling.update(telling)
    assert site.wake().failure is None
    assert in_force(site.keep) == settings.in_force({})


# ---------------------------------------------------------------- who answers


def test_an_answer_that_the_collector_did_not_sign_changes_nothing(site):
    """A proxy that opens TLS can read what comes down, and cannot say anything in the collector's name."""
    ours, site.collector.identity = site.collector.identity, Ed25519PrivateKey.generate()
    site.collector.telling["settings"] = {"version": "v1", "values": {"recipients": "spy@example.com"}}
    assert isinstance(site.wake().failure, NotTheCollector)
    assert recipients(site.keep) == []
    site.collector.identity = ours


def test_an_answer_from_before_is_no_answer_now(site):
    kept = []
    site.collector.behaviours.append(lambda exchange: kept.append(exchange.honest()) or kept[0])
    site.wake()
    site.collector.behaviours.append(lambda _: kept[0])
    assert isinstance(site.wake().failure, NotTheCollector)


def test_after_an_answer_was_lost_the_next_check_in_goes_through(site):
    site.collector.behaviours.append(bad_days.store_then_cut)
    assert site.wake().failure is None
    assert site.keep.notes.get(CHECK_INS) == "2"


def test_a_home_restored_from_a_copy_goes_on_behind_what_the_collector_saw(site):
    for _ in range(3):
        site.wake()
    site.keep.notes.put(CHECK_INS, "1")
    assert site.wake().failure is None
    assert site.collector.counters.popitem()[1] == 4


# ---------------------------------------------------------------- workbooks


def test_what_became_of_workbooks_is_kept_newest_first(site):
    def became(number, state):
        return {"report": number, "requested_at": "2026-11-23T08:00:00Z", "state": state, "recipients": []}

    site.collector.telling["deliveries"] = [became(3, "sent"), became(4, "due")]
    site.wake()
    site.collector.telling["deliveries"] = [became(4, "failed")]
    site.wake()
    assert [(one["report"], one["state"]) for one in site.keep.handed.workbooks()] == [(4, "failed"), (3, "sent")]
    assert site.said()["told_until"] == "2026-11-23T12:00:00Z"


def test_under_another_collector_nothing_of_the_one_before_holds(site):
    site.collector.telling["settings"] = {"version": "v1", "values": {"wakes_per_day": "2"}}
    tell(site, "log")
    site.wake()
    site.collector.telling.clear()
    choosing.enroll(site.keep, choosing.Wanted(site.collector.url, "KEY", insecure_loopback=True), lambda: NOON)
    assert in_force(site.keep).wakes_per_day == 4
    assert site.keep.handed.untold() == []


def test_the_customer_can_see_what_was_told(site, capsys):
    from flexprint_agent.cli import main

    site.wake()
    assert main(["--home", str(site.keep.home), "sent", "--check-in", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["check_in"]["health"]["printers"] == 0
