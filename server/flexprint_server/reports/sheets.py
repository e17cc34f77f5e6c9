"""Worksheets of any length in little memory.

openpyxl makes the workbook's skeleton; between <sheetData> and </sheetData> the rows are streamed as text with the
style numbers of its sample rows. That is many times as fast as openpyxl's own writers, whose cost is a few Python
objects per cell, and takes no memory per row. All sheets of a workbook are open at once, so that one walk over the
devices fills them all, and what several rows have in common is made once.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Final, NamedTuple

from openpyxl.utils import get_column_letter

from flexprint_server.reports.archive import Overfull, Part, put_together
from flexprint_server.reports.cells import EXACT, LAST_ROW, day_number, text_xml
from flexprint_server.reports.skeleton import BODY, UNCOUNTED, Sheet, Tone, corner, skeleton


class Strong(NamedTuple):
    """A value that should catch the eye."""

    value: "str | float"


CellValue = str | float | datetime | Strong | None
Row = tuple[str, Sequence[CellValue]]
"""The name of the row's tone, and its values in the order of the columns."""

# Stands for the number of the row in cells that are made already; no text has it in it (cells.shown).
_MARK: Final = "\0"
# Rows are deflated when there are so many characters of them.
_AT_ONCE: Final = 1 << 16
_BOOK: Final = "xl/workbook.xml"


class _Shape(NamedTuple):
    """What stands before a value in one column of one tone; `blank` is a whole cell."""

    blank: str
    figure: str
    text: str
    strong: "_Shape | None" = None


class Page:
    """A sheet that is being written."""

    def __init__(self, sheet: Sheet, part: str, into: Part) -> None:
        self._sheet = sheet
        self.title = sheet.title
        self._into = into
        self._waiting: list[str] = []
        self._characters = 0
        self.last = int(sheet.headings)
        """The number of the last row."""
        head, _, rest = part.partition("<sheetData>")
        samples, _, self._tail = rest.partition("</sheetData>")
        self._shapes = _shapes(sheet, samples)
        self._opening = {name: f'<row r="{_MARK}"{_row_attributes(tone)}>' for name, tone in sheet.tones.items()}
        # The range that openpyxl noted is that of the sample rows; without one, readers look for themselves.
        into.write((re.sub("<dimension [^>]*/>", "", head) + "<sheetData>").encode())
        if sheet.headings:
            into.write(samples[: samples.index("</row>") + len("</row>")].encode())

    def cells(self, tone: str, values: Sequence[CellValue], first: int = 0) -> str:
        """The values as cells from column `first` on, of whichever row they are given to."""
        pieces: list[str] = []
        shapes = self._shapes[tone][first : first + len(values)]
        # Text and figures are dealt with right here: a call per cell would cost as much as all the rest.
        for shape, value in zip(shapes, values, strict=True):
            blank, figure, text, _ = shape
            if value is None:
                pieces.append(blank)
            elif type(value) is str:
                pieces.append(f"{text}{text_xml(value)}</t></is></c>")
            elif type(value) is int or type(value) is float:
                pieces.append(f"{figure}{value}</v></c>" if -EXACT <= value <= EXACT else f"{text}{value}</t></is></c>")
            else:
                pieces.append(self._rarer_cell(shape, value))
        return "".join(pieces)

    def figure(self, tone: str, column: int, value: int) -> str:
        """The one cell of a figure, like cells()."""
        _, figure, text, _ = self._shapes[tone][column]
        return f"{figure}{value}</v></c>" if -EXACT <= value <= EXACT else f"{text}{value}</t></is></c>"

    def _rarer_cell(self, shape: _Shape, value: CellValue) -> str:
        if isinstance(value, datetime):
            return f"{shape.figure}{day_number(value, self._sheet.zone)}</v></c>"
        assert isinstance(value, Strong)
        assert shape.strong
        if isinstance(value.value, str):
            return f"{shape.strong.text}{text_xml(value.value)}</t></is></c>"
        return f"{shape.strong.figure}{value.value}</v></c>"

    def add(self, tone: str, cells: str) -> None:
        """One more row, of these cells(). Raises Overfull."""
        self.last += 1
        if self.last > LAST_ROW:
            raise Overfull(f"the sheet {self.title} would have more than {LAST_ROW} rows")
        row = f"{self._opening[tone]}{cells}</row>".replace(_MARK, str(self.last))
        self._waiting.append(row)
        self._characters += len(row)
        if self._characters > _AT_ONCE:
            self._write()

    def add_all(self, rows: Iterable[Row]) -> None:
        """A row for each. Raises Overfull."""
        for tone, values in rows:
            self.add(tone, self.cells(tone, values))

    def _write(self) -> None:
        self._into.write("".join(self._waiting).encode())
        self._waiting.clear()
        self._characters = 0

    def finish(self) -> None:
        """Nothing is added any more."""
        self._write()
        tail = self._tail.replace(corner(self._sheet, UNCOUNTED), corner(self._sheet, self.last))
        if self._sheet.headings:
            # A serial that looks like a figure is meant to be text: no green corner for it.
            everything = f'<ignoredError sqref="A1:{corner(self._sheet, self.last)}" numberStoredAsText="1"/>'
            tail = tail.replace("</worksheet>", f"<ignoredErrors>{everything}</ignoredErrors></worksheet>")
        self._into.write(f"</sheetData>{tail}".encode())
        self._into.finish()

    def named_in(self, book: str) -> str:
        """The part about the whole book, with the range of this sheet's filter, which stands there as a hidden name."""
        named = f"'{self.title}'!$A$1:"
        return book.replace(named + corner(self._sheet, UNCOUNTED, "$"), named + corner(self._sheet, self.last, "$"))


@contextmanager
def workbook(file: IO[bytes], sheets: Sequence[Sheet], *, title: str, made_at: datetime) -> Iterator[Sequence[Page]]:
    """A page for each sheet, to add rows to; then the workbook is written to `file`. Raises Overfull."""
    parts = skeleton(sheets, title, made_at)
    book = parts.pop(_BOOK)
    names = [f"xl/worksheets/sheet{number}.xml" for number in range(1, len(sheets) + 1)]
    with ExitStack() as files:
        streams = [Part(name, files.enter_context(TemporaryFile())) for name in names]
        pages = [Page(*given) for given in zip(sheets, map(parts.pop, names), streams, strict=True)]
        yield pages
        for page in pages:
            page.finish()
            book = page.named_in(book)
        # The list of types first: by it some programs tell what kind of archive it is.
        others = [_part(name, content) for name, content in sorted({**parts, _BOOK: book}.items())]
        put_together(file, [*others, *streams])


def _part(name: str, content: str) -> Part:
    part = Part(name, io.BytesIO())
    part.write(content.encode())
    part.finish()
    return part


def write(file: IO[bytes], sheet: Sheet, rows: Iterable[Row], *, title: str, made_at: datetime) -> None:
    """A workbook of one sheet. Raises Overfull."""
    with workbook(file, [sheet], title=title, made_at=made_at) as (page,):
        page.add_all(rows)


def _row_attributes(tone: Tone) -> str:
    return f' ht="{1.6 * tone.size:g}" customHeight="1"' if tone.size > BODY else ""


def _shapes(sheet: Sheet, samples: str) -> Mapping[str, Sequence[_Shape]]:
    """For each tone what stands before the values of its columns, read off the sample rows."""
    styles: dict[str, str] = dict(re.findall(r'<c r="([A-Z]+\d+)" s="(\d+)"', samples))
    row = 2 if sheet.headings else 1
    shapes: dict[str, list[_Shape]] = {}
    for tone in sheet.tones:
        shapes[tone] = [_shape(get_column_letter(n), row, styles) for n in range(1, len(sheet.columns) + 1)]
        row += 2
    return shapes


def _shape(letter: str, row: int, styles: Mapping[str, str]) -> _Shape:
    def before(style: str, strong: _Shape | None) -> _Shape:
        cell = f'<c r="{letter}{_MARK}" s="{style}"'
        return _Shape(f"{cell}/>", f"{cell}><v>", f'{cell} t="inlineStr"><is><t>', strong)

    return before(styles[f"{letter}{row}"], before(styles[f"{letter}{row + 1}"], None))
