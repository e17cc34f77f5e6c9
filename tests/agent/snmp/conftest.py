"""What the conversations of these tests are held about."""

from flexprint_agent.snmp import ber
from lab import wire
from lab.recording import Row
from services.conversations import Heard, hold

__all__ = ["ALL", "COLUMNS", "IN_COLUMNS", "MIB", "ROOTS", "TABLE", "Heard", "hold"]


def rows(*columns, instances=7):
    return [
        Row(f"{column}.{instance}", wire.INTEGER, wire.whole(instance * 100))
        for column in columns
        for instance in range(1, instances + 1)
    ]


MIB = "1.3.6.1.2.1.43"
COLUMNS = [f"{MIB}.{table}.1.1.{column}" for table in (10, 11) for column in (2, 3, 4, 5)]
TABLE = [
    Row("1.3.6.1.2.1.1.1.0", wire.OCTET_STRING, b"A printer"),
    Row("1.3.6.1.2.1.1.5.0", wire.OCTET_STRING, b"hall"),
    *rows(*COLUMNS),
    Row("1.3.6.1.4.1.1347.43.10.1.1.12.1.1", wire.COUNTER64, wire.whole(2**40)),
]
ROOTS = [ber.oid(column) for column in COLUMNS]
ALL = {ber.oid(row.oid): (row.tag, row.content) for row in TABLE}
IN_COLUMNS = {name: value for name, value in ALL.items() if name.startswith(tuple(ROOTS))}
