"""A search as a whole: what its finders come upon, what of it is asked, and what is kept."""

import functools
import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flexprint_agent import settings, targets, wake
from flexprint_agent.search.finder import Candidate, Finder, Part, Plan
from flexprint_agent.wake import finders, finding
from flexprint_agent.wake.reading import named_at, read_known, where_to_ask
from flexprint_agent.wake.resting import FELL_SILENT, after_trouble
from lab.office import office
from lab.site import BEYOND_LOOPBACK, Lab
from lab.six import OverSix

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the simulated site needs Linux")

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
YESTERDAY = MONDAY - timedelta(days=1)
FIRST, SECOND, THIRD = [one for one in office() if one.truth and one.truth.maker == "Kyocera"][:3]
QUICK = settings.in_force({"search_timeout": "0.3", "snmp_timeout": "0.5", "snmp_retries": "0"})


def at(printer, address):
    """The printer, moved to another address."""
    return replace(printer, address=address)


class Hall:
    """A few printers in 127.30.1.0/24, and an agent that may search some of it."""

    def __init__(self, keep, lab):
        self.keep, self.lab, self.now = keep, lab, MONDAY

    def choose(self, *texts, excluded=False):
        self.keep.choices.add_targets([f"{text}:{self.lab.port}" for text in texts], YESTERDAY, excluded=excluded)

    def search(self, **manners):
        return finding.search(self.keep, QUICK, lambda: self.now, **manners)

    def read(self):
        return list(read_known(self.keep, QUICK, lambda: self.now))

    def wake(self):
        """One wake; nobody is enrolled, so its reads stay here."""
        return wake.wake(self.keep, QUICK, lambda: self.now).result

    def move(self, printer, origin, to):
        self.lab.down(origin)
        self.lab.place(at(printer, to))

    def known(self):
        return {one.identity.serial: one.address for one in self.keep.devices.all()}


@pytest.fixture
def hall(keep):
    with Lab([at(FIRST, "127.30.1.1"), at(SECOND, "127.30.1.2"), at(THIRD, "127.30.1.9")]) as lab:
        yield Hall(keep, lab)


def heard(monkeypatch, *candidates):
    """Beside the sweep there is a finder that comes upon these, two of them with a pause before."""

    def find(ground, effort):
        effort.packets += 1
        for one in candidates:
            yield None
            yield one

    plan = Plan([Part("ear", "everybody", 1, 1, 60, 0.5)], 0.5)
    ear = Finder("ear", on=lambda _: True, plan=lambda _: plan, find=find)
    monkeypatch.setattr(finders, "FINDERS", (ear, *finders.FINDERS))


def test_what_several_finders_come_upon_is_asked_once(hall, monkeypatch):
    heard(monkeypatch, *[Candidate("127.30.1.1", hall.lab.port, "ear")] * 2)
    hall.choose("127.30.1.1-3")
    found = hall.search()
    assert sorted(one["address"] for one in found["found"]) == ["127.30.1.1", "127.30.1.2"]
    assert (found["printers"], found["new"], found["answered"], found["asked"]) == (2, 2, 2, 3)
    assert hall.lab.report()["requests"] + 1 == found["packets"]


def test_exclusions_win_over_what_a_finder_grants(hall, monkeypatch):
    """Whoever heard of it: an excluded address gets no packet, nor does one that nobody chose or granted."""
    heard(
        monkeypatch,
        Candidate("127.30.1.1", hall.lab.port, "ear", granted=True),
        Candidate("127.30.1.2", hall.lab.port, "ear"),
        Candidate("127.30.1.9", hall.lab.port, "ear", granted=True),
    )
    hall.choose("127.30.1.5")
    hall.choose("127.30.1.1", excluded=True)
    found = hall.search()
    assert [one["address"] for one in found["found"]] == ["127.30.1.9"]
    assert {one["address"]: one["excluded"] for one in found["not_asked"]} == {"127.30.1.1": True, "127.30.1.2": False}
    assert (hall.lab.packets_to("127.30.1.1"), hall.lab.packets_to("127.30.1.2")) == (0, 0)


def test_a_granted_printer_is_read_as_long_as_its_finder_is_on(hall, monkeypatch):
    heard(monkeypatch, Candidate("127.30.1.9", hall.lab.port, "ear", granted=True))
    hall.choose("127.30.1.1")
    hall.search()
    assert {one["address"] for one in hall.read() if one["printer"]} == {"127.30.1.1", "127.30.1.9"}
    monkeypatch.setattr(finders, "FINDERS", finders.FINDERS[1:])
    hall.lab.forget()
    assert {one["address"] for one in hall.read() if one["printer"]} == {"127.30.1.1"}
    assert hall.lab.packets_to("127.30.1.9") == 0


def test_a_plan_adds_up_what_every_finder_would_send(hall, monkeypatch):
    heard(monkeypatch)
    hall.choose("127.30.1.1-4", "127.30.1.4-9")
    plan = finding.search_plan(hall.keep, QUICK)
    assert [(one["finder"], one["addresses"], one["packets"]) for one in plan["parts"]] == [
        ("ear", 1, 1),
        ("sweep", 4, 8),
        ("sweep", 5, 10),  # what the target before it covers is not asked again
    ]
    assert (plan["addresses"], plan["packets"]) == (10, 19)
    assert hall.lab.report()["requests"] == 0


def test_a_stopped_search_leaves_what_it_found(hall):
    """Ctrl-C in the middle: the printers that have said who they are stay, and the search counts as not done."""

    def stop(standing):
        if standing.printers == 2:
            raise KeyboardInterrupt

    hall.choose("127.30.1.1-200")
    with pytest.raises(finding.SearchStopped, match="kept") as stopped:
        hall.search(progress=stop)
    assert stopped.value.result["printers"] == 2
    assert stopped.value.result["asked"] <= 200
    assert len(hall.known()) == 2
    assert finding.search_due(hall.keep, QUICK, MONDAY)


def test_a_search_tells_how_it_stands(hall):
    told = []
    hall.choose("127.30.1.1-9")
    result = hall.search(progress=told.append)
    assert (told[-1].printers, told[-1].answered, told[-1].packets_ahead) == (3, 3, 0)
    assert told[0].packets_ahead + told[0].packets == 18
    ahead = [one.seconds_ahead for one in told]
    assert max(ahead) <= 2 * 9 / QUICK.packets_per_second * 4 + 2 * QUICK.search_timeout + 0.1  # a plan says tenths
    assert result["printers"] == 3


def test_a_printer_that_answers_at_two_addresses_is_one(hall):
    """It keeps the address where it is known; two entries say where it answers, one printer is counted."""
    hall.choose("127.30.1.9")
    hall.search()
    hall.lab.place(at(THIRD, "127.30.1.3"))
    hall.choose("127.30.1.3-8")
    found = hall.search()
    assert (found["printers"], found["new"]) == (1, 0)
    assert {one["address"]: one["same_as"] for one in found["found"]} == {
        "127.30.1.3": "127.30.1.9",
        "127.30.1.9": None,
    }
    assert hall.known() == {THIRD.truth.serial: "127.30.1.9"}


@pytest.mark.parametrize(
    ("first", "second", "known", "kept"),
    [
        ("10.0.0.1", "10.0.0.2", None, "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"),
        ("2001:db8::1", "10.0.0.2", None, "10.0.0.2"),
        ("10.0.0.1", "2001:db8::1", None, "10.0.0.1"),
        ("2001:db8::1", "10.0.0.2", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_printer_is_asked_where_it_is_known_else_by_ipv4(first, second, known, kept):
    assert finding.preferred((first, 161), (second, 161), known and (known, 161)) == (kept, 161)


def test_nothing_is_searched_where_everything_is_excluded(hall):
    hall.choose("127.30.1.1")
    hall.choose("127.30.1.0/24", excluded=True)
    with pytest.raises(finding.NothingToSearch, match="excluded"):
        hall.search()
    assert hall.lab.report()["requests"] == 0


@pytest.fixture
def six():
    try:
        opened = OverSix(FIRST)
    except OSError:
        pytest.skip("this computer has no IPv6")
    with opened:
        yield opened


def test_a_printer_over_ipv6_is_found_kept_and_read(hall, six):
    hall.choose("127.30.1.2")
    hall.keep.choices.add_targets([f"[::1]:{six.port}"], MONDAY)
    found = hall.search()
    assert [one["address"] for one in found["found"] if one["printer"]] == ["127.30.1.2", "::1"]
    assert hall.known() == {SECOND.truth.serial: "127.30.1.2", FIRST.truth.serial: "::1"}
    assert {one["address"]: one["printer"] for one in hall.read()} == {"127.30.1.2": True, "::1": True}


def test_an_excluded_ipv6_address_gets_no_packet(hall, six):
    hall.keep.choices.add_targets([f"[::1]:{six.port}"], MONDAY)
    hall.keep.choices.add_targets(["::/64"], MONDAY, excluded=True)
    with pytest.raises(finding.NothingToSearch):
        hall.search()
    assert six.packets == 0


def test_a_printer_with_both_kinds_of_address_is_one_and_asked_by_ipv4(hall, six):
    hall.lab.place(at(FIRST, "127.30.1.1"))
    hall.keep.choices.add_targets([f"[::1]:{six.port}"], MONDAY)
    hall.choose("127.30.1.1")
    assert hall.search()["printers"] == 1
    assert hall.known() == {FIRST.truth.serial: "127.30.1.1"}


@pytest.fixture
def dns(monkeypatch):
    """Names and their addresses; what is not in it nobody knows."""
    known = {}
    genuine = socket.getaddrinfo

    def look_up(name, *more, **others):
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [one for address in known[name] for one in genuine(address, *more, **others)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def asked(hall):
    return {address for address, tally in hall.lab.report()["per address"].items() if tally["packets"]}


def test_a_printer_known_by_name_is_followed_where_its_name_leads(hall, dns):
    """It stays one device, and its old address is no longer asked, though a range covers that, too."""
    hall.choose("copier", "127.30.1.1")
    dns["copier"] = ["127.30.1.1"]
    hall.search()
    assert [one["printer"] for one in hall.read()] == [True]
    hall.move(FIRST, "127.30.1.1", "127.30.1.5")
    dns["copier"] = ["127.30.1.5"]
    hall.lab.forget()
    assert [(one["address"], one["printer"]) for one in hall.read()] == [("127.30.1.5", True)]
    assert hall.known() == {FIRST.truth.serial: "127.30.1.5"}
    assert asked(hall) == {"127.30.1.5"}


def test_while_nobody_knows_its_name_a_printer_is_not_asked(hall, dns):
    """Its last address may be another device's by now."""
    hall.choose("copier")
    dns["copier"] = ["127.30.1.1"]
    hall.search()
    hall.lab.forget()
    del dns["copier"]
    (outcome,) = hall.read()
    assert (outcome["answered"], "not known to the network now (copier)" in outcome["error"]) == (False, True)
    assert asked(hall) == set()
    dns["copier"] = ["127.30.1.1"]
    assert hall.read()[0]["printer"]


def test_of_several_addresses_of_a_name_the_one_that_answers_is_read(hall, dns):
    hall.choose("copier")
    dns["copier"] = ["127.30.1.1"]
    hall.search()
    dns["copier"] = ["127.30.1.77", "127.30.1.1"]
    assert [(one["address"], one["printer"]) for one in hall.read()] == [("127.30.1.1", True)]
    hall.move(FIRST, "127.30.1.1", "127.30.1.78")
    dns["copier"] = ["127.30.1.77", "127.30.1.78"]
    assert [(one["address"], one["printer"]) for one in hall.read()] == [("127.30.1.78", True)]
    assert hall.known() == {FIRST.truth.serial: "127.30.1.78"}
    hall.lab.down("127.30.1.78")
    assert [(one["address"], one["answered"]) for one in hall.read()] == [("127.30.1.77", False)]


def test_an_excluded_address_is_not_asked_where_a_name_leads_to_it(hall, dns):
    hall.choose("copier")
    dns["copier"] = ["127.30.1.1"]
    hall.search()
    hall.choose("127.30.1.2", excluded=True)
    dns["copier"] = ["127.30.1.2"]
    hall.lab.forget()
    hall.read()
    assert asked(hall) == set()


def test_a_printer_that_moved_is_found_and_read_in_the_same_wake(hall):
    """Only near its last address, where it may be asked, and not where the others just answered."""
    hall.choose("127.30.1.1-9", "127.30.2.1-9")
    hall.wake()
    hall.move(FIRST, "127.30.1.1", "127.30.1.5")
    hall.lab.forget()
    hall.now += timedelta(hours=1)
    woken = hall.wake()
    assert (woken["searched"], woken["read"], woken["silent"], woken["found_again"]) == (False, 3, 0, 1)
    assert hall.known()[FIRST.truth.serial] == "127.30.1.5"
    assert len(hall.known()) == 3
    assert asked(hall) == {f"127.30.1.{place}" for place in range(1, 10)}
    assert hall.lab.packets_to("127.30.1.2") <= 2  # its read, and no search


def test_a_printer_that_is_off_is_looked_for_once_a_day_and_not_for_ever(hall):
    hall.choose("127.30.1.1-9")
    hall.wake()
    hall.lab.down("127.30.1.1")
    sought = []
    for hours in (1, 2, 24, 26, 72, 24 * 9):
        hall.now = MONDAY + timedelta(hours=hours)
        hall.keep.notes.put_instant(finding.LAST_SEARCH, hall.now)
        hall.lab.forget()
        hall.wake()
        sought.append(hall.lab.packets_to("127.30.1.7") > 0)
    assert sought == [True, False, False, True, True, False]


def test_a_printer_that_was_not_asked_is_not_silent(hall):
    """One is off, no target covers another one now, and one is left alone: only the first was asked in vain."""
    hall.choose("127.30.1.1", "127.30.1.2", "127.30.1.9")
    hall.wake()
    hall.lab.down("127.30.1.1")
    hall.now += timedelta(hours=1)
    hall.keep.choices.remove_targets([f"127.30.1.2:{hall.lab.port}"], hall.now)
    hall.keep.keep_rest(
        hall.keep.devices.at("127.30.1.9", hall.lab.port).id, after_trouble(None, FELL_SILENT, hall.now)
    )
    hall.keep.notes.put_instant(finding.LAST_SEARCH, hall.now + timedelta(minutes=1))
    woken = hall.wake()
    assert (woken["read"], woken["silent"], len(woken["left_alone"])) == (0, 1, 1)


def test_two_printers_that_swapped_addresses_stay_two_in_a_wake(hall):
    hall.choose("127.30.1.1-9")
    hall.wake()
    hall.lab.place(at(FIRST, "127.30.1.2"))
    hall.lab.place(at(SECOND, "127.30.1.1"))
    hall.now += timedelta(hours=1)
    woken = hall.wake()
    assert (woken["read"], woken["silent"]) == (3, 0)
    assert hall.known() == {
        FIRST.truth.serial: "127.30.1.2",
        SECOND.truth.serial: "127.30.1.1",
        THIRD.truth.serial: "127.30.1.9",
    }
    assert [one.silent_since for one in hall.keep.devices.all()] == [None] * 3


def test_a_printer_whose_address_another_one_took_is_looked_for_at_once(hall):
    """The lease ran out: another printer answers where it was, and it is somewhere else."""
    hall.choose("127.30.1.1-9")
    hall.wake()
    hall.move(SECOND, "127.30.1.2", "127.30.1.1")
    hall.lab.place(at(FIRST, "127.30.1.6"))
    hall.now += timedelta(hours=1)
    woken = hall.wake()
    assert woken["found_again"] == 1
    assert hall.known() == {
        FIRST.truth.serial: "127.30.1.6",
        SECOND.truth.serial: "127.30.1.1",
        THIRD.truth.serial: "127.30.1.9",
    }


def test_the_first_name_that_leads_to_a_place_is_its_name():
    assert named_at({"a": [("10.0.0.1", 161)], "b": [("10.0.0.1", 161), ("10.0.0.2", 161)]}) == {
        ("10.0.0.1", 161): "a",
        ("10.0.0.2", 161): "b",
    }


def test_who_is_where_it_was_keeps_its_place(keep, a_read):
    """Another printer's name leads to where this one is known to be: it is asked once, as this one."""
    keep.keep_read(a_read(1, address="10.0.0.1"), {}, known_as="copier")
    keep.keep_read(a_read(2, address="10.0.0.2"), {})
    placed = where_to_ask(keep.devices.all()[::-1], {"copier": [("10.0.0.2", 161)]})
    assert [(spot, one.device.identity.serial) for spot, one in placed.items()] == [
        (("10.0.0.2", 161), a_read(2).identity.serial)
    ]


@pytest.mark.parametrize(
    ("address", "segments", "first", "last"),
    [
        ("10.1.2.3", [], "10.1.2.0", "10.1.2.255"),
        ("10.1.2.3", ["10.1.0.0/22", "10.1.2.0/25", "10.0.0.0/8"], "10.1.2.0", "10.1.2.127"),
        ("10.1.3.3", ["10.1.0.0/22", "10.1.2.0/25"], "10.1.0.0", "10.1.3.255"),
        ("10.1.2.3", ["10.0.0.0/8"], "10.1.2.0", "10.1.2.255"),
        ("2001:db8::7", [], "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
    ],
)
def test_a_printer_is_looked_for_in_its_segment(address, segments, first, last):
    near = finding.neighbourhood(address, segments)
    assert [targets.written(number, near.version) for number in (near.first, near.last)] == [first, last]


def test_the_budget_holds_for_all_that_a_search_and_a_read_send(hall):
    """Sweep, identification and reads spend from one pace; the packets are those that the lab counted."""
    slow = replace(QUICK, packets_per_second=150)
    hall.choose("127.30.1.1-40")
    began = time.monotonic()
    finding.search(hall.keep, slow, lambda: MONDAY)
    list(read_known(hall.keep, slow, lambda: MONDAY))
    sent = hall.lab.report()["requests"]
    assert sent > 80
    assert time.monotonic() - began >= (sent - 3) / 150


WATCHED = """
import sys
ports = set()
sys.addaudithook(lambda event, given: ports.add(given[1][1]) if event == "socket.sendto" else None)
from flexprint_agent.cli import main
status = main(sys.argv[1:])
print(sorted(ports))
sys.exit(status)
"""


def test_a_search_sends_to_the_chosen_port_and_to_no_other(hall, tmp_path):
    """Not to 9100, 515, 631 or 80, whoever answers: every destination of the whole process."""
    home = tmp_path / "another"
    run = functools.partial(subprocess.run, capture_output=True, text=True, check=True)
    words = [sys.executable, "-c", WATCHED, "--home", str(home)]
    for setting, value in (*((name, "off") for name in BEYOND_LOOPBACK), ("search_timeout", "0.3")):
        run([*words, "settings", setting, value])
    run([*words, "add", f"127.30.1.1-9:{hall.lab.port}"])
    searched = run([*words, "search", "--json"]).stdout.splitlines()
    assert json.loads(searched[0])["printers"] == 3
    assert json.loads(searched[1]) == [hall.lab.port]
