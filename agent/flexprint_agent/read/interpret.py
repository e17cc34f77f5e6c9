"""Answers -> a read. Pure: the same answers always give the same read."""

from collections.abc import Iterator
from datetime import datetime

from flexprint_agent.read import tables
from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.meters import count
from flexprint_agent.read.objects import ENGINE_BOOTS, SUPPLY_NAME, SYS_UP_TIME, Answers
from flexprint_agent.read.status import alerts, status
from flexprint_agent.read.supplies import colorants_of, oddities, prints_colour, supplies
from flexprint_agent.read.text import was_cleaned
from flexprint_shared.identity import is_placeholder
from flexprint_shared.readings import LONGEST_TEXT, Identity, Meter, Read, Supply


def interpret(speaker: Speaker, *, address: str, port: int, read_at: datetime) -> Read:
    """The read of a printer that said all this at `read_at`.

    Never fails, whatever a device sends: what makes no sense is left out, and a warning says what matters.
    """
    answers = speaker.answers
    identity = speaker.identity
    colorants = colorants_of(answers)
    fills = tables.waste_fills(speaker.vendors, speaker.device_descr or speaker.sys_descr)
    found = supplies(answers, speaker.charset, colorants, waste_fills=fills)
    color = prints_colour(answers, found, colorants)
    counted = count(answers, speaker.vendors, mono=color is False)
    uptime = _counted(answers, SYS_UP_TIME)
    counted.prove(*speaker.cleaned(), *_cleaned_names(speaker))
    meters = counted.in_order()
    warnings = (
        *_of_identity(identity),
        *_of_neighbours(answers),
        *_of_contents(meters, found),
        *counted.warnings,
        *oddities(found),
    )
    return Read(
        address=address,
        port=port,
        read_at=read_at,
        identity=identity,
        uptime_s=None if uptime is None else uptime // 100,
        engine_boots=_counted(answers, ENGINE_BOOTS),
        color=color,
        meters=meters,
        supplies=found,
        status=status(answers, speaker.console_charset, speaker.panel()),
        alerts=alerts(answers, speaker.charset),
        warnings=tuple(warning[:LONGEST_TEXT] for warning in warnings),
        evidence=tuple(counted.evidence),
    )


def _counted(answers: Answers, name: bytes) -> int | None:
    number = answers.integer(name)
    return None if number is None or number < 0 else number


def _cleaned_names(speaker: Speaker) -> Iterator[bytes]:
    """The supplies' names from which something was cleaned away."""
    for name in speaker.answers.under(SUPPLY_NAME):
        octets = speaker.answers.octets(name)
        if octets and was_cleaned(octets, speaker.charset):
            yield name


def _of_neighbours(answers: Answers) -> list[str]:
    if len(answers.printers) < 2:
        return []
    listed = ", ".join(map(str, answers.printers[:16]))
    return [f"the device holds several printers (hrDevice {listed}); {answers.device} is the one that is read"]


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
