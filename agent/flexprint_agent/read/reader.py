"""The conversations of a read: what a device is asked, in which order, in as few packets as it can bear.

    a GET of the system group                who is there; every agent has it, v1 or v2c
    a GETNEXT of some twenty columns         printer or not, and nearly all of who it is and what it counted
    a GET of what those rows pointed to      the character set, the maker's own objects
    GETBULKs of the rest                     supplies, console, alerts, addresses

That is seven or eight packets for some 230 values, and two for what is no printer. A known printer is
asked what moves (see `layout`): one or two GETs, and one GETBULK for its alerts. Nothing but these columns
is ever asked, no tree is walked, and no job table is touched.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from flexprint_agent.read import objects as at
from flexprint_agent.read import tables
from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.interpret import interpret
from flexprint_agent.read.layout import Layout, learn
from flexprint_agent.read.objects import Answers, began_again
from flexprint_agent.read.recognise import Verdict, recognise
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Value
from flexprint_agent.snmp.conversation import (
    MOST_OCTETS,
    NO_VALUE,
    Conversation,
    Silent,
    Traits,
    get,
    get_by_next,
    get_next,
    octets_of,
)
from flexprint_agent.snmp.forbidden import leads_to_harm
from flexprint_agent.snmp.walk import walk
from flexprint_shared.readings import Identity, Read

Values = dict[bytes, Value]

# More rows than any printer has; a device that never ends must end somewhere.
_MOST_VALUES: Final = 2000
_MOST_ALERTS: Final = 300


@dataclass(slots=True, frozen=True)
class Found:
    """What a device turned out to be. `reason` says why it is a printer or none. `layout` is to be kept
    and given to the next read; None where the read was not whole or had no meter. `fell_silent` and `restarted`:
    so it did while it was being read."""

    printer: bool
    read: Read | None
    reason: str
    layout: Layout | None = None
    fell_silent: bool = False
    restarted: bool = False


@dataclass(slots=True, frozen=True)
class Sighting:
    """What a search wants to know of a device: printer or not, and which."""

    printer: bool
    reason: str
    identity: Identity


def identify(traits: Traits) -> Conversation[Sighting]:
    """Printer or not in two packets, and in a third who it is. Raises Silent when it does not answer."""
    met = yield from _meet(traits)
    if met.verdict.printer:
        yield from _introduce(met.values, met.speaker, traits)
    return Sighting(met.verdict.printer, met.verdict.reason, Speaker(Answers(met.values)).identity)


def read_device(
    address: str, port: int, read_at: datetime, traits: Traits, layout: Layout | None = None
) -> Conversation[Found]:
    """One read. With the layout of an earlier read only what moves is asked.

    Raises Silent when the device does not answer, and when it falls silent before serial and meters are
    complete: half a read is none. What is missing after that is told in a warning.
    """
    values: Values = {}
    if layout is not None and layout.is_fresh(read_at):
        values = yield from get(layout.asked(), traits)
        hidden = yield from get_by_next(layout.missing(values), traits)
        values |= hidden
        if layout.holds(values, read_at):
            whole = layout.still | values
            missed = yield from _add(whole, at.ALERT_COLUMNS, traits, _MOST_ALERTS)
            read = interpret(Speaker(Answers(whole)), address=address, port=port, read_at=read_at)
            return Found(
                printer=True,
                read=_with(read, missed),
                reason="a known printer",
                layout=layout.with_hidden(hidden),
                fell_silent=missed is not None,
            )
    met = yield from _meet(traits)
    if not met.verdict.printer:
        return Found(printer=False, read=None, reason=met.verdict.reason)
    values = met.values
    restarted = yield from _introduce(values, met.speaker, traits)
    hidden = yield from _hidden_counts(met, traits)
    values |= hidden
    columns = (*_columns(met.speaker.answers), *_counters(Speaker(Answers(values)), met.columns))
    missed = yield from _add(values, columns, traits, _MOST_VALUES)
    speaker = Speaker(Answers(values))
    read = interpret(speaker, address=address, port=port, read_at=read_at)
    if missed and not (read.identity.serial and read.meters):
        raise Silent(missed)
    return Found(
        printer=True,
        read=_with(read, missed),
        reason=met.verdict.reason,
        # A printer without meters may only be starting up: it is asked everything again.
        layout=learn(speaker, read_at, hidden) if read.meters and missed is None else None,
        fell_silent=missed is not None,
        restarted=restarted,
    )


def _with(read: Read, missed: str | None) -> Read:
    if missed is None:
        return read
    return replace(read, warnings=(*read.warnings, f"the read is not whole: {missed}"))


class _Met(NamedTuple):
    """What the system group and first rows told. `columns` are those whose first rows were asked, `alive` the groups of
    the maker's counts in which a walk comes upon something."""

    values: Values
    speaker: Speaker
    verdict: Verdict
    columns: tuple[bytes, ...]
    alive: frozenset[bytes]


def _meet(traits: Traits) -> Conversation[_Met]:
    """System group and first rows: what decides printer or not."""
    values = yield from get(at.SYSTEM, traits)
    speaker = Speaker(Answers(values))
    # A device that says who it is needs no search for signs of every maker.
    own = [table.value for table in tables.counters(speaker.vendors)] if speaker.maker else tables.signs()
    columns = (*at.FIRST_ROWS, *own)
    groups = _walkable(tables.groups_of_counts(speaker.vendors), traits) if speaker.maker else ()
    rows = yield from _first_rows(dict.fromkeys((*columns, *groups)), traits, _room(values))
    alive = frozenset(group for group in groups if any(name.startswith(group) for name in rows))
    # Which counter comes first in a group says nothing of a printer.
    values |= {name: value for name, value in rows.items() if name.startswith(columns)}
    speaker = Speaker(Answers(values))
    return _Met(values, speaker, recognise(speaker), columns, alive)


def _walkable(groups: Iterable[bytes], traits: Traits) -> list[bytes]:
    """Those where a GETNEXT tells more than a GET: with v1 a GET goes on to GETNEXT by itself."""
    return [] if traits.version == ber.V1 else [group for group in groups if not leads_to_harm(group)]


def _introduce(values: Values, speaker: Speaker, traits: Traits) -> Conversation[bool]:
    """Adds what the first rows pointed to, and the objects of the maker's table. Gives whether the device started again
    meanwhile: its clock is asked a second time, in a packet that leaves anyway.

    The speaker knows the first rows. Where they name no maker, the serials and models of all makers are
    asked, and then the table of the one who answered.
    """
    names = [*_rows_of_device(speaker.answers), *tables.objects(speaker.vendors)]
    if traits.version != ber.V1:  # such an agent has no engine, and each object that it lacks costs a packet
        names += [at.ENGINE_ID, at.ENGINE_BOOTS]
    if speaker.maker is None:
        names += tables.objects_of("serial", "model", "ieee1284")
    up = values.pop(at.SYS_UP_TIME, None)
    yield from _ask(values, [at.SYS_UP_TIME, *names], traits)
    if speaker.maker is None:
        yield from _ask(values, tables.objects(Speaker(Answers(values)).vendors), traits, names)
    if up is None:
        return False
    return began_again(ber.integer(up), ber.integer(values.setdefault(at.SYS_UP_TIME, up)))


def _hidden_counts(met: _Met, traits: Traits) -> Conversation[Values]:
    """The meters of the maker's tables that this device answers a walk and no GET: GET gave none of a group in which
    the walk came upon something. Raises Silent."""
    wanted = tables.counts(met.speaker.vendors)
    dumb = met.alive - {tables.group_of(name) for name in wanted if name in met.values}
    looked_for = [name for name in wanted if tables.group_of(name) in dumb]
    return (yield from get_by_next(looked_for, traits, most_octets=_room(met.values)))


def _ask(values: Values, names: Iterable[bytes], traits: Traits, refused: Iterable[bytes] = ()) -> Conversation[None]:
    """Adds what is not there yet and was not refused before."""
    known = {*values, *refused}
    wanted = [name for name in dict.fromkeys(names) if name not in known]
    if wanted:
        values.update((yield from get(wanted, traits, most_octets=_room(values))))


def _rows_of_device(answers: Answers) -> list[bytes]:
    """Rows of the printer's own index where the first row was another device's (MFPs list scanner, disk and
    network too), and the character sets it says its texts are in."""
    device = answers.device
    if device is None:
        return []
    names = [
        at.instance(column, device)
        for column in (at.HR_DEVICE_DESCR, at.HR_DEVICE_ID, at.HR_PRINTER_STATUS, at.HR_PRINTER_ERRORS)
        if answers.column(column)
    ]
    for pointer in (at.GENERAL_LOCALIZATION, at.GENERAL_CONSOLE_LOCALIZATION):
        value = answers.at_device(pointer)
        row = None if value is None else ber.integer(value)
        if row is not None and 0 <= row < 2**31:
            names.append(at.instance(at.LOCALIZATION_CHARSET, device, row))
    return names


def _columns(answers: Answers) -> tuple[bytes, ...]:
    """The columns worth walking: none of a table whose first row nobody answered."""
    wanted = [at.IF_PHYS_ADDRESS]
    if answers.any_under(at.MARKER_TABLE):
        wanted += [at.MARKER_UNIT, at.MARKER_LIFE_COUNT]
    if answers.any_under(at.SUPPLIES_TABLE):
        wanted += [column for column in at.WALKED if column.startswith(at.SUPPLIES_TABLE)]
        if not answers.column(at.SUPPLY_LEVEL):
            wanted.append(at.SUPPLY_MARKER)
    if answers.any_under(at.PRINTER_MIB):
        wanted += [at.COLORANT_VALUE, at.CONSOLE_TEXT, *at.ALERT_COLUMNS]
    return tuple(wanted)


def _counters(speaker: Speaker, first: tuple[bytes, ...]) -> Iterator[bytes]:
    """The columns of the makers' tables of counters, but those of a table whose first row was asked in vain."""
    for table in tables.counters(speaker.vendors):
        if table.value not in first or speaker.answers.any_under(table.value):
            yield from table.columns()


def _add(values: Values, columns: Iterable[bytes], traits: Traits, most: int) -> Conversation[str | None]:
    """Walks the columns into `values`; the words of the silence when the device ceased to answer."""
    try:
        found = yield from walk(tuple(columns), traits, most_values=most, most_octets=_room(values))
    except Silent as silent:
        return str(silent) or "the device ceased to answer"
    values.update(found)
    return None


def _room(values: Values) -> int:
    """Octets that a device may still send in this conversation."""
    return MOST_OCTETS - octets_of(values)


def _first_rows(columns: Iterable[bytes], traits: Traits, most_octets: int) -> Conversation[Values]:
    """The first object under each of these OIDs.

    GETBULK would be no quicker here, and an answer cut short would lose the last columns.
    """
    following = yield from get_next(columns, traits, most_octets=most_octets)
    return {
        name: (tag, content)
        for column, (name, tag, content) in following.items()
        if tag < NO_VALUE and name.startswith(column) and name != column
    }
