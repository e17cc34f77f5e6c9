"""run, service: the process that sleeps and wakes, and how the system starts it."""

import argparse
import os
import sys
from typing import Any

from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, now, opened, say
from flexprint_agent.keep import Keep
from flexprint_agent.keep.home import sleeper as who_sleeps
from flexprint_agent.service import manage, sleeper
from flexprint_agent.wake import planning
from flexprint_agent.wake.chosen import in_force


def run(chosen: argparse.Namespace) -> int:
    """Turns this process into the small one that sleeps, where the system can do that."""
    with opened(chosen) as keep:
        planning.plan(keep, in_force(keep), now())
        folder = str(keep.home.absolute())
    program = manage.program(folder)
    if os.name == "posix":
        sys.stdout.flush()
        small = [sys.executable, "-I", "-S", str(manage.ASLEEP), folder, *program]
        os.execv(sys.executable, small)  # noqa: S606 - no shell is meant
    sleeper.stop_on_signals()
    return sleeper.run(folder, program)


def service(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        home = keep.home.absolute()
        of_system = manage.here(home)
        document: dict[str, Any] = {"kind": of_system.kind, "home": str(home), "did": []}
        if chosen.action == "install":
            document["did"] = of_system.install(manage.command_of(str(home), sys.platform))
            if keep.enrolments.get() is None:
                complain(
                    "this agent belongs to no collector yet, so the service has nothing to do until it is enrolled"
                )
        elif chosen.action == "remove":
            document["did"] = of_system.remove()
        state = of_system.state()
        document |= {"installed": state.installed, "running": state.running, "where": state.where, "says": state.says}
        document |= {"asleep": who_sleeps(home), "next_wake_at": _next_wake(keep)}
    say(chosen, document, show.service)
    return 0


def _next_wake(keep: Keep) -> str | None:
    from flexprint_agent.wake.health import status_of

    at: str | None = status_of(keep)["next_wake_at"]
    return at
