"""Every command and the function that does it.

Only the module of the command that was typed is imported: the others would be paid for at every wake.
"""

import argparse
from collections.abc import Callable

Command = Callable[[argparse.Namespace], int]


def run(chosen: argparse.Namespace) -> int:
    return function_of(chosen.command)(chosen)


def function_of(command: str) -> Command:
    match command:
        case "send" | "wake" | "sent":
            return _of_sending()[command]
        case "status" | "doctor":
            return _of_health()[command]
        case "search" | "devices" | "read" | "probe":
            return _of_finding()[command]
        case "capture" | "vendors":
            return _of_capturing()[command]
        case "segments":
            from flexprint_agent.cli.segments import segments

            return segments
        case "run":
            from flexprint_agent.cli.serving import run

            return run
        case "export" | "import":
            from flexprint_agent.cli import carrying

            return carrying.export if command == "export" else carrying.take_back
        case "service":
            from flexprint_agent.cli.serving import service

            return service
        case "page":
            from flexprint_agent.cli.page import page

            return page
        case "credentials":
            from flexprint_agent.cli.credentials import credentials

            return credentials
        case _:
            return _of_choosing()[command]


def _of_sending() -> dict[str, Command]:
    from flexprint_agent.cli import sending

    return {"send": sending.send, "wake": sending.wake, "sent": sending.sent}


def _of_health() -> dict[str, Command]:
    from flexprint_agent.cli import health

    return {"status": health.status, "doctor": health.doctor}


def _of_finding() -> dict[str, Command]:
    from flexprint_agent.cli import finding

    return {"search": finding.search, "devices": finding.devices, "read": finding.read, "probe": finding.probe}


def _of_capturing() -> dict[str, Command]:
    from flexprint_agent.cli import capturing

    return {"capture": capturing.capture, "vendors": capturing.vendors}


def _of_choosing() -> dict[str, Command]:
    from flexprint_agent.cli import choosing

    return {
        "enroll": choosing.enroll,
        "add": choosing.add,
        "exclude": choosing.exclude,
        "remove": choosing.remove,
        "recipients": choosing.recipients,
        "settings": choosing.change_settings,
    }
