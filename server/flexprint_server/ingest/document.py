"""What an opened batch has to look like before a single value of it is believed.

The structs say the same as flexprint_shared.batch.document; a test holds the two together. Bounds are what the
wire can carry (SNMP's largest octet string, 64-bit counters), not what a sensible printer would send: a batch
with one odd device must not take the other reads down with it. Texts are cut to size later, where they are stored.
"""

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from flexprint_shared import batch
from flexprint_shared.meters import UNITS, Source, is_meter_name
from flexprint_shared.readings import LARGEST_NUMBER, LONGEST_TEXT, SMALLEST_NUMBER

Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Texts = Annotated[list[Text], Meta(max_length=4000)]
Integer = Annotated[int, Meta(ge=SMALLEST_NUMBER, le=LARGEST_NUMBER)]
Mac = Annotated[str, Meta(pattern="^([0-9a-f]{2}){0,64}$")]
Index = Annotated[int, Meta(ge=0, lt=batch.MOST_READS)]
Port = Annotated[int, Meta(ge=0, le=65535)]
_Entry = TypeVar("_Entry")
# Bounded while it is decoded: the first column that is too long ends the work, whatever else would come.
Column = Annotated[list[_Entry], Meta(max_length=batch.MOST_READS)]
# 1970 to 9999, what both databases can hold.
LATEST: Final = 253_402_300_799_999
Milliseconds = Annotated[int, Meta(ge=0, le=LATEST)]

_SOURCES: Final = frozenset(get_args(Source))
_UNITS: Final = frozenset(UNITS)
_STATES: Final = frozenset(("idle", "printing", "warmup", "other", "unknown"))
_LETTERS: Final = "".join(batch.STATES)


Engine = Annotated[str, Meta(pattern="^[0-9a-f]{10,64}$")]


class Sender(Struct):
    version: Text
    host: Text


class Report(Struct):
    requested_at: Text


class Layout(Struct):
    """What reads of one model have in common. `meters` are (name, unit, OID, source), `supplies` (index, name,
    kind, colour, capacity, unit)."""

    manufacturer: Text | None
    model: Text | None
    sys_object_id: Text | None
    color: bool | None
    meters: Annotated[list[tuple[Text, Text, Text | None, Text]], Meta(max_length=4000)]
    supplies: Annotated[list[tuple[Text, Text, Text, Text | None, Integer | None, Text]], Meta(max_length=4000)]
    types: Annotated[list[Text | None], Meta(max_length=4000)] = []
    parts: Annotated[list[Text | None], Meta(max_length=4000)] = []


class Columns(Struct):
    """One entry a read in each. All are empty in a batch that only asks for a report; those of
    batch.OPTIONAL_COLUMNS also where no read of it says anything there."""

    layout: Column[Index] = []
    at: Column[Milliseconds] = []
    address: Column[Text] = []
    port: Column[Port] = []
    macs: Column[Annotated[list[Mac], Meta(max_length=4000)]] = []
    serial: Column[Text | None] = []
    name: Column[Text | None] = []
    location: Column[Text | None] = []
    contact: Column[Text | None] = []
    asset: Column[Text | None] = []
    firmware: Column[Text | None] = []
    description: Column[Text | None] = []
    uptime_s: Column[Integer | None] = []
    meters: Column[list[Integer]] = []
    levels: Column[list[Integer | None]] = []
    percents: Column[list[Integer | None]] = []
    states: Column[Text] = []
    state: Column[Text] = []
    errors: Column[Texts] = []
    console: Column[Texts] = []
    alerts: Column[Annotated[list[tuple[Text, Integer | None, Text]], Meta(max_length=4000)]] = []
    warnings: Column[Texts] = []
    evidence: Column[Annotated[list[tuple[Text, Text, Text]], Meta(max_length=4000)]] = []
    label: Column[Text | None] = []
    engine: Column[Engine | None] = []
    engine_boots: Column[Integer | None] = []
    supply_serials: Column[Annotated[list[Text | None], Meta(max_length=4000)]] = []
    training: Column[Annotated[list[Text | None], Meta(max_length=4000)]] = []
    typed: Column[tuple[Text | None, Text | None, Text | None] | None] = []


class Document(Struct):
    format: int
    made_at: Text
    agent: Sender
    recipients: Annotated[list[Text], Meta(max_length=1000)]
    report: Report | None
    layouts: Annotated[list[Layout], Meta(max_length=batch.MOST_READS)]
    since: Milliseconds
    reads: Columns


class Unreadable(Exception):
    """The opened octets are not a document whose every part fits. The message says which part does not."""


_decoder: Final = msgspec.json.Decoder(Document)


def decode(octets: bytes) -> Document:
    """The document in `octets`, checked throughout. Raises Unreadable."""
    try:
        document = _decoder.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"the batch's content does not fit format {batch.FORMAT}: {error}") from error
    if document.format != batch.FORMAT:
        raise Unreadable(f"the batch's content is of format {document.format}; this collector reads {batch.FORMAT}")
    for number, layout in enumerate(document.layouts):
        _check_layout(number, layout)
    _check_columns(document)
    return document


def _check_layout(number: int, layout: Layout) -> None:
    if len(layout.types) not in (0, len(layout.meters)) or len(layout.parts) not in (0, len(layout.supplies)):
        raise Unreadable(f"layout {number} has not one type for each meter, or part for each supply")
    for name, unit, _, source in layout.meters:
        if not is_meter_name(name) or unit not in _UNITS or source not in _SOURCES:
            raise Unreadable(f"layout {number} has a meter outside the vocabulary: {name[:80]!r} in {unit[:80]!r}")


def _check_columns(document: Document) -> None:
    columns = document.reads
    count = len(columns.layout)
    for field in columns.__struct_fields__:
        size = len(getattr(columns, field))
        if size != count and not (size == 0 and field in batch.OPTIONAL_COLUMNS):
            raise Unreadable(f"the column {field} has not one entry for each of {count} reads")
    sizes = [(len(layout.meters), len(layout.supplies)) for layout in document.layouts]
    _check_sizes(columns, sizes)
    # What is left of the letters of all supplies, or of the states of all devices, is none of them.
    if "".join(columns.states).strip(_LETTERS):
        bad = next(row for row, states in enumerate(columns.states) if states.strip(_LETTERS))
        raise Unreadable(f"read {bad} has a supply in no known state")
    if not _STATES.issuperset(columns.state):
        bad = next(row for row, state in enumerate(columns.state) if state not in _STATES)
        raise Unreadable(f"read {bad} has a device in no known state")
    if columns.at and max(columns.at) + document.since > LATEST:
        raise Unreadable("a read is later than the year 9999")


def _check_sizes(columns: Columns, sizes: Sequence[tuple[int, int]]) -> None:
    """Each read has a value for each meter and each supply of its layout; `sizes` are how many of both."""
    told = zip(columns.layout, columns.meters, columns.levels, columns.percents, columns.states, strict=True)
    for row, (number, meters, levels, percents, states) in enumerate(told):
        if number >= len(sizes):
            raise Unreadable(f"read {row} names layout {number} of {len(sizes)}")
        counters, supplies = sizes[number]
        if not (len(meters) == counters and len(levels) == len(percents) == len(states) == supplies):
            raise Unreadable(f"read {row} has not one value for each meter and supply of its layout")
    for row, serials in enumerate(columns.supply_serials):
        if len(serials) != sizes[columns.layout[row]][1]:
            raise Unreadable(f"read {row} has not one serial for each supply")
    for row, trained in enumerate(columns.training):
        if len(trained) != len(columns.alerts[row]):
            raise Unreadable(f"read {row} has not one training level for each alert")
