"""Every list as a file: CSV for programs, XLSX for people. One table of fields says what stands in both.

The rows go into a temporary file before the first octet leaves: whoever downloads slowly holds no connection to the
database, and a hundred thousand rows take no more memory than one.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, Final, Generic, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard import downloads
from flexprint_server.dashboard.door import Door
from flexprint_server.dashboard.pages import error_page
from flexprint_server.reports.archive import Overfull
from flexprint_server.reports.cells import shown
from flexprint_server.reports.sheets import Row, write
from flexprint_server.reports.skeleton import INSTANT, NUMBER, TEXT, Column, Sheet, Tone
from flexprint_server.tenants.roles import Permission
from flexprint_server.tenants.sign_in import Visitor

__all__ = ["INSTANT", "NUMBER", "TEXT", "Export", "Field", "add"]

KINDS: Final = ("csv", "xlsx")

_IN_MEMORY: Final = 1 << 20
"""Octets of a file that are kept in memory; beyond them it lies on the disk."""

# Where a semicolon separates (Excel in much of Europe), what follows one begins a cell.
_AFTER_SEMICOLON: Final = re.compile(r";(?=[=+\-@])")

_TOO_LONG: Final = ("That list is too long for Excel", "Take the CSV file, or narrow the list down with its filters.")

T = TypeVar("T")


@dataclass(slots=True, frozen=True)
class Field(Generic[T]):
    """A column: what stands over it, and what of a row stands in it (None for nothing). Instants are in UTC, and their
    headings say so. `width` is in characters."""

    heading: str
    value: Callable[[T], str | float | datetime | None]
    width: float = 20
    format: str = TEXT


@dataclass(slots=True, frozen=True)
class Export(Generic[T]):
    """A list under `title`. `rows` asks for all of it, a few at a time (database.FEW_AT_A_TIME), with what stands
    behind the question mark of the page's address, so that the filters in force hold; the session sees what the
    visitor may. `tone` of a row is one of `tones`: how it looks to people."""

    title: str
    fields: Sequence[Field[T]]
    rows: Callable[[Session, Visitor, Mapping[str, str], datetime], Iterable[T]]
    tone: Callable[[T], str] = lambda _: "plain"
    tones: Mapping[str, Tone] = field(default_factory=lambda: {"plain": Tone()})


def add(pages: APIRouter, door: Door, path: str, export: Export[Any], permission: Permission | None = None) -> None:
    """The routes `path`.csv and `path`.xlsx, for those who may see the page at `path`."""
    allowed = Depends(door.allowed(permission) if permission else door.visitor)
    for kind in KINDS:
        pages.add_api_route(f"{path}.{kind}", _route(door, export, kind, allowed), methods=["GET"])


def _route(door: Door, export: Export[Any], kind: str, allowed: Any) -> Callable[..., Response]:
    def file_of_all(request: Request, visitor: Annotated[Visitor, allowed]) -> Response:
        now = door.now(visitor)
        try:
            file = _filled(door, export, kind, visitor, request.query_params, now)
        except Overfull:
            return error_page(413, said=_TOO_LONG)
        return downloads.streamed(file, f"{export.title} {now:%Y-%m-%d}.{kind}", _TYPES[kind])

    return file_of_all


def _filled(
    door: Door, export: Export[Any], kind: str, visitor: Visitor, query: Mapping[str, str], now: datetime
) -> IO[bytes]:
    with ExitStack() as unless_it_fails:
        file = unless_it_fails.enter_context(SpooledTemporaryFile(_IN_MEMORY))
        with door.database.reading(visitor.scope) as session:
            _WRITERS[kind](file, export, export.rows(session, visitor, query, now), now)
        unless_it_fails.pop_all()
    return file


def write_csv(file: IO[bytes], export: Export[T], rows: Iterable[T], now: datetime) -> None:
    """RFC 4180 in UTF-8 with the mark that Excel knows it by. Text stands in quotation marks and cannot become a
    formula."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([field.heading for field in export.fields])
    writer.writerows([_plain(field.value(row)) for field in export.fields] for row in rows)
    text.flush()
    text.detach()


def write_xlsx(file: IO[bytes], export: Export[T], rows: Iterable[T], now: datetime) -> None:
    """One sheet. Raises Overfull."""
    columns = [Column(field.heading, field.width, field.format) for field in export.fields]
    write(file, Sheet(export.title, columns, export.tones), _toned(export, rows), title=export.title, made_at=now)


def _toned(export: Export[T], rows: Iterable[T]) -> Iterator[Row]:
    return ((export.tone(row), [field.value(row) for field in export.fields]) for row in rows)


def _plain(value: str | float | datetime | None) -> str | float:
    match value:
        case None:
            return ""
        case str():
            return _AFTER_SEMICOLON.sub("; ", shown(value))
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case _:
            return value


_WRITERS: Final = {"csv": write_csv, "xlsx": write_xlsx}
_TYPES: Final = {"csv": downloads.CSV, "xlsx": downloads.XLSX}
