"""send, wake, status, doctor, sent: what left, what waits, and what is wrong."""

import argparse
from typing import Any

from flexprint_agent import wake as waking
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, in_force, now, opened, say
from flexprint_agent.cli.doctor import Facts, findings
from flexprint_agent.cli.progress import progress
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.keep.errors import KeepError
from flexprint_agent.keep.home import is_locked
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake import local, sending
from flexprint_agent.wake.reading import uncovered


def send(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep:
        if chosen.report and not keep.choices.recipients():
            complain("the workbook goes to nobody; add whom with `flexprint-agent recipients add office@example.com`")
        handed = sending.hand_over(keep, in_force(keep), now, report=chosen.report)
    say(chosen, handed.result, show.sent)
    return _failed(handed.failure)


def wake(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep, progress(chosen) as tell:
        woken = waking.wake(keep, in_force(keep), now, tell)
    say(chosen, woken.result, show.woken)
    return _failed(woken.failure)


def _failed(failure: AgentError | None) -> int:
    if failure is None:
        return 0
    complain(failure)
    return failure.exit_status


def status(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        say(chosen, _status(keep), show.status)
    return 0


def _status(keep: Keep) -> dict[str, Any]:
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
        "at_work": is_locked(keep.home),
        "pending_reads": keep.spool.pending(),
        "waiting_batches": keep.spool.count("waiting"),
        "refused_batches": keep.spool.count("refused"),
        "last_error": waiting[0].last_error if waiting else None,
        "last_wake_at": show.instant(keep.wakes.last_at()),
        "next_wake_at": None,  # nothing wakes the agent by itself yet
        "last_acknowledged_at": show.instant(keep.spool.last_acknowledged_at()),
        "printers": keep.devices.count(),
        "targets": keep.choices.targets(),
        "exclusions": keep.choices.exclusions(),
        "recipients": keep.choices.recipients(),
    }


def doctor(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        locked = _locked(keep)
        without, why, unknown = _unasked(keep)
        refusals = {} if locked else _refusals(keep)
        facts = Facts(
            status=_status(keep),
            refused=[(one.number, one.last_error or "") for one in keep.spool.batches() if one.state == "refused"],
            silent=[
                show.place(one)
                for one in keep.devices.all()
                if one.silent_since is not None and (one.address, one.port) not in refusals
            ],
            resting=_resting(keep),
            refusals=[refusal for found in refusals.values() for refusal in found],
            # Without its secrets the agent does not know its proxy.
            unreachable=None if locked else _unreachable(keep),
            locked=locked,
            uncovered=without,
            why_uncovered=why,
            unknown_exclusion=unknown,
            spooler=local.trouble(in_force(keep)) if not locked else None,
        )
    found = findings(facts)
    say(chosen, {"healthy": not found, "findings": [one.as_json() for one in found]}, show.doctor)
    return 1 if found else 0


def _resting(keep: Keep) -> list[tuple[str, str]]:
    """The printers that are left alone now, and why."""
    rests, at = keep.rests.all(), now()
    lasting = [(one, rests[one.id]) for one in keep.devices.all() if one.id in rests and rests[one.id].lasts(at)]
    return [
        (
            show.place(one),
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
        where = show.place(device) if device else f"The device at {one.address}, port {one.port},"
        told = f"{where} refuses credential {one.credential}: {refusal}."
        found.setdefault((one.address, one.port), []).append((told, refusal.fault.next_step))
    return found


def _unasked(keep: Keep) -> tuple[list[str], str, str | None]:
    """The known printers that no target covers, why, and what is wrong with an exclusion."""
    try:
        without, why = uncovered(keep)
    except UnknownExclusion as error:
        return [], "", str(error)
    return [show.place(one) for one in without], why, None


def _unreachable(keep: Keep) -> str | None:
    """Why the collector does not answer now; None when it does, or when there is none."""
    enrolment = keep.enrolments.get()
    if enrolment is None:
        return None
    from flexprint_agent.send.client import Collector

    try:
        with Collector(sending.route(enrolment, in_force(keep))) as collector:
            collector.reach()
    except AgentError as error:
        return str(error)
    return None


def sent(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        if chosen.batch is None:
            batches = [show.batch(one) for one in keep.spool.batches() if one.attempts]
            say(chosen, {"batches": batches}, show.batches)
            return 0
        one = keep.spool.batch(chosen.batch)
        if one is None:
            raise WrongUsage(f"there is no batch {chosen.batch}; `flexprint-agent sent` lists them")
        say(chosen, show.batch(one) | {"document": keep.spool.document(one.number)}, show.whole_batch)
    return 0
