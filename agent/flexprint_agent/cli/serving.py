"""run, service: the process that sleeps and wakes, and how the system starts it."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Final

from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, now, opened, say
from flexprint_agent.keep import Keep
from flexprint_agent.keep.home import sleeper as who_sleeps
from flexprint_agent.service import sleeper
from flexprint_agent.wake import planning
from flexprint_agent.wake.chosen import in_force

_ASLEEP: Final = Path(sleeper.__file__).with_name("asleep.py")


def run(chosen: argparse.Namespace) -> int:
    """Turns this process into the small one that sleeps, where the system can do that."""
    with opened(chosen) as keep:
        planning.plan(keep, in_force(keep), now())
        folder = str(keep.home.absolute())
    if os.name == "posix":
        sys.stdout.flush()
        small = [sys.executable, "-I", "-S", str(_ASLEEP), folder, *_program(folder)]
        os.execv(sys.executable, small)  # noqa: S606 - no shell is meant
    sleeper.stop_on_signals()
    return sleeper.run(folder, _program(folder))


def _program(home: str) -> list[str]:
    """The agent on this home, as words of a command; -P, as nothing is to be imported from where it is started."""
    return [sys.executable, "-P", "-m", "flexprint_agent", "--home", home]


def service(chosen: argparse.Namespace) -> int:
    from flexprint_agent.service.manage import of_this_system, ran

    with opened(chosen) as keep:
        home = keep.home.absolute()
        of_system = of_this_system(
            sys.platform,
            is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
            user_home=Path.home(),
            home=home,
            program=[sys.prefix, sys.base_prefix, str(_ASLEEP.parents[2])],
            run=ran,
        )
        document: dict[str, Any] = {"kind": of_system.kind, "home": str(home), "did": []}
        if chosen.action == "install":
            document["did"] = of_system.install(command_of(str(home), sys.platform))
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


def command_of(home: str, platform: str) -> list[str]:
    """What the system runs: on Windows the small process itself, as that has to tell Windows how it is."""
    if platform == "win32":
        return [sys.executable, "-I", "-S", str(_ASLEEP), "--service", home, *_program(home)]
    return [*_program(home), "run"]


def _next_wake(keep: Keep) -> str | None:
    from flexprint_agent.wake.health import status_of

    at: str | None = status_of(keep)["next_wake_at"]
    return at
