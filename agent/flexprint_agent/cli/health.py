"""status, doctor: how it stands, and what is wrong."""

import argparse
import os
from pathlib import Path

from flexprint_agent.cli import show
from flexprint_agent.cli.common import now, opened, say
from flexprint_agent.errors import WrongUsage
from flexprint_agent.wake import walk as walking
from flexprint_agent.wake.health import facts_of, findings, status_of


def status(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        say(chosen, status_of(keep), show.status)
    return 0


def doctor(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        at = now()
        facts = facts_of(keep, at)
        found = [one.as_json() for one in findings(facts)]
        walked = walking.walk(keep, facts, at)
        if chosen.report is not None:
            from flexprint_agent.wake.report import report

            _write(Path(chosen.report), report(keep, walked, found, facts, at))
    say(chosen, {"healthy": not found, "findings": found, "walk": walked}, show.doctor)
    return 1 if found else 0


def _write(path: Path, text: str) -> None:
    try:
        # It names the printers of the site: other accounts of this computer have no business in it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise WrongUsage(f"{path} is there already; name another file for the report") from None
    except OSError as error:
        raise WrongUsage(f"the report cannot be written to {path} ({error.strerror}); name another file") from None
