"""From read to acknowledgement: what still has to reach the collector.

    pending reads  ->  batch, waiting  ->  acknowledged
                                       ->  refused          kept, shown, never sent again

A read is pending from the moment it was read. Making batches moves all pending reads into numbered, chained and
sealed batches in one transaction, so a read stands in exactly one batch whenever the agent is killed. A batch leaves
the spool only when the collector names its hash.

What is kept afterwards, for people who want to see what left: its clear document for HISTORY, and of all of them
LARGEST_HISTORY octets at most, the newest; its line for LINES. Nothing of a batch that waits or was refused is dropped.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flexprint_agent.keep.database import Database, Row
from flexprint_agent.keep.enrolment import Seal
from flexprint_agent.keep.labels import Labels
from flexprint_agent.keep.leaving import Leaving
from flexprint_agent.keep.notes import REPORT_PERIOD, Notes
from flexprint_shared import batch
from flexprint_shared.readings import Read, Typed
from flexprint_shared.times import from_milliseconds, to_milliseconds

HISTORY: Final = timedelta(days=400)
"""How long the clear document of an acknowledged batch is kept for `sent`."""

LARGEST_HISTORY: Final = 256 << 20
"""Octets of such documents at most: eight months of 2,000 printers that are read four times a day."""

LINES: Final = timedelta(days=5 * 365)
"""How long it is kept that there was such a batch."""

_ENVELOPE: Final = 256
"""Octets that sealing adds to a packed document, rounded up."""

_KEPT_BY: Final = batch.Sender(version="", host="")

_Numbered = list[tuple[int, Read]]
"""Reads, each with its number in the table."""


@dataclass(slots=True, frozen=True)
class Batch:
    """One batch as `status` and `sent` show it. `octets` is its sealed size, `sequence` its place in the chain;
    `exported_at` is when it was last written into a file, `carried` whether a file brought its acknowledgement."""

    number: int
    agent: str
    sequence: int
    hash: bytes
    octets: int
    reads: int
    report_at: datetime | None
    state: str
    attempts: int
    last_error: str | None
    made_at: datetime
    tried_at: datetime | None
    settled_at: datetime | None
    exported_at: datetime | None
    carried: bool


class Spool:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._notes = Notes(database)
        self._labels = Labels(database)

    def put(self, device: int, read: Read) -> None:
        """Keeps one read, pending. Called inside the transaction that also notes the device."""
        body = batch.pack(batch.document([read], made_at=read.read_at, sender=_KEPT_BY))
        self._database.write(
            "INSERT INTO reads (device, read_at, body) VALUES (?, ?, ?)", device, to_milliseconds(read.read_at), body
        )

    def pending(self) -> int:
        return int(self._database.value("SELECT count(*) FROM reads"))

    def unsettled(self) -> int:
        """The reads that the collector has not acknowledged yet, in batches that wait or in none."""
        waiting = self._database.value("SELECT coalesce(sum(reads), 0) FROM batches WHERE state = 'waiting'")
        return self.pending() + int(waiting)

    def count(self, state: str) -> int:
        return int(self._database.value("SELECT count(*) FROM batches WHERE state = ?", state))

    def make_batches(
        self,
        seal: Seal,
        *,
        sender: batch.Sender,
        recipients: Sequence[str],
        now: datetime,
        report_for: str | None = None,
        leaving: Leaving | None = None,
    ) -> int:
        """Moves every pending read into a batch, as it leaves; the number of batches made. All of it happens, or
        nothing.

        `report_for` names the period whose workbook is asked for with the last batch (which has no reads if
        none are pending); that it was asked for is noted in the same transaction.
        """
        with self._database.transaction():
            rows = self._database.rows("SELECT id, device, body FROM reads ORDER BY id")
            labels, leave = self._labels.all(), (leaving or Leaving()).read

            def packed(part: _Numbered, report_at: datetime | None) -> bytes:
                document = batch.document(
                    [read for _, read in part],
                    made_at=now,
                    sender=sender,
                    recipients=recipients,
                    report_requested_at=report_at,
                )
                return batch.pack(document)

            reads = []
            for row in rows:
                (read,) = batch.reads_of(batch.unpack(row["body"]))
                reads.append((row["id"], leave(read, labels.get(row["device"], Typed()))))
            parts = [
                part
                for at in range(0, len(reads), batch.MOST_READS)
                # Measured as if each asked for a workbook, which is the larger.
                for part in _fitting(reads[at : at + batch.MOST_READS], lambda some: packed(some, now))
            ]
            if report_for is not None and not parts:
                parts = [[]]
            for part in parts:
                report_at = now if report_for is not None and part is parts[-1] else None
                self._add(seal, packed(part, report_at), len(part), report_at, now)
            self._database.write("DELETE FROM reads")
            if report_for is not None:
                self._notes.put(REPORT_PERIOD, report_for)
        return len(parts)

    def _add(self, seal: Seal, document: bytes, reads: int, report_at: datetime | None, now: datetime) -> None:
        agent, sequence, previous, hashed, sealed = self._link(seal, document)
        self._database.insert(
            "INSERT INTO batches "
            "(agent, sequence, previous, hash, sealed, document, octets, reads, report_at, state, made_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?)",
            agent,
            sequence,
            previous,
            hashed,
            sealed,
            document,
            len(sealed),
            reads,
            None if report_at is None else to_milliseconds(report_at),
            to_milliseconds(now),
        )

    def _link(self, seal: Seal, document: bytes) -> tuple[str, int, bytes, bytes, bytes]:
        """Seals `document` as the next link of the chain: agent, sequence, previous, hash, sealed."""
        from flexprint_shared.sealing import batch_hash

        chain = self._database.row("SELECT agent, sequence, hash FROM enrolment")
        assert chain is not None, "sealing needs an enrolment, and the caller has one"
        sequence = chain["sequence"] + 1
        sealed = seal(document, sequence, chain["hash"])
        hashed = batch_hash(sealed)
        self._database.write("UPDATE enrolment SET sequence = ?, hash = ?", sequence, hashed)
        return chain["agent"], sequence, chain["hash"], hashed, sealed

    def next_waiting(self, after: int = 0) -> tuple[Batch, bytes] | None:
        """The first batch to send behind batch number `after`, with its sealed octets."""
        row = self._database.row(
            "SELECT * FROM batches WHERE state = 'waiting' AND number > ? ORDER BY number LIMIT 1", after
        )
        return None if row is None else (_batch(row), row["sealed"])

    def acknowledge(self, hashed: bytes, at: datetime, *, carried: bool = False) -> None:
        """The collector has stored the batch with this hash: it leaves the spool. `carried`: a file said so."""
        self._database.write(
            "UPDATE batches SET state = 'acknowledged', sealed = NULL, attempts = attempts + 1, last_error = NULL, "
            "tried_at = ?, settled_at = ?, carried = ? WHERE hash = ? AND state = 'waiting'",
            to_milliseconds(at),
            to_milliseconds(at),
            carried,
            hashed,
        )

    def exported(self, numbers: Iterable[int], at: datetime) -> None:
        """These batches are in a file that somebody may carry; they wait on."""
        with self._database.transaction():
            for number in numbers:
                self._database.write("UPDATE batches SET exported_at = ? WHERE number = ?", to_milliseconds(at), number)

    def attempted(self, number: int, error: str, at: datetime) -> None:
        """The batch could not be handed over; it waits on."""
        self._database.write(
            "UPDATE batches SET attempts = attempts + 1, last_error = ?, tried_at = ? WHERE number = ?",
            error,
            to_milliseconds(at),
            number,
        )

    def set_aside(
        self,
        number: int,
        error: str,
        at: datetime,
        *,
        seal: Seal | None = None,
        newest: tuple[int, bytes] | None = None,
    ) -> None:
        """The collector will never take this batch: it is kept, and the ones behind it go on. A workbook asked
        for with it was not asked for, so the next wake asks again.

        `newest` is the newest batch (sequence, hash) that the collector has of this agent, when it said so: then
        the waiting ones are chained to that one, or each of them would be refused in turn.
        """
        with self._database.transaction():
            self._database.write(
                "UPDATE batches SET state = 'refused', attempts = attempts + 1, last_error = ?, "
                "tried_at = ?, settled_at = ? WHERE number = ?",
                error,
                to_milliseconds(at),
                to_milliseconds(at),
                number,
            )
            if self._database.value("SELECT report_at FROM batches WHERE number = ?", number) is not None:
                self._notes.forget(REPORT_PERIOD)
            if seal is not None and newest is not None:
                self._chain_again(seal, *newest)

    def renumber(self, seal: Seal, newest: tuple[int, bytes]) -> None:
        """Seals all waiting batches anew behind `newest`, the newest batch (sequence, hash) that the collector has of
        this agent: for a home restored from a copy, whose next numbers the collector has seen already."""
        with self._database.transaction():
            self._chain_again(seal, *newest)

    def chain_again(self, seal: Seal) -> None:
        """Seals all waiting batches anew, in order, as links of the current agent's chain: for waiting ones that were
        sealed for an agent which the collector does not know, and so cannot have stored."""
        from flexprint_shared.sealing import NO_BATCH

        with self._database.transaction():
            settled = self._database.row(
                "SELECT sequence, hash FROM batches WHERE state <> 'waiting' AND agent = (SELECT agent FROM enrolment) "
                "ORDER BY sequence DESC LIMIT 1"
            )
            self._chain_again(seal, *(settled or (0, NO_BATCH)))

    def _chain_again(self, seal: Seal, sequence: int, hashed: bytes) -> None:
        """Batches go out in order, so none behind the first waiting one has ever left: their numbers are free."""
        self._database.write("UPDATE enrolment SET sequence = ?, hash = ?", sequence, hashed)
        for row in self._database.rows("SELECT number, document FROM batches WHERE state = 'waiting' ORDER BY number"):
            agent, sequence, previous, hashed, sealed = self._link(seal, row["document"])
            self._database.write(
                "UPDATE batches SET agent = ?, sequence = ?, previous = ?, hash = ?, sealed = ?, octets = ? "
                "WHERE number = ?",
                agent,
                sequence,
                previous,
                hashed,
                sealed,
                len(sealed),
                row["number"],
            )

    def batches(self) -> list[Batch]:
        """Every batch ever made, the newest first."""
        return [_batch(row) for row in self._database.rows("SELECT * FROM batches ORDER BY number DESC")]

    def batch(self, number: int) -> Batch | None:
        # SQLite takes whole numbers of 64 bits, people type what they like.
        row = self._database.row("SELECT * FROM batches WHERE number = ?", number) if number < 1 << 63 else None
        return None if row is None else _batch(row)

    def document(self, number: int) -> dict[str, Any] | None:
        """What batch `number` says, in clear; None once it is history."""
        packed = self._database.value("SELECT document FROM batches WHERE number = ?", number)
        return None if packed is None else batch.unpack(packed)

    def last_acknowledged_at(self) -> datetime | None:
        return _instant(self._database.value("SELECT max(settled_at) FROM batches WHERE state = 'acknowledged'"))

    def last_report_at(self) -> datetime | None:
        """When a workbook was last asked for, by a batch that the collector has or may yet get."""
        return _instant(self._database.value("SELECT max(report_at) FROM batches WHERE state <> 'refused'"))

    def forget_history(self, now: datetime) -> None:
        """Drops what need not be kept any more, so that the file does not grow for ever."""
        with self._database.transaction():
            self._database.write(
                "UPDATE batches SET document = NULL WHERE state = 'acknowledged' AND document IS NOT NULL "
                "AND (settled_at < ? OR number <= ?)",
                to_milliseconds(now - HISTORY),
                self._beyond_the_largest(),
            )
            # The newest says where the chain stands.
            self._database.write(
                "DELETE FROM batches WHERE state = 'acknowledged' AND document IS NULL AND settled_at < ? "
                "AND number < (SELECT max(number) FROM batches)",
                to_milliseconds(now - LINES),
            )

    def _beyond_the_largest(self) -> int:
        """The newest batch whose document finds no room in LARGEST_HISTORY; 0 where all do."""
        octets = 0
        for row in self._database.rows(
            "SELECT number, length(document) AS octets FROM batches "
            "WHERE state = 'acknowledged' AND document IS NOT NULL ORDER BY number DESC"
        ):
            octets += row["octets"]
            if octets > LARGEST_HISTORY:
                return int(row["number"])
        return 0


def _fitting(reads: _Numbered, packed: Callable[[_Numbered], bytes]) -> list[_Numbered]:
    """`reads` in as few parts as fit into a batch each. One talkative device must not make the collector refuse
    the reads of all others; a read that is too large alone goes alone."""
    if len(reads) == 1 or _fits(packed(reads)):
        return [reads]
    half = len(reads) // 2
    return _fitting(reads[:half], packed) + _fitting(reads[half:], packed)


def _fits(packed: bytes) -> bool:
    if len(packed) + _ENVELOPE > batch.LARGEST_SEALED:
        return False
    try:
        batch.inflate(packed, batch.LARGEST_DOCUMENT - _ENVELOPE)
    except batch.NotADocument:
        return False
    return True


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_milliseconds(milliseconds)


def _batch(row: Row) -> Batch:
    return Batch(
        number=row["number"],
        agent=row["agent"],
        sequence=row["sequence"],
        hash=row["hash"],
        octets=row["octets"],
        reads=row["reads"],
        report_at=_instant(row["report_at"]),
        state=row["state"],
        attempts=row["attempts"],
        last_error=row["last_error"],
        made_at=from_milliseconds(row["made_at"]),
        tried_at=_instant(row["tried_at"]),
        settled_at=_instant(row["settled_at"]),
        exported_at=_instant(row["exported_at"]),
        carried=bool(row["carried"]),
    )
