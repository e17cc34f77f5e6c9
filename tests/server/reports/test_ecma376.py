"""The parts of a workbook fit each other as ECMA-376 wants it: what does not makes Excel offer a repair."""

import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from posixpath import dirname, join, normpath
from xml.etree import ElementTree as ET

import pytest

from flexprint_server.reports.workbook.rows import About, DeviceRow, VolumeRow
from flexprint_server.reports.workbook.writing import Contents, write_workbook
from flexprint_shared.usage import Reading, history
from services.sites import TONER

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
NASTY = "=1+1\t\r\n\x00\x0b\ud800\uffff\u202e]]><&\"'_x000d_" + "\U0001f5a8" * 40_000
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# CT_Worksheet is a sequence (ECMA-376 part 1, 18.3.1.99): these of its elements, in this order.
ORDER = (
    "sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "autoFilter", "printOptions",
    "pageMargins", "pageSetup", "headerFooter", "ignoredErrors",
)  # fmt: skip


@pytest.fixture(scope="module")
def parts():
    """A workbook of every sheet, with what devices may say at their worst, as {name of a part: its octets}."""
    device = DeviceRow(
        NASTY, NASTY, NASTY, NASTY, "0007", NASTY, "10.1.2.3", NASTY, NASTY, "idle", ["lowToner"],
        NOW - timedelta(days=2), NOW - timedelta(days=9), {"total": (2**63 - 1, "impressions", "vendor")},
        [{**TONER, "name": NASTY}],
    )  # fmt: skip
    read = [Reading(NOW - timedelta(days=9 - number), value) for number, value in enumerate((10**16, 3, 9))]
    volume = VolumeRow(device, ("total", "impressions"), history(read).volume(NOW - timedelta(days=9), NOW))
    file = io.BytesIO()
    about = About(NASTY, NASTY, NOW, [("total", "impressions")], figures=40, since=NOW - timedelta(days=9), until=NOW)
    write_workbook(file, about, [device] * 40, Contents(("supplies", "volume", "import")), [volume] * 3)
    with zipfile.ZipFile(file) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist()), "no part twice"
        return {name: archive.read(name) for name in archive.namelist()}


def sheets_of(parts):
    return {name: ET.fromstring(octets) for name, octets in parts.items() if name.startswith("xl/worksheets/sheet")}


def test_every_part_has_its_type_and_every_type_its_part(parts):
    types = ET.fromstring(parts["[Content_Types].xml"])
    named = {entry.get("PartName", "")[1:] for entry in types if entry.tag.endswith("Override")}
    by_ending = {entry.get("Extension") for entry in types if entry.tag.endswith("Default")}
    assert named <= set(parts)
    for name in set(parts) - named - {"[Content_Types].xml"}:
        assert name.rpartition(".")[2] in by_ending, name
    assert not {name for name in parts if name.startswith("xl/worksheets/sheet")} - named


def test_every_relation_leads_somewhere(parts):
    found = 0
    for name, octets in parts.items():
        if not name.endswith(".rels"):
            continue
        base = dirname(dirname(name))
        for relation in ET.fromstring(octets):
            target = relation.get("Target", "")
            assert (target[1:] if target.startswith("/") else normpath(join(base, target))) in parts
            found += 1
    assert found >= 5 + 3, "five sheets, styles, theme, the book"


def test_elements_stand_in_the_order_of_the_schema(parts):
    for name, sheet in sheets_of(parts).items():
        tags = [child.tag.removeprefix(MAIN) for child in sheet]
        assert tags == sorted(tags, key=ORDER.index), name
        assert len(set(tags)) == len(tags), name


def test_rows_and_cells_rise_and_none_is_there_twice(parts):
    for sheet in sheets_of(parts).values():
        rows = list(sheet.iter(f"{MAIN}row"))
        assert [int(row.get("r", 0)) for row in rows] == list(range(1, len(rows) + 1))
        for row in rows:
            letters = [re.sub("[0-9]", "", cell.get("r", "")) for cell in row]
            assert {cell.get("r") for cell in row} == {f"{letter}{row.get('r')}" for letter in letters}
            assert letters == sorted(set(letters), key=lambda letter: (len(letter), letter))


def test_every_style_that_a_cell_names_is_there_and_counted(parts):
    styles = ET.fromstring(parts["xl/styles.xml"])
    counted = {child.tag: (child.get("count"), len(child)) for child in styles if child.get("count")}
    assert all(int(said or 0) == there for said, there in counted.values()), counted
    formats = len(styles.find(f"{MAIN}cellXfs") or ())
    named = {int(cell.get("s", 0)) for sheet in sheets_of(parts).values() for cell in sheet.iter(f"{MAIN}c")}
    assert max(named) < formats


def test_no_cell_is_a_formula_and_no_text_is_too_long(parts):
    for sheet in sheets_of(parts).values():
        for cell in sheet.iter(f"{MAIN}c"):
            assert cell.get("t") in (None, "s", "inlineStr")
            assert cell.find(f"{MAIN}f") is None
            text = "".join(part.text or "" for part in cell.iter(f"{MAIN}t"))
            assert len(text.replace("_x005F_", "_").encode("utf-16-le")) // 2 <= 32_767
            if cell.find(f"{MAIN}v") is not None:
                float(cell.findtext(f"{MAIN}v") or "nothing")


def test_names_of_sheets_are_ones_that_excel_takes(parts):
    book = ET.fromstring(parts["xl/workbook.xml"])
    names = [sheet.get("name", "") for sheet in book.iter(f"{MAIN}sheet")]
    assert names == ["Devices", "Supplies", "Volume", "Import", "About"]
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)
