"""send, wake, status, doctor, sent: what left, what waits, and what is wrong."""

import argparse

from flexprint_agent import wake as waking
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, now, opened, say
from flexprint_agent.cli.progress import progress
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.wake import sending
from flexprint_agent.wake.chosen import in_force
from flexprint_agent.wake.health import facts_of, findings, status_of


def send(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep:
        if chosen.report and not keep.choices.recipients():
            complain("the workbook goes to nobody; add whom with `flexprint-agent recipients add office@example.com`")
        handed = sending.hand_over(keep, in_force(keep), now, report=chosen.report)
    say(chosen, handed.result, show.sent)
    return _failed(handed.failure)


def wake(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep, progress(chosen) as tell:
        woken = waking.wake(keep, in_force(keep), now, tell, _stopping)
    say(chosen, woken.result, show.woken)
    return _failed(woken.failure)


def _stopping() -> None:
    complain("stopping; what was read is being sent (Ctrl-C once more leaves it for the next wake)")


def _failed(failure: AgentError | None) -> int:
    if failure is None:
        return 0
    complain(failure)
    return failure.exit_status


def status(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        say(chosen, status_of(keep), show.status)
    return 0


def doctor(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        found = findings(facts_of(keep, now()))
    say(chosen, {"healthy": not found, "findings": [one.as_json() for one in found]}, show.doctor)
    return 1 if found else 0


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
