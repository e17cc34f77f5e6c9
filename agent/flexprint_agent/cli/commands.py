"""Every command and the function that does it."""

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from flexprint_agent.cli import capturing, choosing, finding, segments, sending


def _credentials(chosen: argparse.Namespace) -> int:
    from flexprint_agent.cli.credentials import credentials

    return credentials(chosen)


COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "enroll": choosing.enroll,
    "segments": segments.segments,
    "add": choosing.add,
    "exclude": choosing.exclude,
    "remove": choosing.remove,
    "search": finding.search,
    "devices": finding.devices,
    "read": finding.read,
    "probe": finding.probe,
    "capture": capturing.capture,
    "vendors": capturing.vendors,
    "send": sending.send,
    "recipients": choosing.recipients,
    "wake": sending.wake,
    "status": sending.status,
    "doctor": sending.doctor,
    "sent": sending.sent,
    "settings": choosing.change_settings,
    "credentials": _credentials,
}


def run(chosen: argparse.Namespace) -> int:
    return COMMANDS[chosen.command](chosen)
