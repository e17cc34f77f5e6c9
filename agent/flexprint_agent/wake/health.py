"""How the agent is: what is wrong, and the next step. `facts_of` looks, `findings` is pure: facts in, findings out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flexprint_agent.keep import Keep
from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.errors import KeepError
from flexprint_agent.keep.home import at_work, sleeper
from flexprint_agent.keep.notes import NEXT_WAKE
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake import local, sending
from flexprint_agent.wake.chosen import in_force, recipients
from flexprint_agent.wake.reading import uncovered
from flexprint_shared.times import rfc3339

if TYPE_CHECKING:
    from flexprint_agent.send.way import Step


@dataclass(slots=True, frozen=True)
class Facts:
    """`status` is the document of `status`, `refused` pairs of batch number and reason, `silent` the printers that did
    not answer when they were last asked, `way` the steps of the way to the collector, `locked` why what is kept
    sealed cannot be opened, `uncovered` the printers that no target covers (`why_uncovered`), `unknown_exclusion` what
    is wrong with an excluded name, `refusals` what devices refuse of SNMPv3 and what mends it, `spooler` why the print
    queues of this computer cannot be listed, `resting` the printers that are left alone for a while and why."""

    status: Mapping[str, Any]
    refused: Sequence[tuple[int, str]]
    silent: Sequence[str]
    way: "Sequence[Step]"
    locked: str | None = None
    uncovered: Sequence[str] = ()
    why_uncovered: str = ""
    unknown_exclusion: str | None = None
    refusals: Sequence[tuple[str, str]] = ()
    spooler: str | None = None
    resting: Sequence[tuple[str, str]] = ()


@dataclass(slots=True, frozen=True)
class Finding:
    name: str
    problem: str
    next_step: str

    def as_json(self) -> dict[str, str]:
        return {"finding": self.name, "problem": self.problem, "next_step": self.next_step}


_TROUBLE: Final = {
    "clock": "This computer's clock is wrong",
    "certificate": "The collector could not prove who it is",
}


def findings(facts: Facts) -> list[Finding]:
    """What keeps reads from the collector comes first."""
    status = facts.status
    found = []
    if not status["enrolled"]:
        found.append(
            Finding(
                "not-enrolled",
                "This agent belongs to no collector, so its reads stay here.",
                "flexprint-agent enroll --server URL --key KEY (your dealer gives you both)",
            )
        )
    if facts.locked is not None:
        found.append(
            Finding("key-missing", "The signing key or another secret of this agent cannot be opened.", facts.locked)
        )
    found += [
        Finding(
            "clock-wrong" if step.name == "clock" else "collector-unreachable",
            f"{_TROUBLE.get(step.name, 'The collector cannot be reached')}: {step.told}.",
            step.next_step or "",
        )
        for step in facts.way
        if step.state == "trouble"
    ]
    if status["waiting_batches"]:
        reason = status["last_error"] or "they have not been tried yet"
        found.append(
            Finding(
                "batches-waiting",
                f"{_waiting(status['waiting_batches'])} to be taken by the collector ({reason}).",
                "flexprint-agent send (nothing is lost meanwhile)",
            )
        )
    found += [
        Finding("batch-refused", f"Batch {number} was refused for good: {reason}", f"flexprint-agent sent {number}")
        for number, reason in facts.refused
    ]
    if not status["printers"] and not status["targets"]:
        found.append(
            Finding(
                "no-targets",
                "No printer is known, and nothing was chosen to be searched beside the networks of this computer.",
                "flexprint-agent segments, select what is to be searched, then flexprint-agent search",
            )
        )
    elif not status["printers"]:
        found.append(Finding("no-printers", "No printer is known.", "flexprint-agent search"))
    if facts.unknown_exclusion is not None:
        found.append(
            Finding("exclusion-unknown", "No printer is asked, as it might be excluded.", facts.unknown_exclusion)
        )
    if facts.uncovered:
        found.append(
            Finding(
                "printers-uncovered",
                f"Known, and not read ({len(facts.uncovered)}): {_few(facts.uncovered)}",
                facts.why_uncovered,
            )
        )
    found += [
        Finding("snmpv3-refused", problem, f"{step} (flexprint-agent credentials remove and add), then read it again")
        for problem, step in facts.refusals
    ]
    if facts.spooler is not None:
        found.append(Finding("spooler-unreachable", "The print queues of this computer are not known.", facts.spooler))
    found += [
        Finding(
            "printer-left-alone",
            f"{place} is left alone for a while: {why}.",
            "flexprint-agent read with its address asks it now; if it goes on, exclude it and ask your dealer",
        )
        for place, why in facts.resting
    ]
    if facts.silent:
        found.append(
            Finding(
                "printers-silent",
                f"{_printers(len(facts.silent))} did not answer: {_few(facts.silent)}",
                "check that they are on, then flexprint-agent read; flexprint-agent search finds those that moved",
            )
        )
    if not status["recipients"]:
        found.append(
            Finding("no-recipients", "Workbooks go to nobody.", "flexprint-agent recipients add office@example.com")
        )
    return found


def _waiting(count: int) -> str:
    return "1 batch waits" if count == 1 else f"{count:,} batches wait"


def _printers(count: int) -> str:
    return "1 printer" if count == 1 else f"{count:,} printers"


def _few(places: Sequence[str]) -> str:
    return ", ".join(places[:5]) + (" ..." if len(places) > 5 else "")


def place(one: Device) -> str:
    return f"{one.identity.model or 'printer'} at {one.address or 'an unknown address'}"


def _instant(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def status_of(keep: Keep) -> dict[str, Any]:
    """The document of `status`."""
    enrolment = keep.enrolments.get()
    waiting = keep.spool.next_waiting()
    return {
        "enrolled": enrolment is not None,
        "collector": enrolment.server if enrolment else None,
        "dealer": enrolment.dealer if enrolment else None,
        "customer": enrolment.customer if enrolment else None,
        "site": enrolment.site if enrolment else None,
        "agent": str(enrolment.agent) if enrolment else None,
        "home": str(keep.home),
        "at_work": at_work(keep.home) is not None,
        "pending_reads": keep.spool.pending(),
        "waiting_batches": keep.spool.count("waiting"),
        "refused_batches": keep.spool.count("refused"),
        "last_error": waiting[0].last_error if waiting else None,
        "last_wake_at": _instant(keep.wakes.last_at()),
        "next_wake_at": _instant(keep.notes.instant(NEXT_WAKE)) if sleeper(keep.home) else None,
        "last_acknowledged_at": _instant(keep.spool.last_acknowledged_at()),
        "printers": keep.devices.count(),
        "targets": keep.choices.targets(),
        "exclusions": keep.choices.exclusions(),
        "recipients": recipients(keep),
    }


def facts_of(keep: Keep, at: datetime, *, reach: bool = True) -> Facts:
    """What there is to know; with `reach` the collector is asked whether it answers, which takes its time where it does
    not."""
    locked = _locked(keep)
    without, why, unknown = _unasked(keep)
    refusals = {} if locked else _refusals(keep)
    return Facts(
        status=status_of(keep),
        refused=[(one.number, one.last_error or "") for one in keep.spool.batches() if one.state == "refused"],
        silent=[
            place(one)
            for one in keep.devices.all()
            if one.silent_since is not None and (one.address, one.port) not in refusals
        ],
        resting=_resting(keep, at),
        refusals=[refusal for found in refusals.values() for refusal in found],
        # Without its secrets the agent does not know its proxy.
        way=_way(keep, at) if reach and not locked else [],
        locked=locked,
        uncovered=without,
        why_uncovered=why,
        unknown_exclusion=unknown,
        spooler=local.trouble(in_force(keep)) if not locked else None,
    )


def _resting(keep: Keep, at: datetime) -> list[tuple[str, str]]:
    """The printers that are left alone now, and why."""
    rests = keep.rests.all()
    lasting = [(one, rests[one.id]) for one in keep.devices.all() if one.id in rests and rests[one.id].lasts(at)]
    return [
        (
            place(one),
            f"{rest.reason}, on {rest.since:%Y-%m-%d at %H:%M} UTC; asked again after {rest.until:%Y-%m-%d %H:%M} UTC",
        )
        for one, rest in lasting
    ]


def _locked(keep: Keep) -> str | None:
    """Why what is kept sealed cannot be opened; None when it can."""
    enrolment = keep.enrolments.get()
    try:
        keep.choices.secrets()
        keep.credentials.all()
        if enrolment is not None:
            keep.enrolments.sealer(enrolment)
    except KeepError as error:
        return str(error)
    return None


def _refusals(keep: Keep) -> dict[tuple[str | None, int], list[tuple[str, str]]]:
    """By place, what devices refuse of SNMPv3: the problem and the step that mends it."""
    refused = keep.credentials.refusals()
    if not refused:
        return {}
    from flexprint_agent.snmp.v3 import FAULTS, UNANSWERED, Refusal
    from flexprint_agent.wake.credentials import user_of

    users = {one.number: user_of(one.facts) for one in keep.credentials.all() if "user" in one.facts}
    found: dict[tuple[str | None, int], list[tuple[str, str]]] = {}
    for one in refused:
        refusal = Refusal(users[one.credential], FAULTS.get(one.fault, UNANSWERED))
        device = keep.devices.at(one.address, one.port)
        where = place(device) if device else f"The device at {one.address}, port {one.port},"
        told = f"{where} refuses credential {one.credential}: {refusal}."
        found.setdefault((one.address, one.port), []).append((told, refusal.fault.next_step))
    return found


def _unasked(keep: Keep) -> tuple[list[str], str, str | None]:
    """The known printers that no target covers, why, and what is wrong with an exclusion."""
    try:
        without, why = uncovered(keep)
    except UnknownExclusion as error:
        return [], "", str(error)
    return [place(one) for one in without], why, None


def _way(keep: Keep, at: datetime) -> "list[Step]":
    """The way to the collector; nothing where there is none."""
    enrolment = keep.enrolments.get()
    if enrolment is None:
        return []
    from flexprint_agent.send.way import walk

    return walk(sending.route(enrolment, in_force(keep)), at)
