"""Whatever text a device sends, a cell shows it as text and nothing else."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.reports.cells import LONGEST_TEXT, day_number, shown, text_xml


@pytest.mark.parametrize(
    ("text", "in_the_cell"),
    [
        ("Front desk", "Front desk"),
        ("00012345", "00012345"),
        ("Büro 12", "Büro 12"),
        ("本社 3階", "本社 3階"),
        ("Smith & Sons <main>", "Smith & Sons <main>"),
        ('a "quoted" name', 'a "quoted" name'),
        ("=1+1", "'=1+1"),
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-2nd floor", "'-2nd floor"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "'=1+1"),
        ("\r\n=1+1", "'=1+1"),
        ("  =1+1", "'=1+1"),
        ("\u200b=1+1", "'=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-", "-"),
        ("--", "--"),
        ("bell\x07 and null\x00", "bell and null"),
        ("two\nlines", "two lines"),
        ("right\u202eto left", "rightto left"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("not a character \uffff", "not a character"),
        ("", ""),
    ],
)
def test_text_is_shown_on_one_line_and_never_begins_like_a_formula(text, in_the_cell):
    """The apostrophe is what a spreadsheet itself puts there; it survives an export to CSV."""
    assert shown(text) == in_the_cell
    assert ET.fromstring(f"<t>{text_xml(text)}</t>").text == (in_the_cell or None)


@pytest.mark.parametrize("text", ["_x003D_1+1", "a_x000d_b", "_x005F_x"])
def test_text_that_looks_like_an_escape_stays_what_it_is(text):
    """Excel reads _x003D_ as an equals sign; an escaped underscore is read as the underscore it is."""
    assert text_xml(text).replace("_x005F_", "_") == text
    assert text_xml(text) != text


def test_a_cell_holds_no_more_than_excel_takes():
    """Excel counts UTF-16 units, and a pair is never cut in two."""
    assert len(shown("x" * 40_000)) == LONGEST_TEXT
    printer = "\U0001f5a8"
    assert shown(printer * 40_000) == printer * (LONGEST_TEXT // 2)


@given(st.text())
def test_no_text_breaks_the_sheet(text):
    """Well-formed whatever comes, and read back as what is shown."""
    read = ET.fromstring(f"<t>{text_xml(text)}</t>").text or ""
    assert read.replace("_x005F_", "_") == shown(text)


@given(st.sampled_from("=+-@\uff1d\uff0b"), st.text(alphabet="abc(1)!'|", min_size=1).filter(str.isalnum))
def test_no_formula_gets_through(first, rest):
    assert text_xml(first + rest).startswith("'")


@pytest.mark.parametrize(
    ("instant", "number"),
    [
        (datetime(1900, 3, 1, tzinfo=UTC), 61),
        (datetime(2026, 11, 22, tzinfo=UTC), 46348),
        (datetime(2026, 11, 22, 18, tzinfo=UTC), 46348.75),
    ],
)
def test_instants_are_counted_as_spreadsheets_do(instant, number):
    """Days since the end of 1899, with the 29 February 1900 that never was."""
    assert day_number(instant) == number
