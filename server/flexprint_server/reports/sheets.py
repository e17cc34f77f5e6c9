"""Worksheets of any length in little memory.

openpyxl makes a workbook of the same sheets with the headings and one sample row in each style: columns, panes,
filters, print settings, styles, properties. Its parts are copied, and between <sheetData> and </sheetData> the
rows are streamed as text with the style numbers of the sample rows. That is several times as fast as openpyxl's
own writers, whose cost is a few Python objects per cell, and takes no memory per row.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import count, islice
from math import ceil
from typing import IO, Final, Literal, NamedTuple

from openpyxl import Workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from flexprint_server.reports.cells import LAST_ROW, day_number, shown, text_xml

TEXT: Final = "@"
NUMBER: Final = "#,##0"
PLAIN: Final = "0"
PERCENT: Final = "0%"
INSTANT: Final = "yyyy-mm-dd hh:mm"

BODY: Final = 11
"""The size of ordinary text, in points."""

_FONT: Final = "Calibri"
_INK: Final = "FF1F2933"
_ALERT: Final = "FFB42318"
_LINE: Final = Side(style="thin", color="FFD9DEE4")
_HEADING_FILL: Final = PatternFill("solid", fgColor="FF2F4858")
_HEADING_FONT: Final = Font(name=_FONT, size=BODY, bold=True, color="FFFFFFFF")

# Stands for the last row until the rows have been counted.
_UNCOUNTED: Final = LAST_ROW - 1
_ROW_HEIGHT: Final = 18
_ROWS_AT_ONCE: Final = 256
# Characters on a landscape page of A4 that can still be read, at some six points.
_WIDEST_PAGE: Final = 270
# zlib's level 6 makes the file an eighth smaller and the whole a fifth slower.
_LEVEL: Final = 3


class Strong(NamedTuple):
    """A value that should catch the eye."""

    value: "str | float"


CellValue = str | float | datetime | Strong | None
Row = tuple[str, Sequence[CellValue]]
"""The name of the row's tone, and its values in the order of the columns."""


@dataclass(slots=True, frozen=True)
class Column:
    """`width` is in characters. Text stands at the left, figures and instants at the right."""

    heading: str
    width: float
    format: str = TEXT

    @property
    def side(self) -> Literal["left", "right"]:
        return "left" if self.format == TEXT else "right"


@dataclass(slots=True, frozen=True)
class Tone:
    """How a row looks. `fill` is a colour as ARGB; what is Strong in it is written in `strong`."""

    fill: str | None = None
    size: float = BODY
    strong: str = _ALERT


@dataclass(slots=True, frozen=True)
class Sheet:
    """`rows` is walked once, after those of the sheets before it. A sheet without `headings` is a page to read:
    no heading row, no filter, no lines, text wrapped. Instants are shown on the clock of `zone`. A wide one
    with a `key` is printed on several pages side by side, with the column of that name on each."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    tones: Mapping[str, Tone] = field(default_factory=lambda: {"plain": Tone()})
    headings: bool = True
    zone: tzinfo = UTC
    key: str = ""


class TooManyRows(Exception):
    """A sheet cannot hold so many rows."""


class _Shape(NamedTuple):
    """What stands around a value in one column of one tone."""

    before: str
    blank: str
    figure: str
    text: str
    strong: "_Shape | None" = None


def write(file: IO[bytes], sheets: Sequence[Sheet], *, title: str, made_at: datetime) -> None:
    """Writes the workbook to a file that can seek. Raises TooManyRows."""
    with zipfile.ZipFile(_skeleton(sheets, title, made_at)) as skeleton:
        parts = {name: skeleton.read(name).decode() for name in skeleton.namelist()}
    book = parts.pop("xl/workbook.xml")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as out:
        for number, sheet in enumerate(sheets, 1):
            name = f"xl/worksheets/sheet{number}.xml"
            last = _write_sheet(out, name, sheet, parts.pop(name))
            # The filter's range stands here once more, as a hidden name.
            named = f"'{sheet.title}'!$A$1:"
            book = book.replace(named + _corner(sheet, _UNCOUNTED, "$"), named + _corner(sheet, last, "$"))
        for name, part in (*parts.items(), ("xl/workbook.xml", book)):
            out.writestr(name, part)


def _corner(sheet: Sheet, row: int, absolute: str = "") -> str:
    """The cell at the right end of `row`: `T10001`, or `$T$10001`."""
    return f"{absolute}{get_column_letter(len(sheet.columns))}{absolute}{row}"


def _write_sheet(out: zipfile.ZipFile, name: str, sheet: Sheet, part: str) -> int:
    """Streams the sheet's rows into its part. Gives the number of its last row."""
    head, _, rest = part.partition("<sheetData>")
    samples, _, tail = rest.partition("</sheetData>")
    last = int(sheet.headings)
    with out.open(name, "w") as stream:
        # The range that openpyxl noted is that of the sample rows; without one, readers look for themselves.
        stream.write((re.sub("<dimension [^>]*/>", "", head) + "<sheetData>").encode())
        if sheet.headings:
            stream.write(samples[: samples.index("</row>") + len("</row>")].encode())
        for rows, lines in _rendered(sheet, _shapes(sheet, samples), last + 1):
            stream.write(lines.encode())
            last += rows
        tail = tail.replace(_corner(sheet, _UNCOUNTED), _corner(sheet, last))
        if sheet.headings:
            # A serial that looks like a figure is meant to be text: no green corner for it.
            everything = f'<ignoredError sqref="A1:{_corner(sheet, last)}" numberStoredAsText="1"/>'
            tail = tail.replace("</worksheet>", f"<ignoredErrors>{everything}</ignoredErrors></worksheet>")
        stream.write(f"</sheetData>{tail}".encode())
    return last


def _rendered(sheet: Sheet, shapes: Mapping[str, Sequence[_Shape]], first: int) -> Iterator[tuple[int, str]]:
    """The rows from number `first` on as XML, some at a time: how many, and their text."""
    opening = {name: _row_attributes(tone) for name, tone in sheet.tones.items()}
    rows, numbers = iter(sheet.rows), count(first)
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        pieces: list[str] = []
        for (tone, values), number in zip(some, numbers, strict=False):
            pieces.append(f'<row r="{number}"{opening[tone]}>')
            # Text and figures are dealt with right here: a call per cell would cost as much as all the rest.
            for shape, value in zip(shapes[tone], values, strict=True):
                before, blank, figure, text, _ = shape
                if value is None:
                    pieces.append(f"{before}{number}{blank}")
                elif (kind := type(value)) is str:
                    pieces.append(f"{before}{number}{text}{text_xml(value)}</t></is></c>")
                elif kind is int or kind is float:
                    pieces.append(f"{before}{number}{figure}{value}</v></c>")
                else:
                    pieces.append(_rarer_cell(shape, number, value, sheet.zone))
            pieces.append("</row>")
            if number > LAST_ROW:
                raise TooManyRows(f"the sheet {sheet.title} would have more than {LAST_ROW} rows")
        yield len(some), "".join(pieces)


def _row_attributes(tone: Tone) -> str:
    return f' ht="{1.6 * tone.size:g}" customHeight="1"' if tone.size > BODY else ""


def _rarer_cell(shape: _Shape, row: int, value: CellValue, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return f"{shape.before}{row}{shape.figure}{day_number(value, zone)}</v></c>"
    assert isinstance(value, Strong)
    assert shape.strong
    if isinstance(value.value, str):
        return f"{shape.before}{row}{shape.strong.text}{text_xml(value.value)}</t></is></c>"
    return f"{shape.before}{row}{shape.strong.figure}{value.value}</v></c>"


# ---------------------------------------------------------------- what openpyxl makes


def _skeleton(sheets: Sequence[Sheet], title: str, made_at: datetime) -> io.BytesIO:
    book = Workbook()
    book.remove(book.worksheets[0])
    for sheet in sheets:
        _lay_out(book.create_sheet(sheet.title), sheet)
    book.properties.title = shown(title)
    book.properties.creator = "FlexPrint Tracker"
    # openpyxl writes instants without a zone and marks them UTC.
    book.properties.created = made_at.replace(tzinfo=None)
    file = io.BytesIO()
    book.save(file)
    return file


def _lay_out(page: Worksheet, sheet: Sheet) -> None:
    for number, column in enumerate(sheet.columns, 1):
        page.column_dimensions[get_column_letter(number)].width = column.width
    if sheet.headings:
        _head(page, sheet)
    row = page.max_row + 1 if sheet.headings else 1
    for tone in sheet.tones.values():
        for strong in (False, True):
            for number, column in enumerate(sheet.columns, 1):
                _dress(page.cell(row, number), column, tone, lines=sheet.headings, strong=strong)
            row += 1
    page.sheet_format.defaultRowHeight = _ROW_HEIGHT
    page.sheet_format.customHeight = sheet.headings
    page.sheet_view.showGridLines = sheet.headings
    page.page_setup.orientation = "landscape" if sheet.headings else "portrait"
    page.page_setup.paperSize = page.PAPERSIZE_A4
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = _pages_wide(sheet), 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    page.page_margins.left = page.page_margins.right = 0.4
    page.page_margins.top, page.page_margins.bottom, page.page_margins.footer = 0.5, 0.7, 0.35
    footer = page.oddFooter
    assert footer is not None
    assert footer.left is not None
    assert footer.right is not None
    footer.left.text, footer.right.text = "&A", "&P / &N"


def _head(page: Worksheet, sheet: Sheet) -> None:
    for number, column in enumerate(sheet.columns, 1):
        cell = page.cell(1, number, column.heading)
        cell.font = _HEADING_FONT
        cell.fill = _HEADING_FILL
        cell.alignment = Alignment(horizontal=column.side, vertical="center", wrap_text=True, indent=1)
    page.row_dimensions[1].height = 33
    page.freeze_panes = "A2"
    page.auto_filter.ref = f"A1:{_corner(sheet, _UNCOUNTED)}"
    page.print_title_rows = "1:1"
    keys = [get_column_letter(n) for n, column in enumerate(sheet.columns, 1) if column.heading == sheet.key]
    if keys and _pages_wide(sheet) > 1:
        page.print_title_cols = f"{keys[0]}:{keys[0]}"


def _pages_wide(sheet: Sheet) -> int:
    """Sheets of paper side by side: on one alone many columns would be too small to read."""
    if not sheet.key:
        return 1
    return ceil(sum(column.width for column in sheet.columns) / _WIDEST_PAGE)


def _dress(cell: Cell | MergedCell, column: Column, tone: Tone, *, lines: bool, strong: bool) -> None:
    cell.number_format = column.format
    cell.font = Font(name=_FONT, size=tone.size, bold=strong, color=tone.strong if strong else _INK)
    vertical: Literal["center", "top"] = "center" if lines else "top"
    cell.alignment = Alignment(horizontal=column.side, vertical=vertical, wrap_text=not lines, indent=1)
    if lines:
        cell.border = Border(bottom=_LINE, right=_LINE)
    if tone.fill:
        cell.fill = PatternFill("solid", fgColor=tone.fill)


def _shapes(sheet: Sheet, samples: str) -> dict[str, list[_Shape]]:
    """For each tone what stands around the values of its columns, read off the sample rows."""
    styles: dict[str, str] = dict(re.findall(r'<c r="([A-Z]+\d+)" s="(\d+)"', samples))
    row = 2 if sheet.headings else 1
    shapes: dict[str, list[_Shape]] = {}
    for tone in sheet.tones:
        shapes[tone] = [_shape(get_column_letter(n), row, styles) for n in range(1, len(sheet.columns) + 1)]
        row += 2
    return shapes


def _shape(letter: str, row: int, styles: Mapping[str, str]) -> _Shape:
    def around(style: str, strong: _Shape | None) -> _Shape:
        return _Shape(
            before=f'<c r="{letter}',
            blank=f'" s="{style}"/>',
            figure=f'" s="{style}"><v>',
            text=f'" s="{style}" t="inlineStr"><is><t>',
            strong=strong,
        )

    return around(styles[f"{letter}{row}"], around(styles[f"{letter}{row + 1}"], None))
