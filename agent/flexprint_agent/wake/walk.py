"""The doctor's walk: from this computer's clock to every printer, one line each, and one next step where there is
trouble."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Final

from flexprint_agent.keep import Keep
from flexprint_agent.keep.devices import Device
from flexprint_agent.wake.health import Facts, place
from flexprint_agent.wake.segments import listed
from flexprint_agent.wake.silence import likely_cause
from flexprint_shared.times import parse_rfc3339

_LATE: Final = timedelta(days=3)
"""After so long without an acknowledgement somebody should look, whatever the schedule is."""

_LITTLE_ROOM: Final = 50_000_000

Line = dict[str, Any]
"""step, state (ok, trouble, skipped), told, next_step."""


def walk(keep: Keep, facts: Facts, now: datetime) -> list[Line]:
    """Every step, in the order in which a read goes backwards: the collector first, the printers last."""
    return [
        *(step.as_json() for step in facts.way),
        _enrolment(facts),
        _acknowledgement(keep, facts, now),
        _spool(facts),
        _room(keep),
        _by_itself(facts),
        *_segments(keep),
        *_printers(keep, now),
    ]


def _line(step: str, told: str, next_step: str | None = None) -> Line:
    return {"step": step, "state": "ok" if next_step is None else "trouble", "told": told, "next_step": next_step}


def _enrolment(facts: Facts) -> Line:
    status = facts.status
    if not status["enrolled"]:
        return _line("enrolment", "this agent belongs to no collector", "flexprint-agent enroll --server URL --key KEY")
    if facts.locked is not None:
        return _line("enrolment", "what this agent keeps sealed cannot be opened", facts.locked)
    return _line("enrolment", f"{status['dealer']}, for {status['customer']}, {status['site']}")


def _acknowledgement(keep: Keep, facts: Facts, now: datetime) -> Line:
    last = keep.spool.last_acknowledged_at()
    if last is None:
        told = "the collector has taken nothing yet"
        return _line("acknowledgement", told, "flexprint-agent wake" if facts.status["enrolled"] else "enrol first")
    told = f"the collector last took something on {last:%Y-%m-%d at %H:%M} UTC"
    if last > now:
        return _line("acknowledgement", f"{told}, which is still to come", "correct this computer's clock")
    if now - last > _LATE:
        return _line("acknowledgement", told, "flexprint-agent wake; if it fails, do what it says")
    return _line("acknowledgement", told)


def _spool(facts: Facts) -> Line:
    status = facts.status
    told = (
        f"{status['pending_reads']} reads and {status['waiting_batches']} batches wait, "
        f"{status['refused_batches']} were refused"
    )
    if status["refused_batches"]:
        return _line("spool", told, "flexprint-agent sent shows why; tell your dealer, nothing of them is lost")
    if status["waiting_batches"]:
        return _line("spool", f"{told} ({status['last_error'] or 'not tried yet'})", "flexprint-agent send")
    return _line("spool", told)


def _room(keep: Keep) -> Line:
    free = shutil.disk_usage(keep.home).free
    told = f"{free // 1_000_000:,} MB are free where the reads are kept"
    return _line(
        "disk", told, "make room on this disk, else no further read can be kept" if free < _LITTLE_ROOM else None
    )


def _by_itself(facts: Facts) -> Line:
    following = facts.status["next_wake_at"]
    if following is None:
        told = "nothing wakes this agent by itself; flexprint-agent service install has the system do it"
        return {"step": "service", "state": "skipped", "told": told, "next_step": None}
    return _line("service", f"asleep; it wakes next on {parse_rfc3339(following):%Y-%m-%d at %H:%M} UTC")


def _segments(keep: Keep) -> Iterator[Line]:
    known = [one for one in keep.devices.all() if one.address and not one.is_local]
    for segment in listed(keep.segments.all(), keep.choices.targets(), ()):
        yield _segment(segment, known)


def _segment(segment: dict[str, Any], known: Sequence[Device]) -> Line:
    name, cidr = f"segment {segment['cidr']}", ip_network(segment["cidr"])
    here = [one for one in known if one.address and _within(one.address, cidr)]
    if not segment["selected"]:
        told = f"not selected, so that nothing in it is asked ({segment['addresses']} addresses)"
        return {"step": name, "state": "skipped", "told": told, "next_step": None}
    if not here:
        return _line(name, "selected; no printer is known in it", f"flexprint-agent search, or deselect {cidr}")
    silent = sum(one.silent_since is not None for one in here)
    told = f"{len(here)} printers are known, {len(here) - silent} of them answered when last asked"
    if silent == len(here):
        return _line(name, told, "ask your IT whether UDP port 161 is open from this computer to there")
    return _line(name, told)


def _within(address: str, network: Any) -> bool:
    return ip_address(address.partition("%")[0]) in network


def _printers(keep: Keep, now: datetime) -> Iterator[Line]:
    known = keep.devices.all()
    for one in known:
        if one.silent_since is not None or one.address is None:
            cause = likely_cause(one, known, now)
            yield _line(f"printer {place(one)}", f"did not answer; likely: {cause.likely}", cause.next_step)
