"""The doctor's walk behind the collector: enrolment, spool, segments and every silent printer, with the likely cause."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flexprint_agent.keep import Keep
from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.home import SLEEPER
from flexprint_agent.keep.notes import NEXT_WAKE
from flexprint_agent.lock import Lock
from flexprint_agent.service.log import Log
from flexprint_agent.wake.health import facts_of, findings
from flexprint_agent.wake.report import report
from flexprint_agent.wake.silence import likely_cause
from flexprint_agent.wake.walk import walk
from flexprint_shared.readings import Identity

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
PRINTER = Device(
    id=1,
    address="10.1.2.7",
    port=161,
    identity=Identity(manufacturer="Kyocera", model="ECOSYS P2040dw", serial="VD1", macs=()),
    meters={},
    first_seen_at=YESTERDAY,
    last_read_at=YESTERDAY,
    silent_since=YESTERDAY,
    granted_by=None,
    known_as=None,
    was_at=None,
    sought_at=None,
)


def at(address, *, silent=False, **facts):
    return replace(PRINTER, address=address, silent_since=YESTERDAY if silent else None, **facts)


@pytest.mark.parametrize(
    ("one", "others", "likely", "step"),
    [
        (at("10.1.2.7", silent=True), [], "it is off", "UDP port 161"),
        (at("10.1.2.7", silent=True), [at("10.1.2.8")], "1 others in 10.1.2.0/24 answer", "SNMP"),
        (at("10.1.2.7", silent=True), [at("10.1.9.8")], "it is off", "UDP port 161"),
        (at("10.1.2.7", silent=True), [at("10.1.2.8", silent=True)], "all 2 printers known", "VPN"),
        (at("fd00::7", silent=True), [at("fd00::8", silent=True)], "all 2 printers known in fd00::/64", "VPN"),
        (at("fe80::7%eth0", silent=True), [], "it is off", "UDP port 161"),
        (at(None, silent=True, was_at="10.1.2.7"), [], "another device answers at 10.1.2.7", "search"),
        (at("10.1.2.7", silent=True, last_read_at=None), [], "never told its meters", "credentials"),
        (at("usb:front", silent=True, port=0), [], "cable", "cable"),
        (replace(PRINTER, silent_since=NOW - timedelta(days=40)), [], "silent since 2026-10-14", "exclude 10.1.2.7"),
    ],
)
def test_the_likely_cause_of_a_silence_comes_with_one_step(one, others, likely, step):
    cause = likely_cause(one, [one, *others], NOW)
    assert likely in cause.likely
    assert step in cause.next_step


def lines(keep, now=NOW):
    return {one["step"]: one for one in walk(keep, facts_of(keep, now), now)}


def test_an_agent_that_was_just_installed_is_told_what_comes_next(keep):
    walked = lines(keep)
    assert walked["enrolment"]["state"] == "trouble"
    assert "enroll" in walked["enrolment"]["next_step"]
    assert walked["disk"]["state"] == "ok"
    assert all((one["next_step"] is None) == (one["state"] != "trouble") for one in walked.values())


def test_each_segment_says_what_is_known_in_it(keep, a_read):
    keep.choices.add_targets(["10.1.2.0/24", "10.1.3.0/24"], NOW)
    with keep.database.transaction():
        keep.devices.found(a_read().identity, "10.1.2.7", 161, NOW)
    walked = lines(keep)
    assert "1 printers are known, 1 of them answered" in walked["segment 10.1.2.0/24"]["told"]
    assert "search" in walked["segment 10.1.3.0/24"]["next_step"]


def test_a_full_disk_is_seen_before_it_is_full(keep, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1_000_000})())
    assert lines(keep)["disk"]["state"] == "trouble"


def test_whether_anything_wakes_it_by_itself_is_said_and_is_no_trouble(keep):
    """Some sites have `wake` started by a scheduler of their own."""
    told = lines(keep)["service"]
    assert told["state"] == "skipped"
    assert "flexprint-agent service install" in told["told"]
    keep.notes.put_instant(NEXT_WAKE, NOW)
    with Lock(str(keep.home / SLEEPER), "asleep"):
        assert "wakes next on 2026-11-23 at 08:00 UTC" in lines(keep)["service"]["told"]


def test_the_report_holds_no_secret(keep):
    """It is mailed to the dealer: what opens a door must not be in it."""
    secrets = ["hidden-community", "hidden-password"]
    keep.choices.set(
        {"communities": secrets[0], "proxy_password": secrets[1], "proxy_user": "office"},
        {"communities", "proxy_password"},
    )
    told = reported(keep)
    assert not any(secret in told for secret in secrets)
    assert "proxy_password: (set, secret)" in told
    assert "proxy_user: (set)" in told
    assert "Workbooks go to nobody." in told


def reported(keep):
    facts = facts_of(keep, NOW)
    return report(keep, walk(keep, facts, NOW), [one.as_json() for one in findings(facts)], facts, NOW)


def test_the_report_is_read_from_the_top_and_masked_as_reads_are(keep, a_read):
    """By a help desk: what is wrong first, then who, then what holds and whose choice it is, the printers, the log."""
    identity = Identity("Kyocera", "P2040", "VD1", name="front-desk\x1b[2J", contact="Ada")
    keep.keep_read(a_read(1, identity=identity, address="10.9.8.7"), {})
    keep.keep_silence(keep.devices.all()[0].id, NOW)
    keep.choices.set({"wakes_per_day": "6", "proxy": "http://10.9.8.1:3128"}, ())
    keep.handed.put_settings({"wakes_per_day": "2", "packets_per_second": "many"}, "1")
    keep.credentials.add("10.9.8.0/24", {"user": "meter", "auth": "MD5", "auth_password": "a good password"})
    Log(keep.home).line("front-desk\x1b[2J fell silent; Ada was told")
    told = reported(keep)
    assert told.startswith("What to do\n")
    assert "wakes_per_day: 2 (set by the dealer; the site: 6)" in told
    assert "packets_per_second: 1000 (default) (the dealer asks for many: packets_per_second cannot be" in told
    assert "P2040 at 10.9.8.7, port 161, serial VD1: last read" in told
    assert "1: SNMPv3 user, MD5/none, for 10.9.8.0/24, refused by 0" in told
    assert "fell silent; Ada was told" in told
    assert "\x1b" not in told
    for mask in ("mask_address", "mask_host", "mask_location", "mask_contact"):
        keep.choices.set({mask: "on"}, ())
    told = reported(keep)
    assert [one for one in ("10.9.8", "front-desk", "Ada") if one in told] == []
    assert "P2040 at masked-" in told


def test_the_report_is_written_though_the_key_is_gone(keep):
    keep.choices.set({"proxy_password": "hidden-password"}, {"proxy_password"})
    (keep.home / "key").unlink()
    with Keep(keep.home) as again:
        told = reported(again)
    assert "cannot be opened" in told
    assert "hidden-password" not in told
