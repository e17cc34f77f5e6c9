"""Answers -> a read. Pure: the same answers always give the same read."""

from datetime import datetime

from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.meters import count
from flexprint_agent.read.objects import SYS_UP_TIME
from flexprint_agent.read.status import alerts, status
from flexprint_agent.read.supplies import colorants_of, prints_colour, supplies
from flexprint_shared.identity import is_placeholder
from flexprint_shared.readings import LONGEST_TEXT, Identity, Meter, Read, Supply


def interpret(speaker: Speaker, *, address: str, port: int, read_at: datetime) -> Read:
    """The read of a printer that said all this at `read_at`.

    Never fails, whatever a device sends: what makes no sense is left out, and a warning says what matters.
    """
    answers = speaker.answers
    identity = speaker.identity()
    counted = count(answers, speaker.vendors)
    colorants = colorants_of(answers)
    found = supplies(answers, speaker.charset, colorants)
    uptime = answers.integer(SYS_UP_TIME)
    meters = counted.in_order()
    warnings = (*_of_identity(identity), *_of_contents(meters, found), *counted.warnings)
    return Read(
        address=address,
        port=port,
        read_at=read_at,
        identity=identity,
        uptime_s=None if uptime is None or uptime < 0 else uptime // 100,
        color=prints_colour(answers, found, colorants),
        meters=meters,
        supplies=found,
        status=status(answers, speaker.console_charset, speaker.panel()),
        alerts=alerts(answers, speaker.charset),
        warnings=tuple(warning[:LONGEST_TEXT] for warning in warnings),
        evidence=tuple(counted.evidence),
    )


def _of_identity(identity: Identity) -> list[str]:
    if identity.serial and is_placeholder(identity.serial, identity.model):
        return [f"the serial number {identity.serial} is a placeholder: it identifies no device"]
    return []


def _of_contents(meters: tuple[Meter, ...], found: tuple[Supply, ...]) -> list[str]:
    if meters:
        return []
    return [
        "nothing readable: a printer that answers neither meters nor supplies" if not found else "no meter is answered"
    ]
