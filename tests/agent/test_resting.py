"""A device that reading did no good is left alone for a while, and asked gently afterwards; and that is said."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from flexprint_agent import settings, wake
from flexprint_agent.cli import main
from flexprint_agent.keep.notes import LAST_SEARCH
from flexprint_agent.keep.rests import Rest
from flexprint_agent.snmp.conversation import Traits
from flexprint_agent.wake.finding import search
from flexprint_agent.wake.reading import read_known, read_named
from flexprint_agent.wake.resting import (
    FELL_SILENT,
    LONGEST,
    RESTARTED,
    RESTARTED_AFTER,
    after_success,
    after_trouble,
    gently,
    manner,
    restarted_after,
)
from flexprint_shared.times import rfc3339
from lab.device import FLAWLESS, Quirks
from lab.office import Placed, office
from lab.site import Lab

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KYOCERA = next(one for one in office() if one.truth and one.truth.model == "ECOSYS P2040dw")
MANNERS = {
    "127.36.1.1": FLAWLESS,
    "127.36.1.2": Quirks(silent_after=2),
    "127.36.1.3": Quirks(restarts_on=("1.3.6.1.2.1.43.11",), restart_requests=0),
    "127.36.1.4": Quirks(latency=0.45),
    "127.36.1.5": Quirks(most_bindings=1, beyond="tooBig", bulk="silence"),
}
GOOD, DIES, RESTARTS, SLOW, WEAK = MANNERS


# How long, and how gently


def test_a_rest_grows_with_each_trouble_up_to_a_week():
    rest, lengths = None, []
    for _ in range(8):
        rest = after_trouble(rest, FELL_SILENT, NOON)
        lengths.append(rest.until - rest.since)
    assert lengths[:4] == [HOUR, 4 * HOUR, 16 * HOUR, 64 * HOUR]
    assert lengths[4:] == [LONGEST] * 4


def test_a_read_that_went_well_makes_up_for_one_that_did_not():
    twice = after_trouble(after_trouble(None, FELL_SILENT, NOON), RESTARTED, NOON)
    once = after_success(twice)
    assert (once.times, once.reason, once.lasts(NOON)) == (1, RESTARTED, False)
    assert after_success(once) is None
    assert after_success(None) is None


@pytest.mark.parametrize(("at", "lasts"), [(-1, False), (0, True), (59, True), (60, False)])
def test_a_rest_lasts_until_its_end_and_a_clock_set_back_does_not_prolong_it(at, lasts):
    assert after_trouble(None, FELL_SILENT, NOON).lasts(NOON + timedelta(minutes=at)) is lasts


@pytest.mark.parametrize(
    ("last", "uptime", "after"),
    [
        (NOON - DAY, 86_400 - 60, True),
        (NOON - DAY, 86_400 - 301, False),
        (NOON - DAY, 86_400 + 60, False),
        (NOON - DAY, 3600, False),
        (NOON - DAY, None, False),
        (None, 60, False),
    ],
    ids=["a minute after", "six minutes after", "before", "this morning", "not told", "never read"],
)
def test_a_device_that_started_right_after_it_was_read_may_have_done_so_because_of_it(last, uptime, after):
    assert restarted_after(last, NOON, uptime) is after


def test_a_device_with_trouble_is_asked_gently_and_after_more_of_it_one_by_one():
    known = {"traits": asdict(Traits(version=0)), "layout": "kept"}
    once = after_trouble(None, FELL_SILENT, NOON)
    assert gently(known, None) == known
    assert gently(known, once)["traits"] == asdict(replace(Traits(version=0), bulk=False, most_objects=8))
    assert Traits(**gently({}, after_trouble(once, FELL_SILENT, NOON))["traits"]).most_objects == 1
    assert gently(known, once)["layout"] == "kept"


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        (Traits(), None),
        (Traits(version=0), "SNMP v1 only"),
        (Traits(bulk=False, most_objects=1), "without GETBULK, one object a packet"),
        (Traits(most_objects=5), "at most 5 objects a packet"),
    ],
)
def test_how_a_device_is_asked_is_said_in_words_where_it_is_not_asked_as_any_other(traits, words):
    assert manner(asdict(traits)) == words


# Devices that have trouble


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab(Placed(address, KYOCERA.rows, manners) for address, manners in MANNERS.items()) as lab:
        yield lab


class Site:
    """A home that knows one printer of the lab; its clock is set by hand."""

    def __init__(self, keep, lab, a_read, address):
        self.keep, self.address, self.lab = keep, address, lab
        self.settings = settings.in_force({"snmp_timeout": "0.3", "snmp_retries": "1"})
        self.now = NOON
        keep.choices.add_targets([f"{address}:{lab.port}"], NOON, excluded=False)
        identity = replace(a_read(1).identity, serial=KYOCERA.truth.serial, macs=(KYOCERA.truth.mac,))
        keep.keep_found(identity, address, lab.port, NOON)
        lab.restart(address)
        lab.forget()

    @property
    def device(self):
        return self.keep.devices.at(self.address, self.lab.port)

    def rest(self) -> Rest | None:
        return self.keep.rests.all().get(self.device.id)

    def read(self):
        [outcome] = read_known(self.keep, self.settings, lambda: self.now)
        return outcome

    def packets(self):
        return self.lab.report()["per address"].get(self.address, {}).get("packets", 0)


@pytest.fixture
def site(keep, running, a_read):
    return lambda address: Site(keep, running, a_read, address)


def test_a_printer_that_falls_silent_while_it_is_read_is_left_alone_and_then_asked_again(site):
    dying = site(DIES)
    outcome = dying.read()
    assert outcome["error"]
    assert outcome["trouble"] == FELL_SILENT
    assert dying.rest().until == NOON + HOUR
    sent = dying.packets()
    dying.now += timedelta(minutes=59)
    outcome = dying.read()
    assert (outcome["answered"], outcome["packets"]) == (False, 0)
    assert "fell silent while it was being read on 2026-11-23 at 12:00 UTC and is left alone until" in outcome["error"]
    assert dying.packets() == sent
    dying.now += timedelta(minutes=1)
    dying.lab.restart(DIES)
    dying.read()
    assert dying.packets() > sent
    assert dying.rest().until == dying.now + 4 * HOUR


def test_a_printer_that_restarts_whenever_it_is_asked_for_its_supplies_is_left_alone(site):
    """It is back for the next packet each time; it is not asked that for ever."""
    restarting = site(RESTARTS)
    outcome = restarting.read()
    assert outcome["trouble"] in (RESTARTED, FELL_SILENT)
    assert restarting.rest().lasts(NOON)
    assert restarting.packets() < 30


def test_a_printer_that_restarted_right_after_it_was_read_is_left_alone(site):
    good = site(GOOD)
    assert "trouble" not in good.read()
    # The lab's clock says how long it has been up: no time at all. It was read a minute before that.
    good.lab.restart(GOOD)
    good.now += timedelta(minutes=1)
    assert good.read()["trouble"] == RESTARTED_AFTER
    assert good.rest().until == good.now + HOUR


def test_a_printer_that_is_switched_off_is_only_silent(site):
    """Nothing was done to it: it is asked again at the next wake."""
    off = site(GOOD)
    off.lab.down(GOOD)
    try:
        outcome = off.read()
    finally:
        off.lab.up(GOOD)
    assert not outcome["answered"]
    assert off.rest() is None


def test_a_printer_that_is_only_slow_is_read_and_not_left_alone(site):
    """Its answers come later than the timeout; the retry's answer is the first request's."""
    slow = site(SLOW)
    outcome = slow.read()
    assert outcome["printer"]
    assert slow.rest() is None


def test_good_reads_let_trouble_be_forgotten_and_gentleness_is_not_for_ever(site):
    good = site(GOOD)
    before = good.rest()
    assert before is None
    good.keep.keep_rest(
        good.device.id, after_trouble(after_trouble(None, FELL_SILENT, NOON - DAY), RESTARTED, NOON - DAY)
    )
    good.now = NOON + 10 * DAY
    first = good.read()
    assert first["printer"]
    assert good.rest().times == 1
    assert first["packets"] > 30, "one object a packet"
    assert good.keep.devices.knowledge(good.device.id).get("traits") is None
    good.now += DAY
    good.lab.forget()
    good.read()
    assert good.rest() is None
    good.now += 8 * DAY  # long enough for everything to be asked again
    good.lab.forget()
    good.read()
    assert good.lab.report()["per address"][GOOD]["bulk"] > 0


def test_a_person_who_names_a_printer_is_obeyed(site):
    good = site(GOOD)
    good.keep.keep_rest(good.device.id, after_trouble(None, FELL_SILENT, NOON))
    place = (GOOD, good.lab.port, GOOD)
    [outcome] = read_named(good.keep, good.settings, [place], lambda: good.now)
    assert outcome["printer"]


def test_a_search_does_not_identify_a_printer_that_is_left_alone(site):
    good = site(GOOD)
    good.keep.keep_rest(good.device.id, after_trouble(None, FELL_SILENT, NOON))
    found = search(good.keep, good.settings, lambda: good.now)
    assert GOOD not in [one["address"] for one in found["found"]]
    assert good.packets() <= 2, "what any address gets in a search"


def test_a_broken_engine_gets_one_object_a_packet_at_low_pace_and_that_is_remembered(site):
    weak = site(WEAK)
    outcome = weak.read()
    assert outcome["printer"], outcome["error"]
    assert outcome["seconds"] > 0.05 * (outcome["packets"] - 8)
    traits = weak.keep.devices.knowledge(weak.device.id)["traits"]
    assert (traits["bulk"], traits["most_objects"]) == (False, 1)
    assert manner(traits) == "without GETBULK, one object a packet"


def test_a_wake_says_who_is_left_alone_and_does_not_count_it_as_silent(site):
    good = site(GOOD)
    good.keep.keep_rest(good.device.id, after_trouble(None, FELL_SILENT, NOON))
    good.keep.notes.put_instant(LAST_SEARCH, NOON + timedelta(seconds=1))
    good.now = NOON + timedelta(minutes=1)
    result = wake.wake(good.keep, good.settings, lambda: good.now).result
    assert result["left_alone"] == [{"address": GOOD, "until": "2026-11-23T13:00:00Z", "reason": FELL_SILENT}]
    assert (result["silent"], result["read"], result["packets"]) == (0, 0, 0)
    json.dumps(result)


def test_what_is_kept_of_a_rest_survives_and_ends_with_the_device(site, keep):
    good = site(GOOD)
    rest = after_trouble(None, FELL_SILENT, NOON)
    keep.keep_rest(good.device.id, rest)
    assert good.rest() == rest
    keep.database.write("DELETE FROM devices")
    assert keep.rests.all() == {}


def test_devices_and_doctor_say_who_is_left_alone_until_when_and_why(keep, a_read, agent_on):
    keep.keep_read(a_read(1), {"traits": asdict(Traits(bulk=False, most_objects=1))})
    [device] = keep.devices.all()
    now = datetime.now(UTC).replace(microsecond=0)
    keep.keep_rest(device.id, after_trouble(None, FELL_SILENT, now))
    status, out = agent_on(keep.home, "devices", "--json")
    [told] = json.loads(out)["devices"]
    assert status == 0
    assert told["trouble"]["reason"] == FELL_SILENT
    assert told["trouble"]["left_alone_until"] == rfc3339(now + HOUR)
    assert told["asked"] == "without GETBULK, one object a packet"
    assert "left alone until" in agent_on(keep.home, "devices")[1]
    _, out = agent_on(keep.home, "doctor", "--json")
    [finding] = [one for one in json.loads(out)["findings"] if one["finding"] == "printer-left-alone"]
    assert "fell silent while it was being read" in finding["problem"]


@pytest.fixture
def agent_on(capsys):
    def run(home, *words):
        status = main(["--home", str(home), *words])
        return status, capsys.readouterr().out

    return run
