"""A search as a whole: what its finders come upon, what of it is asked, and what is kept."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flexprint_agent import settings
from flexprint_agent.search.finder import Candidate, Finder, Part, Plan
from flexprint_agent.wake import finders, finding
from flexprint_agent.wake.reading import read_known
from lab.office import office
from lab.site import Lab
from lab.six import OverSix

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the simulated site needs Linux")

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FIRST, SECOND, THIRD = [one for one in office() if one.truth and one.truth.maker == "Kyocera"][:3]
QUICK = settings.in_force({"search_timeout": "0.3", "snmp_timeout": "0.5", "snmp_retries": "0"})


def at(printer, address):
    """The printer, moved to another address."""
    return replace(printer, address=address)


class Hall:
    """A few printers in 127.30.1.0/24, and an agent that may search some of it."""

    def __init__(self, keep, lab):
        self.keep, self.lab = keep, lab

    def choose(self, *texts, excluded=False):
        self.keep.choices.add_targets([f"{text}:{self.lab.port}" for text in texts], MONDAY, excluded=excluded)

    def search(self, **manners):
        return finding.search(self.keep, QUICK, lambda: MONDAY, **manners)

    def read(self):
        return list(read_known(self.keep, QUICK, lambda: MONDAY))

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
