"""A workbook without rows, as openpyxl makes it: headings, columns, panes, filters, print settings, styles, properties;
and on each sheet a sample row in every style, from which rows take the numbers of theirs."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from math import ceil
from typing import Final, Literal

from openpyxl import Workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from flexprint_server.reports.cells import LAST_ROW, shown
from flexprint_shared.times import rfc3339

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

UNCOUNTED: Final = LAST_ROW - 1
"""Stands for the last row until the rows have been counted."""

_ROW_HEIGHT: Final = 18
# Characters on a landscape page of A4 that can still be read, at some six points.
_WIDEST_PAGE: Final = 270
_PROPERTIES: Final = "docProps/core.xml"
_MODIFIED: Final = re.compile(r"(<dcterms:modified [^>]*>)[^<]*")


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
    """A sheet without `headings` is a page to read: no heading row, no filter, no lines, text wrapped. Instants are
    shown on the clock of `zone`. A wide one with a `key` is printed on several pages side by side, with the column of
    that name on each."""

    title: str
    columns: Sequence[Column]
    tones: Mapping[str, Tone] = field(default_factory=lambda: {"plain": Tone()})
    headings: bool = True
    zone: tzinfo = UTC
    key: str = ""


def corner(sheet: Sheet, row: int, absolute: str = "") -> str:
    """The cell at the right end of `row`: `T10001`, or `$T$10001`."""
    return f"{absolute}{get_column_letter(len(sheet.columns))}{absolute}{row}"


def skeleton(sheets: Sequence[Sheet], title: str, made_at: datetime) -> dict[str, str]:
    """The files in a workbook of these sheets, by their names."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for sheet in sheets:
        _lay_out(book.create_sheet(sheet.title), sheet)
    book.properties.title = shown(title)
    book.properties.creator = "FlexPrint Tracker"
    # openpyxl writes instants without a zone and marks them UTC.
    book.properties.created = made_at.astimezone(UTC).replace(tzinfo=None)
    file = io.BytesIO()
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    # openpyxl puts the clock of this computer there.
    parts[_PROPERTIES] = _MODIFIED.sub(rf"\g<1>{rfc3339(made_at)}", parts[_PROPERTIES])
    return parts


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
    page.auto_filter.ref = f"A1:{corner(sheet, UNCOUNTED)}"
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
    # A figure that is cut off at its column's edge would be another figure.
    shrink = lines and column.side == "right"
    cell.alignment = Alignment(
        horizontal=column.side, vertical=vertical, wrap_text=not lines, shrink_to_fit=shrink, indent=1
    )
    if lines:
        cell.border = Border(bottom=_LINE, right=_LINE)
    if tone.fill:
        cell.fill = PatternFill("solid", fgColor=tone.fill)
