"""Tables of counters whose rows move from model to model: which rows hold which meter.

key column     value column          key 10 is the total, 400 the prints: told by a vendor table
....2.1  10    ....9.1   580249
....2.7  400   ....9.7   331020
"""

from collections.abc import Iterator
from dataclasses import dataclass

from flexprint_agent.read.objects import Answers, Index, instance
from flexprint_agent.read.tables import KeyedMeter, RowsTable, key_of
from flexprint_agent.read.text import text_of
from flexprint_agent.snmp import ber


@dataclass(slots=True, frozen=True)
class Pick:
    """The rows of one meter. `values` are the objects that hold its counts, `told` those that say so."""

    name: str
    unit: str
    adds_up: bool
    values: tuple[bytes, ...]
    told: tuple[bytes, ...]


def picks(answers: Answers, table: RowsTable) -> Iterator[Pick]:
    """The meters that this device has a row for, in the order of the table."""
    counts = answers.column(table.value)
    if not counts:
        return
    rows = {index: key for index, key in _keys(answers, table).items() if index in counts and min(index) >= 0}
    units = answers.integers(table.unit) if table.unit else {}
    for meter in table.meters:
        own = {index: key for index, key in rows.items() if key in meter.keys}
        yield from _pick(own, meter, table, units)


def _pick(rows: dict[Index, str], meter: KeyedMeter, table: RowsTable, units: dict[Index, int]) -> Iterator[Pick]:
    for code, unit in meter.units:
        counting = [index for index in rows if code is None or units.get(index) == code]
        if counting and not (meter.all_of and {rows[index] for index in counting} != meter.keys):
            columns = [column for column in (table.key, table.unit) if column is not None]
            yield Pick(
                name=meter.name,
                unit=unit,
                adds_up=meter.adds_up,
                values=tuple(instance(table.value, *index) for index in counting),
                told=tuple(instance(column, *index) for column in columns for index in counting),
            )
            return


def _keys(answers: Answers, table: RowsTable) -> dict[Index, str]:
    if table.key is None:
        return {index: key_of(".".join(map(str, index))) for index in answers.column(table.value)}
    keys = {index: key_of(number) for index, number in answers.integers(table.key).items()}
    for index, (tag, octets) in answers.column(table.key).items():
        if tag == ber.OCTET_STRING:
            keys[index] = key_of(text_of(octets))
    return keys
