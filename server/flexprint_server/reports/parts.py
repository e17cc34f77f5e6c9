"""A workbook in the database: in parts, of which one at a time is in memory, however large the file is."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from flexprint_server.database import Database, Scope
from flexprint_server.reports.models import Report, WorkbookPart

PART: Final = 1 << 20
"""Octets of each part but the last."""


@dataclass(slots=True, frozen=True)
class Stored:
    """A report's workbook: the name of its file, its octets, and the number of parts that they are in."""

    report_id: int
    name: str
    size: int
    parts: int


def keep(session: Session, report_id: int, file: IO[bytes]) -> None:
    """Stores the file, from its beginning, in place of whatever was stored before."""
    session.execute(delete(WorkbookPart).where(WorkbookPart.report_id == report_id))
    file.seek(0)
    for number, content in enumerate(iter(partial(file.read, PART), b"")):
        session.execute(insert(WorkbookPart).values(report_id=report_id, number=number, content=content))


def find(dealer_id: int, session: Session, report_id: int) -> Stored | None:
    """None when this dealer has no such report, or its workbook is not built yet."""
    # Neither database reads the octets for their length.
    row = session.execute(
        select(Report.file_name, func.sum(func.length(WorkbookPart.content)), func.count())
        .join(WorkbookPart, WorkbookPart.report_id == Report.id)
        .where(Report.dealer_id == dealer_id, Report.id == report_id)
        .group_by(Report.id, Report.file_name)
    ).first()
    return Stored(report_id, row[0] or f"report-{report_id}.xlsx", row[1], row[2]) if row else None


def part(session: Session, stored: Stored, number: int) -> bytes:
    """The octets of one part. Raises NoResultFound."""
    return session.scalars(
        select(WorkbookPart.content).where(WorkbookPart.report_id == stored.report_id, WorkbookPart.number == number)
    ).one()


def every_part(database: Database, scope: Scope, stored: Stored) -> Iterator[bytes]:
    """Each in a transaction of its own: somebody who fetches it slowly holds no connection meanwhile. Raises
    NoResultFound where it was erased in between."""
    for number in range(stored.parts):
        with database.reading(scope) as session:
            content = part(session, stored, number)
        yield content
