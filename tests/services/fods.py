"""The cells of a spreadsheet as LibreOffice understood them: its flat XML (ODF 1.3), read without any library of ours."""

import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

_NAMES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "fo": "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0",
}

Value = str | float | datetime | None


class Cell(NamedTuple):
    """`fill` and `ink` are colours like #fff4b8, None where nothing is said."""

    value: Value
    fill: str | None
    ink: str | None
    formula: str | None


def understood(soffice: str, workbook: Path) -> dict[str, list[list[Cell]]]:
    """Each sheet's rows, without what is empty at their ends. The flat file lies beside the workbook afterwards."""
    profile = f"-env:UserInstallation=file://{workbook.parent}/profile"
    command = [soffice, profile, "--headless", "--norestore", "--convert-to", "fods"]
    subprocess.run(
        [*command, "--outdir", str(workbook.parent), str(workbook)], check=True, capture_output=True, timeout=180
    )
    # A flat file is one that somebody on this machine has just written.
    root = ET.parse(workbook.with_suffix(".fods")).getroot()
    styles = _styles(root)
    return {_of(sheet, "table:name"): _rows(sheet, styles) for sheet in root.iter(_tag("table:table"))}


def _tag(name: str) -> str:
    space, _, local = name.partition(":")
    return f"{{{_NAMES[space]}}}{local}"


def _of(element: ET.Element, name: str) -> str:
    return element.get(_tag(name), "")


def _styles(root: ET.Element) -> dict[str, tuple[str | None, str | None]]:
    found = {}
    for style in root.iter(_tag("style:style")):
        cell = style.find("style:table-cell-properties", _NAMES)
        text = style.find("style:text-properties", _NAMES)
        fill = None if cell is None else _of(cell, "fo:background-color")
        ink = None if text is None else _of(text, "fo:color")
        found[_of(style, "style:name")] = (None if fill in ("", "transparent") else fill, ink or None)
    return found


def _rows(sheet: ET.Element, styles: dict[str, tuple[str | None, str | None]]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for row in sheet.iter(_tag("table:table-row")):
        cells: list[Cell] = []
        for one in row:
            cell = _cell(one, styles)
            times = int(_of(one, "table:number-columns-repeated") or 1)
            cells += [cell] * (times if times < 1000 else 0)
        while cells and cells[-1].value is None:
            cells.pop()
        times = int(_of(row, "table:number-rows-repeated") or 1)
        rows += [cells] * (times if times < 1000 else 0)
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _cell(cell: ET.Element, styles: dict[str, tuple[str | None, str | None]]) -> Cell:
    fill, ink = styles.get(_of(cell, "table:style-name"), (None, None))
    return Cell(_value(cell), fill, ink, cell.get(_tag("table:formula")))


def _value(cell: ET.Element) -> Value:
    match _of(cell, "office:value-type"):
        case "float" | "percentage":
            return float(_of(cell, "office:value"))
        case "date":
            return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+$", r"\1", _of(cell, "office:date-value")))
        case "string":
            return "\n".join(_text(line) for line in cell.findall("text:p", _NAMES))
        case _:
            return None


def _text(line: ET.Element) -> str:
    said = [line.text or ""]
    for part in line:
        if part.tag == _tag("text:s"):
            said.append(" " * int(_of(part, "text:c") or 1))
        else:
            said.append("\t" if part.tag == _tag("text:tab") else _text(part))
        said.append(part.tail or "")
    return "".join(said)
