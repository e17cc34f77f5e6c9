"""Another program opens the workbook without repairing anything, and finds in it what we wrote."""

import io
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest

from flexprint_server.reports.workbook.rows import About, DeviceRow
from flexprint_server.reports.workbook.writing import write_workbook
from server.reports.test_workbook import NOW, a_device
from services.sites import TONER

SOFFICE = shutil.which("soffice")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not here: `make test-system` installs it"),
]
HOSTILE = ("=1+1", "@SUM(A1)", "_x003D_1+1", "<&>\"'", "本社 3階", "two\nlines", "\x07bell", "-")


def fleet() -> list[DeviceRow]:
    waste = {**TONER, "kind": "wasteToner", "name": "Waste", "percent": None, "level": -3, "state": "some"}
    devices = [
        a_device(serial=f"{number:010}", meters={"total": [number * 7919, "impressions", "vendor"], "scan": [number, "scans", "vendor"]}, supplies=[TONER, waste])
        for number in range(500)
    ]  # fmt: skip
    return [
        *devices,
        *(a_device(serial=text, name=text, location=text, supplies=[{**TONER, "name": text}]) for text in HOSTILE),
    ]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the workbook as we wrote it, and as LibreOffice read and wrote it again."""
    folder = tmp_path_factory.mktemp("office")
    devices = fleet()
    file = io.BytesIO()
    about = About("Harbour Dental", "Main Street", NOW, [("total", "impressions"), ("scan", "scans")])
    write_workbook(file, about, devices)
    (folder / "ours.xlsx").write_bytes(file.getvalue())
    for kind, to in (("xlsx", "theirs"), ("pdf", "print")):
        subprocess.run(
            [str(SOFFICE), f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore",
             "--convert-to", kind, "--outdir", str(folder / to), str(folder / "ours.xlsx")],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    return folder


def cells(path: Path) -> dict[str, list[tuple[object, ...]]]:
    book = openpyxl.load_workbook(path)
    return {sheet.title: [tuple(cell.value for cell in row) for row in sheet.iter_rows()] for sheet in book}


def test_every_cell_is_understood(converted: Path) -> None:
    """Text as text, figures as figures, instants as instants; nothing calculated, nothing lost."""
    ours = cells(converted / "ours.xlsx")
    theirs = cells(converted / "theirs" / "ours.xlsx")
    assert list(theirs) == ["Devices", "Supplies", "Import", "About"]
    for sheet, rows in ours.items():
        # An escaped underscore is read as an underscore there, and written escaped only where it has to be.
        expected = [tuple(unescaped(value) for value in row) for row in rows]
        assert [tuple(unescaped(value) for value in row) for row in theirs[sheet]] == expected


def unescaped(value: object) -> object:
    return value.replace("_x005F_", "_") if isinstance(value, str) else value


def test_no_cell_is_a_formula_there_either(converted: Path) -> None:
    book = openpyxl.load_workbook(converted / "theirs" / "ours.xlsx")
    assert not [cell.coordinate for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def test_it_keeps_its_looks(converted: Path) -> None:
    """Filter, widths, colours and formats survive the round. (Panes do not: a LibreOffice without a window has no
    view to freeze, whoever wrote the file.)"""
    ours = openpyxl.load_workbook(converted / "ours.xlsx")["Devices"]
    theirs = openpyxl.load_workbook(converted / "theirs" / "ours.xlsx")["Devices"]
    assert theirs.auto_filter.ref == ours.auto_filter.ref
    assert theirs["A1"].fill.fgColor.rgb == ours["A1"].fill.fgColor.rgb
    assert theirs["J2"].number_format == "#,##0"
    assert theirs.column_dimensions["D"].width == pytest.approx(ours.column_dimensions["D"].width, abs=1)


def test_it_prints(converted: Path) -> None:
    assert (converted / "print" / "ours.pdf").read_bytes().startswith(b"%PDF")
