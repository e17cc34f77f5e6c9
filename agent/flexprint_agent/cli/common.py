"""What every command needs: the home, the settings in force, and where words go."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flexprint_agent.cli import show
from flexprint_agent.keep import Keep
from flexprint_agent.keep.home import default_home


def now() -> datetime:
    return datetime.now(UTC)


def home(chosen: argparse.Namespace) -> Path:
    given = chosen.home or os.environ.get("FLEXPRINT_AGENT_HOME")
    if given:
        return Path(given)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return default_home(os.environ, sys.platform, is_root=is_root, user_home=Path.home())


@contextmanager
def opened(chosen: argparse.Namespace, *, alone: bool = False) -> Iterator[Keep]:
    """The home, opened; `alone` for what sends packets or batches."""
    with Keep(home(chosen)) as keep:
        if keep.notice is not None:
            complain(keep.notice)
        if alone:
            with keep.alone(chosen.command):
                yield keep
        else:
            yield keep


def say(chosen: argparse.Namespace, document: Mapping[str, Any], text: Callable[[Any], str]) -> None:
    """One document on stdout: JSON where it was asked for, words for people otherwise."""
    sys.stdout.write((show.as_json(document) if chosen.json else text(document)) + "\n")


def complain(text: object) -> None:
    sys.stderr.write(f"flexprint-agent: {text}\n")


def confirmed(chosen: argparse.Namespace, question: str) -> bool:
    """Whether the person says yes to something large: on the command line, or asked at a terminal."""
    if chosen.yes:
        return True
    if chosen.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def from_stdin(value: str) -> str:
    """A secret is better not seen in the list of processes: - takes it from standard input."""
    return sys.stdin.readline().rstrip("\r\n") if value == "-" else value
