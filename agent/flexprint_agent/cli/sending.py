"""send, wake, sent: what leaves, and what left."""

import argparse
import json
from contextlib import AbstractContextManager, nullcontext

from flexprint_agent import wake as waking
from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, home, now, opened, say
from flexprint_agent.cli.progress import progress
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep.notes import LAST_LOG, LAST_TOLD
from flexprint_agent.service.log import diary
from flexprint_agent.service.watchdog import Watchdog, ended_by_signals
from flexprint_agent.wake import planning, sending
from flexprint_agent.wake.chosen import in_force, recipients, secrets_of
from flexprint_agent.wake.finding import Progress


def send(chosen: argparse.Namespace) -> int:
    with opened(chosen, alone=True) as keep:
        if chosen.report and not recipients(keep):
            complain("the workbook goes to nobody; add whom with `flexprint-agent recipients add office@example.com`")
        handed = sending.hand_over(keep, in_force(keep), now, report=chosen.report)
    say(chosen, handed.result, show.sent)
    return _failed(handed.failure)


def wake(chosen: argparse.Namespace) -> int:
    with diary(home(chosen)) as log, ended_by_signals(), opened(chosen, alone=True) as keep, _watched(chosen) as tell:
        log.secrets = secrets_of(keep)
        settings = in_force(keep)
        due = planning.due(keep, settings, now()) if chosen.due else None
        with Watchdog(log.line) as watch:
            woken = waking.wake(keep, settings, now, tell, _stopping, due=due, alive=watch.sign)
        log.line(show.woken_in_a_line(woken.result) + (f"; {woken.failure}" if woken.failure else ""))
    say(chosen, woken.result, show.woken_in_a_line if chosen.due else show.woken)
    return _failed(woken.failure)


def _watched(chosen: argparse.Namespace) -> AbstractContextManager[Progress | None]:
    """How a search gets on, for somebody who looks: nobody does at what the service started."""
    return nullcontext() if chosen.due else progress(chosen)


def _stopping() -> None:
    complain("stopping; what was read is being sent (Ctrl-C once more leaves it for the next wake)")


def _failed(failure: AgentError | None) -> int:
    if failure is None:
        return 0
    complain(failure)
    return failure.exit_status


def sent(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        if chosen.check_in:
            told = keep.notes.get(LAST_TOLD)
            say(chosen, {"check_in": None if told is None else json.loads(told)}, show.told)
            return 0
        if chosen.log:
            left = keep.notes.get(LAST_LOG)
            say(chosen, {"log": None if left is None else json.loads(left)}, show.left_log)
            return 0
        if chosen.batch is None:
            batches = [show.batch(one) for one in keep.spool.batches() if one.attempts or one.exported_at]
            say(chosen, {"batches": batches}, show.batches)
            return 0
        one = keep.spool.batch(chosen.batch)
        if one is None:
            raise WrongUsage(f"there is no batch {chosen.batch}; `flexprint-agent sent` lists them")
        say(chosen, show.batch(one) | {"document": keep.spool.document(one.number)}, show.whole_batch)
    return 0
