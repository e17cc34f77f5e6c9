"""run: the process that sleeps and wakes."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from flexprint_agent.cli.common import now, opened
from flexprint_agent.service import sleeper
from flexprint_agent.wake import planning
from flexprint_agent.wake.chosen import in_force

ASLEEP: Final = Path(sleeper.__file__).with_name("asleep.py")


def run(chosen: argparse.Namespace) -> int:
    """Turns this process into the small one that sleeps, where the system can do that."""
    with opened(chosen) as keep:
        planning.plan(keep, in_force(keep), now())
        folder = str(keep.home.absolute())
    program = [sys.executable, "-P", "-m", "flexprint_agent", "--home", folder]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-I", "-S", str(ASLEEP), folder, *program])  # noqa: S606 - no shell is meant
    sleeper.stop_on_signals()
    return sleeper.run(folder, program)
